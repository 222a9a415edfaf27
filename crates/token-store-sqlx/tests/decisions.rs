//! Prompts: parked records that a person or a part of the system decides.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{Fixture, now};
use pg::PgFixture;
use token_store::{
    Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, TokenStore,
    ott_core::{
        Decider, IssueOptions, Matching, Outcome, Parked, Policy, Purpose, Reason, Start, State,
        Subject, Verdict,
    },
};

const PROMPT: Policy = Policy::prompt(Purpose::new("approve")).start(Start::Waiting {
    number: Matching::SixDigits,
    binds_subject: false,
});

async fn park<S: TokenStore, P>(fixture: &Fixture<S, P>) -> Parked {
    let options = IssueOptions {
        data: b"what it is about",
        ..IssueOptions::default()
    };
    let issuer = &fixture.issuer;
    let parked = issuer.park(&PROMPT, &fixture.binding(), options, now());
    let parked = parked.unwrap();
    let batch = [parked.record.clone()];
    assert_eq!(fixture.store.insert(&batch).await.unwrap(), Inserted::Done);
    let found = fixture.store.find(parked.record.id()).await.unwrap();
    assert_eq!(found.as_ref(), Some(parked.record.stored()));
    assert!(found.unwrap().number >= Some(100_000));
    parked
}

/// Every outcome by every kind of decider comes back as it was made, and opens what it should.
async fn decisions_come_back<S: RedeemInTransaction, P>(fixture: &Fixture<S, P>) {
    let (store, issuer) = (&fixture.store, &fixture.issuer);
    let mallory = Subject::new("t1", "mallory").unwrap();
    let system = Decider::System("captcha".into());
    for decider in [Decider::from(&fixture.alice), system] {
        for outcome in Outcome::ALL {
            let parked = park(fixture).await;
            let (record, id) = (&parked.record, parked.record.id());
            let present = || {
                let binding = fixture.binding();
                let presented = issuer.present_parked(&PROMPT, &parked.handle, &binding, now());
                presented.unwrap()
            };
            let told = store.redeem(&present(), now()).await.unwrap();
            assert_eq!(told, Redeemed::Refused(Reason::Pending));
            let number = record.stored().number;
            let approve = Verdict::Approve { number };
            let stranger = Decider::from(&mallory);
            let made = issuer.decide(&PROMPT, record, &stranger, approve, b"", now());
            let told = store.decide(id, &made.unwrap(), now()).await.unwrap();
            assert_eq!(told, Decided::Refused(Reason::Stranger));

            let (verdict, state) = match outcome {
                Outcome::Approved => (approve, State::Ready),
                Outcome::Denied => (Verdict::Deny, State::Denied),
                Outcome::Reported => (Verdict::Report, State::Denied),
            };
            let made = issuer.decide(&PROMPT, record, &decider, verdict, b"seen", now());
            let made = made.unwrap();
            let told = store.decide(id, &made, now()).await.unwrap();
            let Decided::Decided(stored) = told else {
                panic!("{decider:?}, {outcome:?}: {told:?}");
            };
            assert_eq!(stored.state, state);
            assert_eq!(stored.decision.as_ref(), Some(made.stored()));
            assert_eq!(store.find(id).await.unwrap(), Some(stored.clone()));
            issuer.open(&PROMPT, stored).unwrap();
            let again = store.decide(id, &made, now()).await.unwrap();
            assert!(matches!(again, Decided::Refused(_)));

            // Taken up once, by the handle alone.
            let told = store.redeem_in_transaction(&present(), now()).await;
            match told.unwrap() {
                InTransaction::Redeemed(transaction, stored) => {
                    drop(transaction);
                    let opened = issuer.open(&PROMPT, stored).unwrap();
                    assert_eq!(opened.stored().data, b"what it is about");
                }
                InTransaction::Refused(reason) => {
                    assert_ne!(outcome, Outcome::Approved, "{decider:?}: {reason:?}");
                }
            }
            let told = store.redeem(&present(), now()).await.unwrap();
            let opens = matches!(told, Redeemed::Redeemed(_));
            assert_eq!(opens, outcome == Outcome::Approved, "{decider:?}: {told:?}");
            let told = store.redeem(&present(), now()).await.unwrap();
            assert!(matches!(told, Redeemed::Refused(_)));
        }
    }
}

/// Over SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_over_sqlite_come_back() {
    decisions_come_back(&<Fixture>::new().await).await;
}

/// Over PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_over_postgresql_come_back() {
    decisions_come_back(&PgFixture::new().await).await;
}
