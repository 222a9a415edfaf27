//! What each answer says of a token: a refusal, a row, a list.

use token_store::ott_core::{Reason, State};

use super::{Event, One, final_state, is_final};
use crate::ledger::{
    entry::{Asked, Entry, Seen, Told, Try},
    stock::Kind,
    terms::{Found, Terms},
};

impl One<'_> {
    pub(super) fn check_answer(&self, entry: &Entry, terms: &Terms, found: &mut Found) {
        match (&entry.told, entry.asked) {
            (
                Told::Refused(Reason::Mismatch),
                Asked::Redeem {
                    how: Try::Right, ..
                },
            ) => {
                found
                    .faults
                    .push(format!("the right {} is called wrong", self.name()));
            }
            (Told::Refused(reason), asked) => {
                self.check_refusal(entry, asked, *reason, terms, found)
            }
            (Told::Found(seen), _) => self.check_found(entry, *seen, terms, found),
            _ => {}
        }
    }

    fn check_refusal(
        &self,
        entry: &Entry,
        asked: Asked,
        reason: Reason,
        terms: &Terms,
        found: &mut Found,
    ) {
        let explained = match reason {
            Reason::Mismatch => true,
            Reason::Unknown => {
                if let Some(acknowledged) = self.acknowledged(entry.began)
                    && !self.may_be_purged(entry.ended)
                {
                    found.lost(terms, acknowledged, || {
                        format!("{} at {:?}", self.name(), entry.began)
                    });
                }
                true
            }
            Reason::Pending => {
                let approved = |approval: &Event| approval.is_before(entry.began);
                if self.approvals.iter().any(approved) {
                    found.back += 1;
                    found.undone(terms, || format!("{} waits again", self.name()));
                }
                true
            }
            Reason::NotWaiting => {
                let decided = self
                    .approvals
                    .iter()
                    .any(|approval| approval.may_be_before(entry.ended));
                let ended = self
                    .ends
                    .iter()
                    .any(|(_, end)| end.may_be_before(entry.ended));
                decided || ended || self.token.kind != Kind::Prompt
            }
            Reason::Expired => !terms.clocks_apart.is_zero(),
            // The very try that exhausts it.
            Reason::Exhausted
                if matches!(
                    asked,
                    Asked::Redeem {
                        how: Try::Wrong,
                        ..
                    }
                ) =>
            {
                self.may_be(State::Exhausted, entry.ended)
            }
            reason => final_state(reason).is_some_and(|state| self.may_be(state, entry.ended)),
        };
        if !explained {
            found.losses += 1;
            found.undone(terms, || {
                format!(
                    "lost: {} is refused as {reason:?}, and nobody did that",
                    self.name()
                )
            });
        }
    }

    fn check_found(&self, entry: &Entry, seen: Option<Seen>, terms: &Terms, found: &mut Found) {
        let Some(seen) = seen else {
            if let Some(acknowledged) = self.acknowledged(entry.began)
                && !self.may_be_purged(entry.ended)
            {
                found.lost(terms, acknowledged, || {
                    format!("{} is not found at {:?}", self.name(), entry.began)
                });
            }
            return;
        };
        let counted = |other: &&&Entry| {
            matches!(other.told, Told::Done | Told::Refused(Reason::Mismatch))
                && other.ended <= entry.began
        };
        let least = self.tries.iter().filter(counted).count();
        let most = self
            .tries
            .iter()
            .filter(|other| other.began < entry.ended)
            .count();
        let attempts = usize::try_from(seen.attempts).unwrap_or(usize::MAX);
        if attempts < least {
            found.back += 1;
            found.undone(terms, || {
                format!("{} has {attempts} tries, {least} were told", self.name())
            });
        }
        if attempts > most {
            found.faults.push(format!(
                "{} has {attempts} tries, {most} were made",
                self.name()
            ));
        }
        if is_final(seen.state) {
            if !self.may_be(seen.state, entry.ended) {
                found.faults.push(format!(
                    "{} is {:?}, and nobody did that",
                    self.name(),
                    seen.state
                ));
            }
        } else if let Some((state, _)) =
            self.ends.iter().find(|(_, end)| end.is_before(entry.began))
        {
            found.back += 1;
            found.undone(terms, || {
                format!("{} is {:?} after it was {state:?}", self.name(), seen.state)
            });
        }
    }

    pub(super) fn check_list(&self, entry: &Entry, terms: &Terms, found: &mut Found) {
        let Told::Listed(listed) = &entry.told else {
            return;
        };
        let ended = self.ends.iter().find(|(_, end)| end.is_before(entry.began));
        let may_have_ended = self
            .ends
            .iter()
            .any(|(_, end)| end.may_be_before(entry.ended));
        match (listed.contains(&self.number), ended) {
            (true, Some((state, _))) => {
                found.back += 1;
                found.undone(terms, || {
                    format!("{} is listed after it was {state:?}", self.name())
                });
            }
            (false, None) if !may_have_ended && terms.clocks_apart.is_zero() => {
                if let Some(acknowledged) = self.acknowledged(entry.began) {
                    found.lost(terms, acknowledged, || {
                        format!("{} is not listed", self.name())
                    });
                }
            }
            _ => {}
        }
    }
}
