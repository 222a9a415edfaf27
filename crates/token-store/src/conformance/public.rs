//! Law 12.

use core::fmt::Write;

use ott_core::{Handle, Reason, State, Verdict, chrono::TimeDelta};

use super::{
    Harness,
    fixture::{BEARER, Mint, Minted, NOWS, POLICIES, Time, alice, records, subject},
    report::Law,
};
use crate::{Decided, Redeemed, TokenStore};

const LAW: Law = Law(
    12,
    "a public id, in every verb that grants something, grants nothing",
);

/// Law 12: a public id, in every verb that grants something, grants nothing.
///
/// Nor does anything else that stands in a row: used as a handle, as a token, with keys of
/// somebody's own, or to decide as somebody else; and to find a record never changes it.
pub async fn law_12_public_id_grants_nothing<H: Harness<Store: TokenStore>>(harness: &H) {
    for now in NOWS {
        public_id_grants_nothing(&*harness.store().await, now).await;
    }
}

async fn public_id_grants_nothing<S: TokenStore>(store: &S, now: Time) {
    let mut mint = Mint::new();
    let minted: Vec<_> = POLICIES
        .iter()
        .map(|policy| mint.mint(policy, &alice(), now))
        .collect();
    let batch = records(&minted);
    LAW.answer("insert", store.insert(&batch).await);
    for minted in &minted {
        let name = minted.policy.purpose().as_str();
        for time in [now, now + TimeDelta::hours(2)] {
            for _ in 0..3 {
                unchanged(store, &format!("finding a `{name}`"), minted).await;
            }
            LAW.answer("list", store.list(&alice(), None, time).await);
        }
        forged_handles(store, &mint, minted, now).await;
        forged_tokens(store, &mint, minted, now).await;
        strangers_decide(store, &mint, minted, now).await;
        unchanged(store, &format!("attacking a `{name}`"), minted).await;
        wrong_keys(store, &mint, minted, now).await;
    }
    // A name keeps nothing alive, and wakes nothing.
    let idle = mint.mint(&BEARER, &alice(), now);
    LAW.answer("insert", store.insert(&records([&idle])).await);
    let dead = now + TimeDelta::hours(1);
    LAW.answer("touch", store.touch(idle.id(), dead).await);
    unchanged(store, "touching a dead record", &idle).await;
}

/// Whatever a row shows, padded to a handle's length, with the right token beside it.
async fn forged_handles<S: TokenStore>(store: &S, mint: &Mint, minted: &Minted, now: Time) {
    let name = minted.policy.purpose().as_str();
    let stored = minted.stored();
    let (id, zeros) = (stored.id.to_string(), "0".repeat(32));
    let slot = stored.slot.as_ref().map_or(zeros.clone(), |slot| hex(slot));
    let forged = [
        format!("{id}{zeros}"),
        format!("{zeros}{id}"),
        format!("{id}{id}"),
        format!("{slot}{id}"),
        format!("{id}{slot}"),
        hex(&stored.tag),
        hex(&stored.binding),
        hex(stored.digest.as_bytes()),
    ];
    let binding = minted.binding();
    for text in forged {
        let handle = Handle::parse(&text).expect("64 hexadecimal digits");
        let typed = minted.typed();
        let presented =
            mint.issuer()
                .present_by_handle(&minted.policy, &handle, &binding, typed, now);
        if let Ok(presented) = presented {
            let answer = LAW.answer("redeem", store.redeem(&presented, now).await);
            LAW.same(
                &format!("redeeming a `{name}` with a handle made of its row"),
                &answer,
                &Redeemed::Refused(Reason::Unknown),
            );
        }
    }
}

/// Whatever a row shows, cut to a token's length.
async fn forged_tokens<S: TokenStore>(store: &S, mint: &Mint, minted: &Minted, now: Time) {
    let name = minted.policy.purpose().as_str();
    let stored = minted.stored();
    let (id, digest) = (stored.id.to_string(), hex(stored.digest.as_bytes()));
    let length = minted.typed().len();
    for shown in [id.repeat(2), digest, hex(&stored.tag)] {
        let cut = shown.get(..length).unwrap_or(&shown);
        let tries = [
            mint.issuer()
                .present_by_itself(&minted.policy, &minted.tenant, cut, now),
            mint.issuer()
                .present_by_subject(&minted.policy, &minted.binding(), cut, now),
        ];
        for presented in tries.into_iter().flatten() {
            let answer = LAW.answer("redeem", store.redeem(&presented, now).await);
            LAW.same(
                &format!("redeeming a `{name}` with a token made of its row"),
                &answer,
                &Redeemed::Refused(Reason::Unknown),
            );
        }
    }
}

/// Nobody but the subject decides, and only what waits.
async fn strangers_decide<S: TokenStore>(store: &S, mint: &Mint, minted: &Minted, now: Time) {
    let name = minted.policy.purpose().as_str();
    let waits = minted.stored().state == State::Waiting;
    for stranger in [
        subject("t1", "mallory"),
        subject("t2", "alice"),
        subject("", "alice"),
        subject("t1", "ALICE"),
    ] {
        for verdict in [
            Verdict::Deny,
            Verdict::Approve {
                number: minted.stored().number,
            },
        ] {
            let decision = mint.decide(minted, &stranger, verdict, b"", now);
            let answer = store.decide(minted.id(), &decision, now).await;
            let expected = if waits {
                Reason::Stranger
            } else {
                Reason::NotWaiting
            };
            LAW.same(
                &format!("a decision of {stranger:?} about a `{name}` of alice"),
                &LAW.answer("decide", answer),
                &Decided::Refused(expected),
            );
        }
    }
}

/// The right id with a digest under other keys is a guess like any other.
async fn wrong_keys<S: TokenStore>(store: &S, mint: &Mint, minted: &Minted, now: Time) {
    let name = minted.policy.purpose().as_str();
    let keyless = mint.keyless(minted);
    for (presented, reason) in [
        (keyless, Reason::KeyMissing),
        (mint.wrong(minted, 7), Reason::Mismatch),
    ] {
        let answer = LAW.answer("redeem", store.redeem(&presented, now).await);
        LAW.same(
            &format!("redeeming a `{name}` with its id and a wrong digest"),
            &answer,
            &Redeemed::Refused(reason),
        );
    }
}

async fn unchanged<S: TokenStore>(store: &S, what: &str, minted: &Minted) {
    let found = LAW.answer("find", store.find(minted.id()).await);
    LAW.same_record(what, found.as_ref(), minted.stored());
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
