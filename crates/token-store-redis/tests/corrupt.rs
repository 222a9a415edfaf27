//! Hashes that cannot be what they should be: an outage, never a panic, never a success.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, PROMPT, charge, now, outage};
use testing::redis::{Install, clean, everything, prefix, url};
use token_store::{
    FactorState, FactorStore, LimitStore, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{Limit, chrono::TimeDelta},
};
use token_store_redis::{
    Outage,
    redis::{self, Value},
};

struct Edited {
    prefix: String,
    fixture: Fixture,
}

impl Edited {
    async fn new() -> Self {
        let prefix = prefix();
        let store = everything().prefix(&prefix).install(url()).await;
        Self {
            prefix,
            fixture: Fixture::new(store),
        }
    }

    /// Runs a command on a key, as an attacker or a broken disk would.
    fn edit(&self, command: &str, key: &str, args: &[&[u8]]) -> Value {
        let client = redis::Client::open(url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd(command)
            .arg(format!("{{{}}}:{key}", self.prefix))
            .arg(args)
            .query(&mut connection)
            .unwrap()
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        clean(&url(), &self.prefix);
    }
}

#[track_caller]
fn is_corrupt<T: core::fmt::Debug>(what: &str, told: Result<T, StoreError>) {
    assert!(
        matches!(told, Err(StoreError::Corrupt(_))),
        "{what}: {told:?}"
    );
}

/// A field and what stands in it, or that it is gone.
type Edit = (&'static str, Option<&'static [u8]>);

/// What no verb may take for a record: the first are read by the scripts, the others by the client.
const EDITS: &[Edit] = &[
    ("epoch", None),
    ("state", None),
    ("state", Some(b"7")),
    ("state", Some(b"-1")),
    ("state", Some(b"one")),
    ("state", Some(b"")),
    ("state", Some(b"1e0")),
    ("state", Some(b"0x1")),
    ("attempts", None),
    ("attempts", Some(b" 1")),
    ("attempts", Some(b"-1")),
    ("attempts", Some(b"4294967296")),
    ("attempts", Some(b"nan")),
    ("attempts", Some(b"1.5")),
    ("max_attempts", Some(b"")),
    ("max_attempts", Some(b"inf")),
    ("issued_at", None),
    ("issued_at", Some(b"9223372036854775807")),
    ("issued_at", Some(b"9007199254740993")),
    ("expires_at", Some(b"99999999999999999")),
    ("expires_at", Some(b"never")),
    ("idle_micros", Some(b"-")),
    ("used_at", Some(b"1 000")),
    ("outcome", Some(b"4")),
    ("outcome", Some(b"")),
    ("digest", None),
    ("digest", Some(b"short")),
    ("key", None),
    ("tenant", None),
];

const FOR_THE_CLIENT: &[Edit] = &[
    ("purpose", None),
    ("purpose", Some(b"\xff")),
    ("key", Some(b"4294967296")),
    ("key", Some(b"-1")),
    ("tenant", Some(b"\xc3\x28")),
    ("subject", Some(b"\xff")),
    ("slot", Some(b"")),
    ("slot", Some(b"0123456789abcdef0")),
    ("policy", None),
    ("policy", Some(b"0123456789abcde")),
    ("binding", Some(b"")),
    ("data", None),
    ("number", Some(b"4294967296")),
    ("max_attempts", Some(b"65536")),
    ("issued_at", Some(b"-9007199254740991000")),
    ("tag", None),
    ("tag", Some(b"")),
    ("outcome", Some(b"1")),
];

async fn edited(fixture: &Edited, edit: &Edit) -> token_store::ott_core::Issued {
    let issued = fixture.fixture.insert(&CODE).await;
    let key = format!("token:{}", issued.record.id());
    match edit {
        (field, None) => fixture.edit("HDEL", &key, &[field.as_bytes()]),
        (field, Some(value)) => fixture.edit("HSET", &key, &[field.as_bytes(), value]),
    };
    issued
}

/// A token with a wrong field is corrupt to each verb that reads the field, and a wrong guess changes nothing of the token.
#[tokio::test]
async fn token_with_a_wrong_field_is_corrupt() {
    let edits = Edited::new().await;
    let (fixture, store) = (&edits.fixture, &edits.fixture.store);
    for edit in EDITS {
        let what = format!("{edit:?}");
        let issued = edited(&edits, edit).await;
        let id = *issued.record.id();
        is_corrupt(
            &what,
            store.redeem(&fixture.right(&CODE, &issued), now()).await,
        );
        is_corrupt(&what, store.find(&id).await);
        is_corrupt(&what, store.touch(&id, now()).await);
        is_corrupt(&what, store.revoke(&Revoke::Record(id)).await);
        is_corrupt(&what, store.list(&fixture.alice, None, now()).await);
        is_corrupt(&what, store.revoke(&Revoke::subject(&fixture.alice)).await);
        let before = edits.edit("HGETALL", &format!("token:{id}"), &[]);
        is_corrupt(&what, store.redeem(&fixture.wrong(&issued), now()).await);
        assert_eq!(edits.edit("HGETALL", &format!("token:{id}"), &[]), before);
        edits.edit("DEL", &format!("token:{id}"), &[]);
    }
    for edit in FOR_THE_CLIENT {
        let what = format!("{edit:?}");
        let issued = edited(&edits, edit).await;
        let id = *issued.record.id();
        is_corrupt(&what, store.find(&id).await);
        is_corrupt(&what, store.list(&fixture.alice, None, now()).await);
        let told = store.redeem(&fixture.right(&CODE, &issued), now()).await;
        let refused = matches!(told, Err(StoreError::Corrupt(_)) | Ok(Redeemed::Refused(_)));
        assert!(refused, "{what}: {told:?}");
        edits.edit("DEL", &format!("token:{id}"), &[]);
    }
}

/// A token's key that holds no hash is corrupt for find, redeem and decide.
#[tokio::test]
async fn key_of_another_type_is_corrupt() {
    let edits = Edited::new().await;
    let (fixture, store) = (&edits.fixture, &edits.fixture.store);
    let issued = fixture.insert(&PROMPT).await;
    let key = format!("token:{}", issued.record.id());
    edits.edit("DEL", &key, &[]);
    edits.edit("SET", &key, &[b"a text"]);
    is_corrupt("find", store.find(issued.record.id()).await);
    is_corrupt(
        "redeem",
        store.redeem(&fixture.right(&PROMPT, &issued), now()).await,
    );
    let approval = fixture.approval(&issued);
    is_corrupt(
        "decide",
        store.decide(issued.record.id(), &approval, now()).await,
    );
}

/// A name that cannot be read is corrupt in a subject's set. A name that nothing stands under is taken out of the set.
#[tokio::test]
async fn name_that_is_no_id_is_corrupt() {
    let edits = Edited::new().await;
    let (fixture, store) = (&edits.fixture, &edits.fixture.store);
    let issued = fixture.insert(&CODE).await;
    let set = "tokens-of:2:t1:alice";
    edits.edit("SADD", set, &[b"\xff"]);
    is_corrupt("list", store.list(&fixture.alice, None, now()).await);
    edits.edit("SREM", set, &[b"\xff"]);
    // One that nothing stands under has expired.
    edits.edit("SADD", set, &[b"nothing"]);
    let found = store.list(&fixture.alice, None, now()).await.unwrap();
    assert_eq!(found, [issued.record.stored().clone()]);
    assert_eq!(edits.edit("SISMEMBER", set, &[b"nothing"]), Value::Int(0));
}

/// A limit whose time or count is no number that a limit can have is corrupt for spend and refund.
#[tokio::test]
async fn limit_with_a_wrong_field_is_corrupt() {
    let edits = Edited::new().await;
    let store = &edits.fixture.store;
    let all: [Edit; 6] = [
        ("full_at", Some(b"soon")),
        ("full_at", Some(b"9223372036854775807")),
        ("full_at", Some(b"")),
        ("count", Some(b"-")),
        ("count", Some(b"-1")),
        ("count", Some(b"1e3")),
    ];
    let limits = [Limit::pace(2, TimeDelta::minutes(1)), Limit::ceiling(3)];
    for limit in limits {
        for (number, (field, value)) in all.into_iter().enumerate() {
            let charges = [charge(&format!("{number} {limit:?}"), limit)];
            store.spend(&charges, now()).await.unwrap();
            let [one] = charges;
            let bytes = u128::from_be_bytes(*one.key.as_bytes());
            let key = format!("limit:{bytes:032x}");
            edits.edit("HSET", &key, &[field.as_bytes(), value.unwrap()]);
            is_corrupt(field, store.spend(&charges, now()).await);
            is_corrupt(field, store.refund(&charges, 1).await);
        }
    }
}

/// A factor with a wrong or missing field is corrupt. A factor that is gone is told as lost until somebody accepts the loss.
#[tokio::test]
async fn factor_with_a_wrong_field_is_corrupt() {
    let edits = Edited::new().await;
    let (fixture, store) = (&edits.fixture, &edits.fixture.store);
    let all: [Edit; 11] = [
        ("tenant", None),
        ("subject", Some(b"")),
        ("provider", Some(b"\xff")),
        ("label", None),
        ("state", Some(b"5")),
        ("state", None),
        ("sealed", None),
        ("last", Some(b"")),
        ("last", Some(b"later")),
        ("created_at", None),
        ("used_at", Some(b"yesterday")),
    ];
    let key = "factor:01010101010101010101010101010101";
    for (field, value) in all {
        let factor = fixture.factor(1, FactorState::Active);
        assert!(store.insert_factor(&factor).await.unwrap());
        match value {
            None => edits.edit("HDEL", key, &[field.as_bytes()]),
            Some(value) => edits.edit("HSET", key, &[field.as_bytes(), value]),
        };
        is_corrupt(field, store.factors(&fixture.alice).await);
        if field == "last" || (field, value) == ("state", None) {
            is_corrupt(field, store.advance(&factor.id, 5, now()).await);
        }
        edits.edit("DEL", key, &[]);
        // One that is gone is no unreadable one: its loss waits for somebody to accept it.
        let told = store.factors(&fixture.alice).await;
        let Some(Outage::Lost { number }) = outage(&told) else {
            panic!("{told:?}");
        };
        store.accept_lost_writes(*number).await.unwrap();
        assert_eq!(store.factors(&fixture.alice).await.unwrap(), []);
    }
}
