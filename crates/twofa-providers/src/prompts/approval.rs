//! What several people approve: what is asked, what the waiting record keeps, what comes of it.

use core::fmt;

use token_store::ott_core::{
    Handle, RecordId, Subject,
    chrono::{DateTime, Utc},
};

/// What was asked of several people, and what the waiting page shows.
#[non_exhaustive]
pub struct AskedOthers {
    /// The handle of the whole: keep it in the session, and state it with [`Attempt::handle`](crate::Attempt::handle).
    pub handle: Handle,
    /// The public id of the whole, by which a page takes it back: [`Revoke::own`](token_store::Revoke::own).
    pub approval: RecordId,
    /// Who is asked, and the number that each of them types; `None` where a tap approves. One person's number is
    /// worth nothing to another.
    pub deciders: Vec<(Subject, Option<u32>)>,
}

impl fmt::Debug for AskedOthers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedOthers")
            .field("deciders", &self.deciders.len())
            .finish_non_exhaustive()
    }
}

/// That enough people approved one operation, once. [`Prompts::take_up`](crate::Prompts::take_up) alone makes one.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "what was approved is done now, or never"]
pub struct Approval {
    pub(super) subject: Subject,
    pub(super) operation: Vec<(String, String)>,
    pub(super) approved_by: Vec<Subject>,
    pub(super) at: DateTime<Utc>,
}

impl Approval {
    /// Who asked.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What was approved, as name and value.
    #[must_use]
    pub fn operation(&self) -> &[(String, String)] {
        &self.operation
    }

    /// Who approved it: distinct people, none of them who asked. Devices that sign are distinct, and none is the asker's;
    /// one without a key cannot be told from another: [`Prompts`](crate::Prompts) that take keys alone ask for one.
    #[must_use]
    pub fn approved_by(&self) -> &[Subject] {
        &self.approved_by
    }

    /// When it was taken up.
    #[must_use]
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval")
            .field("subject", &self.subject)
            .field("approved_by", &self.approved_by)
            .finish_non_exhaustive()
    }
}

const VERSION: u8 = 1;

/// Version (1 byte), then tenant and id of each who is asked, each after its length (2, big-endian).
pub(super) fn to_bytes(deciders: &[&Subject]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for text in deciders.iter().flat_map(|who| [who.tenant(), who.id()]) {
        // Both are bounded where they enter.
        bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

pub(super) fn from_bytes(bytes: &[u8]) -> Option<Vec<Subject>> {
    let ([VERSION], mut rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let mut deciders = Vec::new();
    while !rest.is_empty() {
        let mut text = || {
            let (length, after) = rest.split_first_chunk()?;
            let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = after;
            core::str::from_utf8(text).ok()
        };
        deciders.push(Subject::new(text()?, text()?).ok()?);
    }
    Some(deciders)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is asked comes back whole, and of a part nobody does.
    #[test]
    fn deciders_come_back_whole_or_not_at_all() {
        let subject = |id| Subject::new("acme", id).expect("a subject");
        let (bob, carol) = (subject("bob"), subject("Zoë"));
        let bytes = to_bytes(&[&bob, &carol]);
        assert_eq!(from_bytes(&bytes), Some(vec![bob.clone(), carol]));
        let one = to_bytes(&[&bob]).len();
        for length in 0..bytes.len() {
            let whole = length == 1 || length == one;
            assert_eq!(from_bytes(&bytes[..length]).is_some(), whole, "{length}");
        }
        assert_eq!(from_bytes(&[&[2], &bytes[1..]].concat()), None);
        assert_eq!(from_bytes(&[&bytes[..], &[0, 1, 0xff]].concat()), None);
    }
}
