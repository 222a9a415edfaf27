//! Flows, and their tokens.

use ott_flows::{Held, Stage, To, Who, token_store::ott_core::Handle};

use super::super::{ChangeKey, Pay, ProveOld, Recover, address};
use super::{
    Driver, MINUTE,
    dice::Dice,
    terms::{Any, Facts, Flow, OPS, Op, Token, agree, of},
};
use crate::wrong;

impl Driver<'_> {
    pub(super) async fn open(&mut self, dice: &mut Dice) -> Result<(), String> {
        let op = [Op::Pay, Op::Pay, Op::ProveOld, Op::Recover][dice.roll(4)];
        let (who, holder) = (dice.roll(2), dice.roll(3));
        let open = op == Op::Recover;
        let expected = self.is_on(op) && (open || !self.locked[who]);
        let (flows, person, name) = (
            self.process(dice),
            Who::Account(&self.people[who]),
            self.holder(holder),
        );
        let opened = match op {
            Op::Pay => flows.open::<Pay>(person, name).await,
            Op::ProveOld => flows.open::<ProveOld>(person, name).await,
            _ => flows.open::<Recover>(person, name).await,
        };
        agree("open", op, expected, &opened)?;
        if let Ok(handle) = opened {
            let facts = Facts {
                op,
                who,
                holder,
                epoch: self.epochs[who],
                ends: self.now() + 24 * 60 * MINUTE,
                parameters: Vec::new(),
                tries: 0,
            };
            self.add(facts, &handle, self.locked[who]);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, facts: Facts, handle: &Handle, decoy: bool) {
        let handle = handle.expose_secret().to_string();
        let (asked, token, older) = (None, None, Vec::new());
        self.flows.push(Flow {
            facts,
            handle,
            over: false,
            decoy,
            asked,
            token,
            older,
        });
    }

    pub(super) async fn send(&mut self, dice: &mut Dice) -> Result<(), String> {
        if self.flows.is_empty() {
            return Ok(());
        }
        let at = self.chosen(dice);
        let flow = &self.flows[at];
        let (op, open) = (flow.facts.op, flow.facts.op == Op::Recover);
        let live = !flow.over && self.now() < flow.facts.ends;
        let expected = self.is_on(op)
            && live
            && (open || self.stands(&flow.facts))
            && self.met(op, Stage::Begin);
        let value = dice.roll(1_000).to_string();
        let to = address("alice");
        let handle = Handle::parse(&flow.handle).unwrap();
        let held = Held {
            handle: &handle,
            tenant: "acme",
            holder: self.holder(flow.facts.holder),
        };
        let name = if op == Op::ChangeKey { "new" } else { "value" };
        let flows = self.process(dice);
        let sent = of!(op, O => flows.send::<O>(&held, To::Verified(&to), &[(name, &value)]).await);
        agree("send", op, expected, &sent)?;
        if sent.is_ok() {
            let mut parameters = self.flows[at].facts.parameters.clone();
            parameters.push((name.into(), value));
            self.asked += 1;
            let decoy = self.flows[at].decoy || !self.stands(&self.flows[at].facts);
            self.flows[at].asked = Some((self.asked, parameters, decoy));
        }
        Ok(())
    }

    pub(super) async fn work(&mut self, dice: &mut Dice) -> Result<(), String> {
        let before = self.here.outbox.messages().len();
        let flows = self.process(dice);
        flows
            .work()
            .await
            .map_err(|error| format!("work: {error}"))?;
        let sent = self.here.outbox.messages().split_off(before);
        let mut sent = sent.iter();
        let mut order: Vec<_> = (0..self.flows.len())
            .filter(|at| self.flows[*at].asked.is_some())
            .collect();
        order.sort_by_key(|at| self.flows[*at].asked.as_ref().map(|(order, ..)| *order));
        let now = self.now();
        for at in order {
            let Some((_, parameters, decoy)) = self.flows[at].asked.take() else {
                continue;
            };
            let facts = self.flows[at].facts.clone();
            if self.flows[at].over
                || now >= facts.ends
                || !self.is_on(facts.op)
                || self.siblings(at, &facts, now) >= 5
            {
                continue;
            }
            let decoy = decoy || !self.stands(&facts);
            let text = if decoy {
                None
            } else {
                Some(
                    sent.next()
                        .ok_or("a message is missing")?
                        .expose_token()
                        .to_owned(),
                )
            };
            let old = self.flows[at].token.replace(Token {
                text,
                at: now,
                parameters,
            });
            self.flows[at].older.extend(old.and_then(|old| old.text));
        }
        match sent.next() {
            None => Ok(()),
            Some(_) => Err("a message too many".into()),
        }
    }

    fn siblings(&self, own: usize, facts: &Facts, now: i64) -> usize {
        let alike = self.flows.iter().enumerate().filter(|(at, flow)| {
            *at != own && flow.facts.op == facts.op && flow.facts.who == facts.who
        });
        alike
            .filter(|(_, flow)| {
                flow.token
                    .as_ref()
                    .is_some_and(|token| now < token.at + 10 * MINUTE)
            })
            .count()
    }

    pub(super) async fn complete(&mut self, dice: &mut Dice) -> Result<(), String> {
        if self.flows.is_empty() {
            return Ok(());
        }
        let at = self.chosen(dice);
        let op = if dice.often(85) {
            self.flows[at].facts.op
        } else {
            OPS[dice.roll(4)]
        };
        let holder = if dice.often(85) {
            self.flows[at].facts.holder
        } else {
            dice.roll(3)
        };
        let typed = self.typed(dice, at);
        let (now, flow) = (self.now(), &self.flows[at]);
        let facts = flow.facts.clone();
        let found = self.is_on(op)
            && facts.op == op
            && facts.holder == holder
            && !flow.over
            && now < facts.ends
            && (op == Op::Recover || self.stands(&facts));
        let token = flow
            .token
            .clone()
            .filter(|token| now < token.at + 10 * MINUTE);
        let tried = found && (token.is_none() || self.met(op, Stage::Step));
        let right = token.as_ref().and_then(|token| token.text.as_ref()) == Some(&typed);
        let expected = tried && right && !flow.decoy && self.stands(&facts);
        let handle = Handle::parse(&flow.handle).unwrap();
        let held = Held {
            handle: &handle,
            tenant: "acme",
            holder: self.holder(holder),
        };
        let flows = self.process(dice);
        let proof = of!(op, O => flows.complete::<O>(&held, &typed).await.map(Any::from));
        agree("complete", op, expected, &proof)?;
        let flow = &mut self.flows[at];
        if tried {
            flow.facts.tries += 1;
            if right {
                flow.token = None;
            }
            if !expected && flow.facts.tries >= 5 {
                (flow.over, flow.token) = (true, None);
            }
        }
        if let (Ok(proof), Some(token)) = (proof, token) {
            flow.over = true;
            let tries = flow.facts.tries - 1;
            self.proofs.push((
                proof,
                Facts {
                    parameters: token.parameters,
                    tries,
                    ..facts
                },
            ));
        }
        Ok(())
    }

    /// The right token, an older one, another flow's, or a wrong one.
    fn typed(&self, dice: &mut Dice, at: usize) -> String {
        let text = |flow: &Flow| flow.token.as_ref().and_then(|token| token.text.clone());
        let own = text(&self.flows[at]);
        let other = text(&self.flows[self.chosen(dice)]);
        let older = self.flows[at].older.last().cloned();
        let chosen = match dice.roll(10) {
            0..7 => own,
            7 => older,
            8 => other,
            _ => own.map(|own| wrong(&own)),
        };
        chosen.unwrap_or_else(|| "BCDF-GHJK".into())
    }
}
