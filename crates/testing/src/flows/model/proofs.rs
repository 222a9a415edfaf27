//! Proofs: applied, parked, or the beginning of what comes after.

use ott_flows::{Held, Stage, token_store::ott_core::Handle};

use super::super::{ChangeKey, Pay, ProveOld, Recover};
use super::{
    Driver,
    dice::Dice,
    terms::{Any, Facts, OPS, Op, agree, of, told},
};

impl Driver<'_> {
    fn taken(&mut self, dice: &mut Dice) -> Option<(Any, Facts)> {
        if self.proofs.is_empty() {
            return None;
        }
        let at = dice.roll(self.proofs.len());
        Some(self.proofs.swap_remove(at))
    }

    pub(super) async fn apply(&mut self, dice: &mut Dice) -> Result<(), String> {
        let Some((proof, facts)) = self.taken(dice) else {
            return Ok(());
        };
        let op = facts.op;
        let expected = self.is_on(op) && self.stands(&facts) && self.met(op, Stage::Apply);
        let flows = self.process(dice);
        let applied = of!(proof, proof each => flows.apply(each).await.map(told));
        agree("apply", op, expected, &applied)?;
        match applied {
            Ok(told) if told != (self.people[facts.who].clone(), facts.parameters.clone()) => {
                Err(format!("applied {told:?} where {facts:?} was proved"))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn open_after(&mut self, dice: &mut Dice) -> Result<(), String> {
        let Some((Any::ProveOld(proof), facts)) = self.taken(dice) else {
            return Ok(());
        };
        let expected = self.stands(&facts) && self.now() < facts.ends;
        let opened = self.process(dice).open_after::<ChangeKey, _>(proof).await;
        agree("open_after", facts.op, expected, &opened)?;
        if let Ok(handle) = opened {
            self.add(
                Facts {
                    op: Op::ChangeKey,
                    ..facts
                },
                &handle,
                false,
            );
        }
        Ok(())
    }

    pub(super) async fn park(&mut self, dice: &mut Dice) -> Result<(), String> {
        let Some((proof, facts)) = self.taken(dice) else {
            return Ok(());
        };
        let expected = self.now() < facts.ends;
        let flows = self.process(dice);
        let parked = of!(proof, proof each => flows.park(each).await);
        agree("park", facts.op, expected, &parked)?;
        if let Ok(handle) = parked {
            self.parked
                .push((handle.expose_secret().to_string(), facts, false));
        }
        Ok(())
    }

    pub(super) async fn resume(&mut self, dice: &mut Dice) -> Result<(), String> {
        if self.parked.is_empty() {
            return Ok(());
        }
        let at = dice.roll(self.parked.len());
        let (text, facts, over) = self.parked[at].clone();
        let op = if dice.often(80) {
            facts.op
        } else {
            OPS[dice.roll(4)]
        };
        let holder = if dice.often(80) {
            facts.holder
        } else {
            dice.roll(3)
        };
        let found = self.is_on(op)
            && !over
            && op == facts.op
            && holder == facts.holder
            && self.now() < facts.ends;
        let expected = found && self.stands(&facts) && self.met(op, Stage::Step);
        let handle = Handle::parse(&text).unwrap();
        let held = Held {
            handle: &handle,
            tenant: "acme",
            holder: self.holder(holder),
        };
        let flows = self.process(dice);
        let proof = of!(op, O => flows.resume::<O>(&held).await.map(Any::from));
        agree("resume", op, expected, &proof)?;
        if found {
            self.parked[at].2 = true;
        }
        if let Ok(proof) = proof {
            self.proofs.push((proof, facts));
        }
        Ok(())
    }
}
