//! Tokens that are genuinely issued, and what redeems them.

use core::sync::atomic::{AtomicU64, Ordering};

use token_store_sqlx::token_store::{
    Inserted, TokenStore,
    ott_core::{
        Binding, Issuer, KeyRing, Policy, Presented, Purpose, Record, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

/// What most sign-ins redeem: with a slot, and attempts that count.
pub(crate) const CODE: Policy = Policy::code(Purpose::new("sign-in"));
pub(crate) const LINK: Policy = Policy::link(Purpose::new("link"));
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
pub(crate) const DEVICE: Policy =
    Policy::bearer(Purpose::new("known-device"), TimeDelta::days(180));

/// The callers' clock stands still.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).unwrap()
}

/// Issues for one subject after another.
pub(crate) struct Maker {
    issuer: Issuer,
    subjects: AtomicU64,
}

impl Maker {
    pub(crate) fn new() -> Self {
        Self {
            issuer: Issuer::new(KeyRing::generate().unwrap()),
            subjects: AtomicU64::new(0),
        }
    }

    /// Another subject each time, with an id of twelve bytes.
    pub(crate) fn subject(&self) -> Subject {
        let number = self.subjects.fetch_add(1, Ordering::Relaxed);
        Subject::new("", format!("{number:012}")).unwrap()
    }

    /// So many records, so many of them in a row of one subject.
    pub(crate) fn records(&self, policy: &Policy, count: usize, each: usize) -> Vec<Record> {
        let mut records = Vec::with_capacity(count);
        while records.len() < count {
            let subject = self.subject();
            for _ in 0..each {
                let issued = self
                    .issuer
                    .issue(policy, &Binding::subject(&subject), now());
                records.push(issued.unwrap().record);
            }
        }
        records
    }

    /// So many sign-in codes, in the store, and what redeems each.
    pub(crate) async fn codes(&self, store: &impl TokenStore, count: usize) -> Vec<Presented> {
        let mut presented = Vec::with_capacity(count);
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            let subject = self.subject();
            let binding = Binding::subject(&subject);
            let issued = self.issuer.issue(&CODE, &binding, now()).unwrap();
            let (handle, typed) = (&issued.handle, issued.token.expose_secret());
            let right = self
                .issuer
                .present_by_handle(&CODE, handle, &binding, typed, now());
            presented.push(right.unwrap());
            records.push(issued.record);
        }
        insert(store, &records).await;
        presented
    }
}

pub(crate) async fn insert(store: &impl TokenStore, records: &[Record]) {
    for batch in records.chunks(1_000) {
        assert_eq!(store.insert(batch).await.unwrap(), Inserted::Done);
    }
}
