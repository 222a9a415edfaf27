//! The rules of a record, said again as plain data, without a line of `ott-core`.

use arbitrary::Arbitrary;
use ott_core::{Outcome, Reason, State, Stored};

/// The number that whoever approves repeats.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Said {
    Missing,
    /// Another one; any, where the record has none.
    Other,
    Right,
}

/// What is presented.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub enum Which {
    Right,
    Wrong,
    /// Digested without the record's key.
    OtherKey,
    /// For another record.
    OtherRecord,
    /// The right token, at a server where the record's key is retired.
    AfterRotation,
}

/// The rules: README and `docs/states.md` in arithmetic. Times are microseconds of 128 bits.
#[derive(Clone)]
pub struct Model {
    pub place: Place,
    pub attempts: u32,
    pub most: Option<u32>,
    pub issued: i128,
    pub expires: Option<i128>,
    pub idle: Option<i128>,
    pub used: Option<i128>,
    pub lifetime: Option<i128>,
    pub retired: i128,
    pub not_before: Option<i128>,
    pub owner: Option<&'static str>,
    pub number: Option<u32>,
    pub by_handle: bool,
    pub approved: bool,
}

/// Who decides.
#[derive(Clone, Copy)]
pub enum By {
    Person {
        tenant: &'static str,
        id: &'static str,
    },
    System,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Waiting,
    Ready,
    /// Final, with the refusal that it answers everything with.
    Over(Reason),
}

pub const MINUTE: i128 = 60_000_000;

impl Model {
    pub fn lives(&self, now: i128) -> bool {
        let more = if self.approved { MINUTE } else { 0 };
        let last = self.used.unwrap_or(self.issued);
        now >= self.issued - MINUTE
            && self.expires.is_none_or(|end| now < end + more)
            && self.idle.is_none_or(|idle| now - last < idle)
    }

    pub fn purgeable(&self, now: i128) -> bool {
        let last = self.used.unwrap_or(self.issued);
        let ended = |end: Option<i128>| end.is_some_and(|end| end + MINUTE <= now);
        ended(self.expires)
            || ended(self.idle.map(|idle| last + idle))
            || (matches!(self.place, Place::Over(_)) && self.issued < now)
    }

    /// Where the record's key is retired: why its row does not open.
    pub fn closed(&self) -> Option<Reason> {
        if self.issued >= self.retired {
            return Some(Reason::KeyRetired);
        }
        self.not_before
            .filter(|start| self.issued < *start)
            .map(|_| Reason::NotBefore)
    }

    /// Why nothing was digested under the record's key: the ring lacks it, or it retired so long ago
    /// that its last token has surely expired.
    fn lacks(&self, which: Which, now: i128) -> Option<Reason> {
        let over = |life| now >= self.retired + life + 2 * MINUTE;
        match which {
            Which::OtherKey => Some(Reason::KeyMissing),
            Which::AfterRotation if self.lifetime.is_some_and(over) => Some(Reason::KeyRetired),
            _ => None,
        }
    }

    /// The answer to a right or wrong token, and whether it counts.
    pub fn redeem(&mut self, which: Which, now: i128) -> Result<(), Reason> {
        // Without a handle a wrong token is another record's.
        if which == Which::OtherRecord || (which == Which::Wrong && !self.by_handle) {
            return Err(Reason::Unknown);
        }
        let right = which != Which::Wrong;
        match self.place {
            Place::Over(reason) => return Err(reason),
            _ if !self.lives(now) => return Err(Reason::Expired),
            _ => self.lacks(which, now).map_or(Ok(()), Err)?,
        }
        if self.place == Place::Waiting && right {
            return Err(Reason::Pending);
        }
        self.attempts += 1;
        if right {
            self.place = Place::Over(Reason::Spent);
            self.used = Some(now);
            return Ok(());
        }
        if self.most == Some(self.attempts) {
            self.place = Place::Over(Reason::Exhausted);
            return Err(Reason::Exhausted);
        }
        Err(Reason::Mismatch)
    }

    pub fn decide(&mut self, approves: bool, by: By, now: i128) -> Result<(), Reason> {
        let known = match by {
            By::Person { tenant, id } => {
                tenant == "acme" && self.owner.is_none_or(|owner| owner == id)
            }
            By::System => true,
        };
        match self.place {
            Place::Over(reason) => return Err(reason),
            Place::Ready => return Err(Reason::NotWaiting),
            Place::Waiting if !self.lives(now) => return Err(Reason::Expired),
            Place::Waiting if !known => return Err(Reason::Stranger),
            Place::Waiting => {}
        }
        self.place = if approves {
            Place::Ready
        } else {
            Place::Over(Reason::Denied)
        };
        self.approved = approves;
        if let By::Person { id, .. } = by {
            self.owner = Some(id);
        }
        Ok(())
    }

    pub fn approves(&self, number: Said) -> bool {
        match number {
            Said::Missing => self.number.is_none(),
            Said::Other => false,
            Said::Right => true,
        }
    }

    pub fn matches(&self, stored: &Stored) -> bool {
        let place = match stored.state {
            State::Waiting => Place::Waiting,
            State::Ready => Place::Ready,
            State::Denied => Place::Over(Reason::Denied),
            State::Exhausted => Place::Over(Reason::Exhausted),
            State::Revoked => Place::Over(Reason::Revoked),
            State::Spent => Place::Over(Reason::Spent),
            State::Superseded => Place::Over(Reason::Superseded),
        };
        let used = stored
            .used_at
            .map(|used| i128::from(used.timestamp_micros()));
        let approved = stored
            .decision
            .as_ref()
            .is_some_and(|decision| decision.outcome == Outcome::Approved);
        // Whose it is: the person that it was made for, or who decided.
        let owner = stored.owner();
        let owner = owner.as_ref().map(|owner| (owner.tenant(), owner.id()));
        (place, used, stored.attempts, approved, owner)
            == (
                self.place,
                self.used,
                self.attempts,
                self.approved,
                self.owner.map(|id| ("acme", id)),
            )
    }
}
