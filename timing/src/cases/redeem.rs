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
    Policy::code(Purpose::new("sign-in")).lookup(Lookup::ByHandle { attempts: u16::MAX });

/// Several redeems a sample: what one tells is less than the clock's own time.
const REDEEMS: u16 = 8;

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
    typed: String,
    presented: Presented,
    /// Whether what is typed is compared in clear before: what must not be done.
    leaks: bool,
}

/// By the first wrong digit, and by how much of the digest, which nobody can choose, is right.
///
/// The digest of what is typed is made before: it depends on the key and on no stored secret.
pub fn case(leaks: bool) -> Case {
    let mut names: Vec<String> = (1..=6).map(|place| format!("digit {place}")).collect();
    names.push("2 equal bytes".into());
    Case {
        name: if leaks {
            "planted: the token in clear before the redeem"
        } else {
            "redeem over memory: wrong token"
        },
        classes: names,
        leaks,
        work: Box::new(Redeem::new(leaks)),
    }
}

impl Redeem {
    fn new(leaks: bool) -> Self {
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
            typed: String::with_capacity(64),
            presented,
            issuer,
            owner,
            leaks,
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
    let presented =
        issuer.present_by_handle(&POLICY, handle, &Binding::subject(owner), typed, now());
    presented.expect("six digits")
}

fn digest(presented: &Presented) -> [u8; 32] {
    *presented.digests()[0].1.as_bytes()
}

impl Work for Redeem {
    type Input = (String, Presented);

    fn prepare(&mut self, class: usize, rng: &mut StdRng) -> (String, Presented) {
        let typed = match class {
            6 => self.near[rng.random_range(0..self.near.len())].clone(),
            class => super::wrong_from(&self.token, class, rng),
        };
        let presented = self.present(&typed);
        (typed, presented)
    }

    fn place(&mut self, (typed, presented): (String, Presented)) {
        // Before the record runs out of attempts, it begins anew.
        if self.redeemed >= u16::MAX - REDEEMS {
            self.redeemed = 0;
            self.store = MemoryStore::new();
            let record = core::slice::from_ref(&self.record);
            done(self.store.insert(record)).expect("a store in memory");
        }
        self.redeemed += REDEEMS;
        self.typed.clear();
        self.typed.push_str(&typed);
        self.presented = presented;
    }

    fn work(&mut self) {
        for _ in 0..REDEEMS {
            if self.leaks {
                let (token, typed) = (self.token.as_bytes(), self.typed.as_bytes());
                black_box(super::until_different(token, typed));
            }
            let answer = done(self.store.redeem(black_box(&self.presented), now()));
            let refused = matches!(black_box(answer), Ok(Redeemed::Refused(_)));
            assert!(refused, "a wrong token");
        }
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
