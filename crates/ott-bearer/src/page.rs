//! Lists, a page at a time.

use core::{fmt, str::FromStr};

use token_store::{
    TokensError,
    ott_core::{InvalidName, RecordId, Subject, chrono::DateTime},
};

use crate::{Bearers, Facts, Scope};

/// Some of an owner's tokens, oldest first.
#[derive(Clone, Debug)]
pub struct Page<S> {
    /// The tokens.
    pub tokens: Vec<Facts<S>>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

/// Where a page ended. Tokens that end meanwhile move no other one to another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    issued_at: i64,
    id: [u8; 16],
}

impl Cursor {
    fn of<S: Scope>(facts: &Facts<S>) -> Self {
        Self {
            issued_at: facts.issued_at().timestamp_micros(),
            id: *facts.id().as_bytes(),
        }
    }
}

/// For a link: the time in microseconds, a dash, the record's id.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.issued_at, RecordId::from_bytes(self.id))
    }
}

impl FromStr for Cursor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (time, id) = text.rsplit_once('-').ok_or(InvalidName)?;
        let issued_at: i64 = time.parse().map_err(|_| InvalidName)?;
        DateTime::from_timestamp_micros(issued_at).ok_or(InvalidName)?;
        let id = *RecordId::parse(id)?.as_bytes();
        Ok(Self { issued_at, id })
    }
}

impl<S: Scope> Bearers<S> {
    /// The owner's live tokens, oldest first: at most `most` of those after `after`, and one for 0. Rotated ones are among them while
    /// they live.
    ///
    /// Each page reads all of the owner's live tokens, and their notes: it bounds the answer, and
    /// [`Kind::at_most`](crate::Kind::at_most) what is read. Sessions have no such bound: as many are read as sign-ins of
    /// the owner are neither idle nor ended.
    ///
    /// # Errors
    /// An outage, never a shorter list.
    pub async fn page(
        &self,
        owner: &Subject,
        after: Option<Cursor>,
        most: usize,
    ) -> Result<Page<S>, TokensError> {
        let mut tokens = self.list(owner).await?;
        tokens.retain(|facts| after.is_none_or(|after| after < Cursor::of(facts)));
        let most = most.max(1);
        let more = tokens.len() > most;
        tokens.truncate(most);
        let next = tokens.last().filter(|_| more).map(Cursor::of);
        Ok(Page { tokens, next })
    }

    /// Whether so many more are above what [`Kind::at_most`](crate::Kind::at_most) lets this owner have.
    pub(crate) async fn exceeds(&self, owner: &Subject, more: usize) -> Result<bool, TokensError> {
        let Some(most) = self.kind.most else {
            return Ok(false);
        };
        let live = self.tokens.list(self.kind.policy(), owner).await?;
        Ok(live.len().saturating_add(more) > most)
    }

    /// All of the owner's live tokens, oldest first.
    ///
    /// # Errors
    /// An outage, never a shorter list.
    pub async fn list(&self, owner: &Subject) -> Result<Vec<Facts<S>>, TokensError> {
        let mut tokens = self.live(owner).await?;
        let from = self.networks(owner).await?;
        for facts in &mut tokens {
            let noted = from.get(facts.id().as_bytes()).map(String::as_str);
            let made = facts
                .made_from()
                .filter(|_| self.kind.networks.is_some() && facts.is_in_use_since_made());
            facts.used_from = noted.or(made).map(String::from);
        }
        Ok(tokens)
    }

    /// The same, without where they were used from.
    pub(crate) async fn live(&self, owner: &Subject) -> Result<Vec<Facts<S>>, TokensError> {
        let mut tokens = Vec::new();
        for found in self.tokens.list(self.kind.policy(), owner).await? {
            tokens.push(Facts::read(found.stored(), false)?);
        }
        if let Some((old, _)) = &self.kind.rotated {
            let mut older = Vec::new();
            for found in self.tokens.list(old, owner).await? {
                let facts = Facts::read(found.stored(), true)?;
                // It lives on beside its newer one, and not longer.
                if tokens.iter().any(|newer| facts.ends_with(newer.id())) {
                    older.push(facts);
                }
            }
            tokens.append(&mut older);
        }
        tokens.sort_by_key(Cursor::of);
        Ok(tokens)
    }
}
