//! Law 1.

use core::slice;

use ott_core::{Decider, Reason, Record, State, Stored, chrono::TimeDelta};

use super::{
    Harness,
    fixture::{
        ASKED, BEARER, ERAS, Mint, Minted, POLICIES, PROMPT, Time, alice, at, long_name, subject,
    },
    report::Law,
};
use crate::{Decided, Inserted, Redeemed, TokenStore};

const LAW: Law = Law(
    1,
    "what is inserted is redeemed once, equal to the microsecond; a second redeem is refused",
);

/// Law 1: what is inserted is redeemed once, equal to the microsecond; a second redeem is refused.
///
/// Of every kind of token, with every part that a record can hold, at awkward times and names.
pub async fn law_01_inserted_is_redeemed_once<H: Harness<Store: TokenStore>>(harness: &H) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    let all_bytes: Vec<u8> = (0..4_096_u16).map(|n| n.to_le_bytes()[0]).collect();
    let longest = long_name('s');
    let mut eras = ERAS.into_iter().cycle();
    let mut odd = || at(eras.next().unwrap_or_default()) + TimeDelta::microseconds(999_999);
    let owners = [
        alice(),
        subject("", "a'b\"c\\d; %_--"),
        subject(&longest, &longest),
    ];
    for policy in &POLICIES {
        for owner in &owners {
            for data in [&b""[..], b"\0\xff", &all_bytes] {
                let odd = odd();
                let minted = mint.mint_for(policy, owner.tenant(), Some(owner), data, None, odd);
                one(&*store, &mint, minted, owner, odd).await;
            }
        }
    }
    for owner in &owners {
        let odd = odd();
        let minted = mint.in_use(&BEARER, owner, odd);
        one(&*store, &mint, minted, owner, odd).await;
    }
    for policy in [PROMPT, ASKED] {
        let minted = mint.mint(&policy, &alice(), odd());
        let another = mint.mint(&policy, &alice(), odd());
        decided_by_another(&*store, &mint, &minted, &another).await;
        let minted = mint.mint(&policy, &alice(), odd());
        reported(&*store, &mint, minted).await;
    }
    for policy in POLICIES.iter().filter(|policy| nobody_needed(policy)) {
        let odd = odd();
        let minted = mint.mint_for(policy, "t1", None, b"\x01", None, odd);
        one(&*store, &mint, minted, &alice(), odd).await;
    }
}

fn nobody_needed(policy: &ott_core::Policy) -> bool {
    let name = policy.purpose().as_str();
    matches!(name, "law-code" | "law-link" | "law-pairing")
}

async fn one<S: TokenStore>(
    store: &S,
    mint: &Mint,
    minted: Minted,
    decider: &ott_core::Subject,
    odd: Time,
) {
    let purpose = *minted.policy.purpose();
    let what = |doing: &str| format!("{doing} a token of `{}`", purpose.as_str());
    let mut model: Record = minted.record.clone();
    let inserted = LAW.answer(
        "insert",
        store.insert(slice::from_ref(&minted.record)).await,
    );
    LAW.same(&what("inserting"), &inserted, &Inserted::Done);
    found(store, &what("finding"), model.stored()).await;
    if let Some(owner) = &minted.subject {
        let listed = LAW.answer("list", store.list(owner, Some(&purpose), odd).await);
        let listed = listed.iter().find(|found| found.id == *minted.id());
        LAW.same_record(&what("listing"), listed, model.stored());
    }
    let later = odd + TimeDelta::microseconds(1);
    if model.stored().state == State::Waiting {
        let number = model.stored().number;
        let verdict = ott_core::Verdict::Approve { number };
        // A part of the application decides where nobody has to become the subject.
        let by_system = purpose.as_str() == "law-asked";
        let decider = if by_system {
            Decider::System(String::from("captcha"))
        } else {
            Decider::from(decider)
        };
        let decision = mint.decide(&minted, decider, verdict, b"\0\xfe", later);
        let decided = LAW.answer("decide", store.decide(minted.id(), &decision, later).await);
        LAW.holds(model.decide(&decision, later).is_ok(), || {
            what("the laws could not decide on")
        });
        match &decided {
            Decided::Decided(stored) => {
                LAW.same_record(&what("deciding on"), Some(stored), model.stored());
            }
            Decided::Refused(reason) => {
                LAW.broken(&what(&format!("{reason:?} when deciding on")));
            }
        }
        found(store, &what("finding, once decided,"), model.stored()).await;
    }
    let (right, later) = (mint.right(&minted), later + TimeDelta::microseconds(1));
    LAW.holds(model.redeem(&right, later).is_ok(), || {
        what("the laws could not redeem")
    });
    match LAW.answer("redeem", store.redeem(&right, later).await) {
        Redeemed::Redeemed(stored) => {
            LAW.same_record(&what("redeeming"), Some(&stored), model.stored());
            let opened = mint.issuer().open(&minted.policy, stored);
            LAW.holds(opened.is_ok(), || what("`Issuer::open` refuses"));
        }
        Redeemed::Refused(reason) => LAW.broken(&what(&format!("{reason:?} when redeeming"))),
    }
    let again = LAW.answer("redeem", store.redeem(&right, later).await);
    LAW.same(
        &what("redeeming, for the second time,"),
        &again,
        &Redeemed::Refused(Reason::Spent),
    );
    found(store, &what("finding, once spent,"), model.stored()).await;
}

/// A decision about one record changes no other.
async fn decided_by_another<S: TokenStore>(
    store: &S,
    mint: &Mint,
    minted: &Minted,
    another: &Minted,
) {
    let records = [minted.record.clone(), another.record.clone()];
    for record in &records {
        LAW.answer("insert", store.insert(slice::from_ref(record)).await);
    }
    let now = minted.stored().issued_at;
    let foreign = mint.approve(another, &alice(), now);
    let told = LAW.answer("decide", store.decide(minted.id(), &foreign, now).await);
    let unknown = Decided::Refused(Reason::Unknown);
    LAW.same("a decision about another record", &told, &unknown);
    found(store, "what another record's decision met", minted.stored()).await;
}

/// A report is kept as one, and ends the record as a denial does.
async fn reported<S: TokenStore>(store: &S, mint: &Mint, minted: Minted) {
    LAW.answer(
        "insert",
        store.insert(slice::from_ref(&minted.record)).await,
    );
    let (mut model, now) = (minted.record.clone(), minted.stored().issued_at);
    let report = mint.decide(&minted, &alice(), ott_core::Verdict::Report, b"", now);
    LAW.holds(model.decide(&report, now).is_ok(), || {
        String::from("the laws could not report")
    });
    LAW.answer("decide", store.decide(minted.id(), &report, now).await);
    found(store, "finding what was reported", model.stored()).await;
    let told = LAW.answer("redeem", store.redeem(&mint.right(&minted), now).await);
    LAW.same(
        "redeeming what was reported",
        &told,
        &Redeemed::Refused(Reason::Denied),
    );
}

async fn found<S: TokenStore>(store: &S, what: &str, expected: &Stored) {
    let found = LAW.answer("find", store.find(&expected.id).await);
    LAW.same_record(what, found.as_ref(), expected);
}
