//! Wrong tokens against a record in memory.

use core::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use rand::{RngExt, rngs::StdRng};
use token_store::{
    MemoryStore, Redeemed, TokenStore,
    ott_core::{
        Binding, Handle, Issuer, KeyRing, Lookup, Policy, Presented, Purpose, Record, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::measure::{Case, Work};

const POLICY: Policy =
    Policy::code(Purpose::new("sign-in")).lookup(Lookup::ById { attempts: u16::MAX });

struct Redeem {
    issuer: Issuer,
    owner: Subject,
    handle: Handle,
    record: Record,
    token: String,
    /// Wrong tokens whose digest begins with the right one's first two bytes.
    near: Vec<String>,
    store: MemoryStore,
    redeemed: u16,
    presented: Presented,
}

/// By the first wrong digit, and by how much of the digest, which nobody can choose, is right.
///
/// The digest of what is typed is made before: it depends on the key and on no stored secret.
pub fn case() -> Case {
    let mut names: Vec<String> = (1..=6).map(|place| format!("digit {place}")).collect();
    names.push("2 equal bytes".into());
    Case {
        name: "redeem over memory: wrong token",
        classes: names,
        leaks: false,
        work: Box::new(Redeem::new()),
    }
}

impl Redeem {
    fn new() -> Self {
        let issuer = Issuer::new(KeyRing::generate().expect("randomness"));
        let owner = Subject::new("", "4711").expect("a subject");
        let issued = issuer.issue(&POLICY, &Binding::subject(&owner), now());
        let issued = issued.expect("a token");
        let token = issued.token.expose_secret().to_owned();
        let presented = present(&issuer, &owner, &issued.handle, &token);
        let mut redeem = Self {
            token,
            handle: issued.handle,
            record: issued.record,
            near: Vec::new(),
            store: MemoryStore::new(),
            // The first sample fills the store.
            redeemed: u16::MAX,
            presented,
            issuer,
            owner,
        };
        let right = digest(&redeem.presented);
        for code in 0..1_000_000 {
            let code = format!("{code:06}");
            if code != redeem.token && digest(&redeem.present(&code))[..2] == right[..2] {
                redeem.near.push(code);
            }
        }
        assert!(!redeem.near.is_empty(), "one in 65,536 has two equal bytes");
        redeem
    }

    fn present(&self, typed: &str) -> Presented {
        present(&self.issuer, &self.owner, &self.handle, typed)
    }
}

fn present(issuer: &Issuer, owner: &Subject, handle: &Handle, typed: &str) -> Presented {
    let presented = issuer.present_by_id(&POLICY, handle, &Binding::subject(owner), typed, now());
    presented.expect("six digits")
}

fn digest(presented: &Presented) -> [u8; 32] {
    *presented.digests()[0].1.as_bytes()
}

impl Work for Redeem {
    type Input = Presented;

    fn prepare(&mut self, class: usize, rng: &mut StdRng) -> Presented {
        match class {
            6 => self.present(&self.near[rng.random_range(0..self.near.len())]),
            class => self.present(&super::wrong_from(&self.token, class, rng)),
        }
    }

    fn place(&mut self, input: Presented) {
        // Before the record runs out of attempts, it begins anew.
        if self.redeemed == u16::MAX {
            self.redeemed = 0;
            self.store = MemoryStore::new();
            let record = core::slice::from_ref(&self.record);
            done(self.store.insert(record)).expect("a store in memory");
        }
        self.redeemed += 1;
        self.presented = input;
    }

    fn work(&mut self) {
        let answer = done(self.store.redeem(black_box(&self.presented), now()));
        let refused = matches!(black_box(answer), Ok(Redeemed::Refused(_)));
        assert!(refused, "a wrong token");
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(super::NOW as i64, 0).expect("within the calendar")
}

/// Nothing in memory waits.
fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store in memory waited"),
    }
}
