//! Whoever reads Redis finds no token, no handle, no address, no secret of a factor and no server key.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, LINK, PROMPT, RECOVERY, now, ring};
use testing::redis::{Install as _, clean, everything, prefix, url};
use token_store::{
    Advanced, Charge, ConfirmIf, FactorState, FactorStore, LimitStore, Redeemed, Spent,
    StoredFactor, TokenStore,
    ott_core::{
        Binding, Destination, Issued, Limit, LimitKey, LimitScope, Policy, Presented,
        chrono::TimeDelta, rand::rngs::SysRng,
    },
    seal::{SealedFor, seal},
};
use token_store_redis::redis::{self, Value};

const ADDRESS: &str = "alice.secret@example.org";
const PARAMETER: &str = "operation-parameter-97531";
const SECRET: &[u8] = b"a secret of 160 bits";
const ROUNDS: usize = 10;

/// Its keys go away with the test, however it ends.
struct Prefix(String);

impl Drop for Prefix {
    fn drop(&mut self) {
        clean(&url(), &self.0);
    }
}

impl Prefix {
    /// Every key with everything in it, and the parts that stand there as a whole.
    fn everything(&self) -> Vec<Vec<u8>> {
        let client = redis::Client::open(url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let pattern = format!("*{}*", self.0);
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
            .arg(pattern)
            .query(&mut connection)
            .unwrap();
        let mut parts = Vec::new();
        for key in keys {
            let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection).unwrap();
            let mut read = match kind.as_str() {
                "string" => redis::cmd("GET"),
                "hash" => redis::cmd("HGETALL"),
                "set" => redis::cmd("SMEMBERS"),
                "zset" => redis::cmd("ZRANGE"),
                "list" => redis::cmd("LRANGE"),
                kind => panic!("a {kind} that this test does not read"),
            };
            read.arg(&key);
            if kind == "zset" || kind == "list" {
                read.arg(0).arg(-1);
            }
            let value: Value = read.query(&mut connection).unwrap();
            flatten(&value, &mut parts);
            parts.push(key);
        }
        parts
    }
}

fn flatten(value: &Value, parts: &mut Vec<Vec<u8>>) {
    match value {
        Value::Nil => {}
        Value::Int(number) => parts.push(number.to_string().into_bytes()),
        Value::BulkString(bytes) => parts.push(bytes.clone()),
        Value::SimpleString(text) => parts.push(text.clone().into_bytes()),
        Value::Double(number) => parts.push(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            values.iter().for_each(|value| flatten(value, parts));
        }
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            flatten(key, parts);
            flatten(value, parts);
        }),
        other => panic!("an answer that this test does not read: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}

/// No key and no value holds anything secret.
#[tokio::test(flavor = "multi_thread")]
async fn keys_and_values_hold_no_secret() {
    let (prefix, keys) = (Prefix(prefix()), ring());
    let store = everything().prefix(&prefix.0).install(url()).await;
    let fixture = Fixture::with_keys(store, &keys);
    let address = Destination::email(ADDRESS).unwrap();
    let binding = Binding::subject(&fixture.alice)
        .destination(&address)
        .operation(&[("amount", PARAMETER)]);
    let (_, key) = keys.split_once(' ').unwrap();
    // As text, as the bytes that hexadecimal text spells, and as hexadecimal text of that.
    let mut secrets = vec![
        ADDRESS.into(),
        PARAMETER.into(),
        SECRET.to_vec(),
        key.into(),
        unhex(key),
    ];
    let (mut codes, mut ids) = (Vec::new(), Vec::new());

    for _ in 0..ROUNDS {
        for policy in [CODE, LINK, RECOVERY, PROMPT] {
            let issued = fixture.issuer.issue(&policy, &binding, now()).unwrap();
            let token = issued.token.expose_secret();
            let handle = issued.handle.expose_secret();
            ids.push(*issued.record.id());
            // Six digits stand by chance in some time or other: they are looked for as a whole value.
            if policy.purpose() == CODE.purpose() {
                codes.push(token.as_bytes().to_vec());
            } else {
                secrets.push(token.into());
                secrets.push(token.replace('-', "").into_bytes());
            }
            secrets.push(handle.as_bytes().to_vec());
            secrets.push(unhex(&handle));
            let batch = [issued.record.clone()];
            fixture.store.insert(&batch).await.unwrap();
            if policy.purpose() == PROMPT.purpose() {
                let approval = fixture.approval(&issued);
                let decided = fixture.store.decide(issued.record.id(), &approval, now());
                decided.await.unwrap();
            }
            // Each second code stays out.
            if ids.len() % 8 != 1 {
                let presented = present(&fixture, &policy, &issued);
                let redeemed = fixture.store.redeem(&presented, now()).await.unwrap();
                assert!(matches!(redeemed, Redeemed::Redeemed(_)), "{redeemed:?}");
            }
        }
    }
    let charges =
        [Limit::pace(10, TimeDelta::seconds(60)), Limit::ceiling(100)].map(|limit| Charge {
            key: LimitKey::new(LimitScope::Application, "sign-in", &binding),
            limit,
        });
    for charge in charges {
        let spent = fixture.store.spend(&[charge], now()).await.unwrap();
        assert_eq!(spent, Spent::Allowed);
        fixture.store.clear(&charge.key).await.unwrap();
        fixture.store.spend(&[charge], now()).await.unwrap();
    }
    let factor = sealed(&fixture);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let advanced = fixture
        .store
        .confirm(&factor.id, Some(1), ConfirmIf::Always, now())
        .await;
    assert_eq!(advanced.unwrap(), Advanced::Accepted);

    let parts = prefix.everything();
    let all = parts.join(&b'\n');
    let found = |wanted: &[u8]| all.windows(wanted.len()).any(|part| part == wanted);
    for secret in &secrets {
        let spelled = hex(secret);
        assert!(!found(secret) && !found(spelled.as_bytes()), "{spelled}");
    }
    assert!(codes.iter().all(|code| !parts.contains(code)));
    // The search finds what is there: each public id, the owner, the seal.
    for id in ids {
        let id = id.as_bytes();
        assert!(found(id) || found(hex(id).as_bytes()));
    }
    assert!(found(b"alice") && found(&factor.sealed));
}

fn present(fixture: &Fixture, policy: &Policy, issued: &Issued) -> Presented {
    let address = Destination::email(ADDRESS).unwrap();
    let binding = Binding::subject(&fixture.alice)
        .destination(&address)
        .operation(&[("amount", PARAMETER)]);
    let (issuer, typed) = (&fixture.issuer, issued.token.expose_secret());
    let presented = match policy.purpose().as_str() {
        "link" => issuer.present_by_itself(policy, "t1", typed, now()),
        "recovery" => issuer.present_by_subject(policy, &binding, typed, now()),
        _ => issuer.present_by_handle(policy, &issued.handle, &binding, typed, now()),
    };
    presented.unwrap()
}

fn sealed(fixture: &Fixture) -> StoredFactor {
    let factor = fixture.factor(7, FactorState::Pending);
    let context = SealedFor {
        owner: &fixture.alice,
        item: *factor.id.as_bytes(),
        kind: &factor.provider,
    };
    let sealed = seal(fixture.issuer.keys(), &context, SECRET, &mut SysRng).unwrap();
    StoredFactor { sealed, ..factor }
}
