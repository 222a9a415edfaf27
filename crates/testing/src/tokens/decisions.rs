//! What is parked, and what waits for a decision.

use token_store::{
    TokensError, events,
    ott_core::{Binding, Decider, Outcome, Reason, State, Verdict},
};

use super::{ALL, PROMPT, STEP, TYPED_AFTER_APPROVAL, is_misuse, reason};
use crate::{Bench, Place, alice, subject, told, wrong};

/// What is parked is taken up once, by whoever has handle and binding; polling what waits is free and silent.
pub async fn parked_is_resumed_once_with_its_binding(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice, mallory) = (&bench.tokens, alice(), subject("acme", "mallory"));
    let binding = Binding::subject(&alice).operation(&[("step", "2")]);
    let parked = tokens.park(&STEP, &binding, b"state").await.unwrap();
    let id = *parked.record.id();
    let resume = async |binding: &Binding<'_>| tokens.resume(&STEP, &parked.handle, binding).await;
    assert_eq!(
        reason(resume(&Binding::subject(&mallory).operation(&[("step", "2")])).await),
        Reason::Unknown
    );
    assert_eq!(
        reason(resume(&Binding::subject(&alice)).await),
        Reason::Mismatch
    );
    bench.log.drain();
    let record = resume(&binding).await.unwrap();
    assert_eq!(record.stored().data, b"state");
    assert_eq!(reason(resume(&binding).await), Reason::Spent);
    let event = |name| told(&STEP, name, id).of(&alice);
    assert_eq!(
        bench.log.drain(),
        [
            event(events::TOKEN_REDEEMED),
            event(events::TOKEN_REFUSED).reason(Reason::Spent),
        ]
    );

    let prompt = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    bench.log.drain();
    let before = bench.store.inner_row(prompt.record.id()).await;
    for _ in 0..place.often(1_000, 100) {
        let asked = tokens.resume(&PROMPT, &prompt.handle, &binding).await;
        assert!(asked.unwrap_err().is_pending());
    }
    assert_eq!(bench.store.inner_row(prompt.record.id()).await, before);
    assert_eq!(bench.log.drain(), []);
}

/// A part of the application decides about a record of nobody, and the record stays nobody's.
pub async fn system_decides_and_binds_nobody(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::tenant("acme");
    let approve = |number| Verdict::Approve { number };
    let captcha = || Decider::System("captcha".into());
    let parked = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let (id, number) = (*parked.record.id(), parked.record.stored().number);
    // Nobody becomes the owner by deciding, unless the policy says so.
    let person = tokens
        .decide(&PROMPT, &id, &alice, approve(number), b"")
        .await;
    assert_eq!(reason(person), Reason::Stranger);
    let nameless = Decider::System(String::new());
    let decided = tokens
        .decide(&PROMPT, &id, nameless, approve(number), b"")
        .await;
    assert!(is_misuse(&decided));
    let decided = tokens.decide(&PROMPT, &id, captcha(), approve(number), b"");
    assert_eq!(decided.await.unwrap().stored().owner(), None);
    let record = tokens.resume(&PROMPT, &parked.handle, &binding).await;
    assert_eq!(record.unwrap().stored().owner(), None);

    // A report ends it, and stays told apart from a denial.
    let parked = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let id = parked.record.id();
    let decided = tokens
        .decide(&PROMPT, id, captcha(), Verdict::Report, b"")
        .await
        .unwrap();
    let outcome = decided.stored().decision.as_ref().map(|made| made.outcome);
    assert_eq!(
        (decided.stored().state, outcome),
        (State::Denied, Some(Outcome::Reported))
    );
    let record = tokens.resume(&PROMPT, &parked.handle, &binding).await;
    assert_eq!(reason(record), Reason::Denied);
}

/// A prompt waits for its own subject and the matching number.
pub async fn prompt_waits_for_its_subject_and_number(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let (id, number) = (*issued.record.id(), issued.record.stored().number);
    let approve = Verdict::Approve { number };
    let redeem = async || tokens.resume(&PROMPT, &issued.handle, &binding).await;
    assert_eq!(reason(redeem().await), Reason::Pending);
    for stranger in [subject("acme", "mallory"), subject("other", "4711")] {
        let decided = tokens.decide(&PROMPT, &id, &stranger, approve, b"").await;
        assert_eq!(reason(decided), Reason::Stranger);
    }
    assert_eq!(reason(redeem().await), Reason::Pending);
    let decided = tokens
        .decide(&PROMPT, &id, &alice, approve, b"phone")
        .await
        .unwrap();
    assert_eq!(decided.stored().state, State::Ready);
    let record = redeem().await.unwrap();
    let decision = record.stored().decision.as_ref().unwrap();
    assert_eq!(
        (decision.decider.subject(), &*decision.data),
        (Some(&alice), &b"phone"[..])
    );
    assert_eq!(reason(redeem().await), Reason::Spent);
    let again = tokens
        .decide(&PROMPT, &id, &alice, Verdict::Deny, b"")
        .await;
    assert_eq!(reason(again), Reason::Spent);

    // Its own subject, and any number but the right one: no approval.
    let issued = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let number = issued.record.stored().number.map(|number| number ^ 1);
    let wrong = Verdict::Approve { number };
    let decided = tokens
        .decide(&PROMPT, issued.record.id(), &alice, wrong, b"")
        .await
        .unwrap();
    assert_eq!(decided.stored().state, State::Denied);
    let redeemed = tokens.resume(&PROMPT, &issued.handle, &binding).await;
    assert_eq!(reason(redeemed), Reason::Denied);
}

/// A denial ends a prompt, and so does a wrong number.
pub async fn prompt_ends_by_denial_or_wrong_number(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for verdict in [Verdict::Deny, Verdict::Approve { number: None }] {
        let issued = tokens.park(&PROMPT, &binding, b"").await.unwrap();
        let (id, number) = (*issued.record.id(), issued.record.stored().number);
        let denied = tokens
            .decide(&PROMPT, &id, &alice, verdict, b"")
            .await
            .unwrap();
        assert_eq!(denied.stored().state, State::Denied);
        let late = tokens
            .decide(&PROMPT, &id, &alice, Verdict::Approve { number }, b"")
            .await;
        assert_eq!(reason(late), Reason::Denied);
        let redeemed = tokens.resume(&PROMPT, &issued.handle, &binding).await;
        assert_eq!(reason(redeemed), Reason::Denied);
    }
}

/// The right token costs no guess before the decision. A wrong one does.
pub async fn pending_token_costs_no_guess(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let policy = &TYPED_AFTER_APPROVAL;
    let issued = tokens.issue(policy, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    for _ in 0..100 {
        let redeemed = tokens.redeem(policy, &issued.handle, &binding, typed).await;
        assert_eq!(reason(redeemed), Reason::Pending);
    }
    // But a wrong one does: nobody learns the token while it waits.
    let mut evaluated = 0;
    for _ in 0..100 {
        let guess = wrong(typed);
        match tokens
            .redeem(policy, &issued.handle, &binding, &guess)
            .await
        {
            Err(TokensError::Rejected(_)) => evaluated += 1,
            other => assert!(
                matches!(other, Err(TokensError::Throttled { .. })),
                "{other:?}"
            ),
        }
    }
    assert_eq!(evaluated, 10);
    assert_eq!(bench.store.evaluated().await, 5);
}
