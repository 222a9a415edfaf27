//! The whole walk of a token of every kind of policy, over `Tokens`.

#[path = "support/watched.rs"]
mod watched;

use std::sync::Arc;

use token_store::{
    BuildError, MemoryStore, Revoke, Tokens, TokensError, What,
    ott_core::{
        Binding, Extra, Format, Handle, KeyRing, Limit, Lookup, Policy, PolicyFault, Purpose,
        Reason, Start, State, Verdict, chrono::TimeDelta,
    },
};
use watched::{Bench, alice, subject, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const READABLE: Policy = Policy::readable(Purpose::new("sign-up"));
const LINK: Policy = Policy::link(Purpose::new("reset"));
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const BEARER: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::seconds(40));
const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
const TYPED_AFTER_APPROVAL: Policy =
    Policy::code(Purpose::new("approve-then-type")).start(Start::Waiting {
        number: true,
        binds_subject: false,
    });
const ALL: [&Policy; 7] = [
    &CODE,
    &READABLE,
    &LINK,
    &RECOVERY,
    &BEARER,
    &PROMPT,
    &TYPED_AFTER_APPROVAL,
];

fn reason<T: core::fmt::Debug>(result: Result<T, TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

fn is_misuse<T>(result: &Result<T, TokensError>) -> bool {
    matches!(result, Err(TokensError::Misuse(_)))
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_every_step_is_an_event() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let (id, typed) = (*issued.record.id(), issued.token.expose_secret());
    let redeem = |typed: String| {
        let (tokens, handle, binding) = (tokens.clone(), &issued.handle, &binding);
        async move { tokens.redeem(&CODE, handle, binding, &typed).await }
    };
    assert_eq!(reason(redeem(wrong(typed)).await), Reason::Mismatch);
    let record = redeem(format!(" {}-{} ", &typed[..3], &typed[3..]))
        .await
        .unwrap();
    assert_eq!(record.stored().state, State::Spent);
    assert_eq!(reason(redeem(typed.into()).await), Reason::Spent);
    let purpose = *CODE.purpose();
    let told = bench.log.drain();
    let owner = Some(&alice);
    assert!(
        told.iter().all(|event| event.subject.as_ref() == owner),
        "{told:?}"
    );
    let whats: Vec<_> = told.into_iter().map(|event| event.what).collect();
    assert_eq!(
        whats,
        [
            What::Issued(purpose, id),
            What::Refused(purpose, Some(id), Reason::Mismatch),
            What::Redeemed(purpose, id),
            What::Refused(purpose, Some(id), Reason::Spent),
        ]
    );
}

#[tokio::test]
async fn a_readable_code_is_typed_forgivingly() {
    let bench = Bench::new(&ALL);
    let address = token_store::ott_core::Destination::email("new@example.org").unwrap();
    let binding = Binding::tenant("acme").destination(&address);
    let issued = bench.tokens.issue(&READABLE, &binding).await.unwrap();
    let typed = issued
        .token
        .expose_secret()
        .to_lowercase()
        .replace('-', " ");
    let record = bench
        .tokens
        .redeem(&READABLE, &issued.handle, &binding, &typed)
        .await;
    assert_eq!(record.unwrap().stored().owner(), None);
}

#[tokio::test]
async fn a_link_is_spent_by_redeeming_and_opened_by_checking() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice).epoch(7);
    let issue = async || tokens.issue(&LINK, &binding).await.unwrap();

    let issued = issue().await;
    let link = issued.token.expose_secret();
    let unchecked = tokens.redeem_by_itself(&LINK, "acme", link).await.unwrap();
    assert_eq!(unchecked.owner().as_ref(), Some(&alice));
    assert!(unchecked.check(&binding).is_ok());
    assert_eq!(
        reason(tokens.redeem_by_itself(&LINK, "acme", link).await),
        Reason::Spent
    );

    // A wrong binding is refused after the token was spent: it opens nothing, ever.
    let issued = issue().await;
    let link = issued.token.expose_secret();
    let unchecked = tokens.redeem_by_itself(&LINK, "acme", link).await.unwrap();
    let refused = unchecked
        .check(&Binding::subject(&alice).epoch(8))
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::Binding);
    assert_eq!(
        reason(tokens.redeem_by_itself(&LINK, "acme", link).await),
        Reason::Spent
    );
}

#[tokio::test]
async fn each_recovery_code_works_once_until_a_new_set_retires_the_old() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let old = tokens.issue_batch(&RECOVERY, &binding, 10).await.unwrap();
    let redeem = async |typed: &str| tokens.redeem_by_subject(&RECOVERY, &binding, typed).await;
    for issued in &old[..9] {
        let typed = issued.token.expose_secret();
        assert!(redeem(typed).await.is_ok());
        assert_eq!(reason(redeem(typed).await), Reason::Spent);
        bench.pass(TimeDelta::minutes(6));
    }
    let new = tokens.issue_batch(&RECOVERY, &binding, 10).await.unwrap();
    assert_eq!(
        reason(redeem(old[9].token.expose_secret()).await),
        Reason::Superseded
    );
    assert!(redeem(new[0].token.expose_secret()).await.is_ok());
}

#[tokio::test]
async fn a_bearer_token_proves_again_and_again_until_it_idles_or_is_revoked() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice).epoch(1);
    let issued = tokens.issue(&BEARER, &binding).await.unwrap();
    let bearer = issued.token.expose_secret();
    // Every use prolongs it, also where the idle time is shorter than a minute.
    for _ in 0..10 {
        bench.pass(TimeDelta::seconds(25));
        let unchecked = tokens.authenticate(&BEARER, "acme", bearer).await.unwrap();
        assert!(unchecked.check(&binding).is_ok());
    }
    assert_eq!(tokens.list(&BEARER, &alice).await.unwrap().len(), 1);
    let unchecked = tokens.authenticate(&BEARER, "acme", bearer).await.unwrap();
    assert!(unchecked.check(&Binding::subject(&alice).epoch(2)).is_err());
    assert_eq!(
        reason(tokens.authenticate(&BEARER, "other", bearer).await),
        Reason::Unknown
    );
    assert!(is_misuse(
        &tokens.redeem_by_itself(&BEARER, "acme", bearer).await
    ));
    bench.pass(TimeDelta::seconds(40));
    assert_eq!(
        reason(tokens.authenticate(&BEARER, "acme", bearer).await),
        Reason::Expired
    );

    let issued = tokens.issue(&BEARER, &binding).await.unwrap();
    let bearer = issued.token.expose_secret();
    let revoke = Revoke::purpose(&alice, BEARER.purpose());
    assert_eq!(tokens.revoke(&revoke).await.unwrap(), 2);
    assert_eq!(
        reason(tokens.authenticate(&BEARER, "acme", bearer).await),
        Reason::Revoked
    );
    assert!(tokens.list(&BEARER, &alice).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_prompt_waits_for_its_own_subject_and_the_matching_number() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&PROMPT, &binding).await.unwrap();
    let (id, number) = (*issued.record.id(), issued.record.stored().number);
    let approve = Verdict::Approve { number };
    let redeem = async || {
        let typed = issued.token.expose_secret();
        tokens
            .redeem(&PROMPT, &issued.handle, &binding, typed)
            .await
    };
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
        (&decision.decider, &*decision.data),
        (&alice, &b"phone"[..])
    );
    assert_eq!(reason(redeem().await), Reason::Spent);
    let again = tokens
        .decide(&PROMPT, &id, &alice, Verdict::Deny, b"")
        .await;
    assert_eq!(reason(again), Reason::Spent);

    // Its own subject, and any number but the right one: no approval.
    let issued = tokens.issue(&PROMPT, &binding).await.unwrap();
    let number = issued.record.stored().number.map(|number| number ^ 1);
    let wrong = Verdict::Approve { number };
    let decided = tokens
        .decide(&PROMPT, issued.record.id(), &alice, wrong, b"")
        .await
        .unwrap();
    assert_eq!(decided.stored().state, State::Denied);
    let typed = issued.token.expose_secret();
    let redeemed = tokens
        .redeem(&PROMPT, &issued.handle, &binding, typed)
        .await;
    assert_eq!(reason(redeemed), Reason::Denied);
}

#[tokio::test]
async fn a_wrong_number_and_a_denial_end_a_prompt() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for verdict in [Verdict::Deny, Verdict::Approve { number: None }] {
        let issued = tokens.issue(&PROMPT, &binding).await.unwrap();
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
        let typed = issued.token.expose_secret();
        let redeemed = tokens
            .redeem(&PROMPT, &issued.handle, &binding, typed)
            .await;
        assert_eq!(reason(redeemed), Reason::Denied);
    }
}

#[tokio::test]
async fn asking_with_the_right_token_before_the_decision_costs_no_guess() {
    let bench = Bench::new(&ALL);
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

#[tokio::test]
async fn a_resend_supersedes_its_own_flow_alone() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let first = tokens.issue(&CODE, &binding).await.unwrap();
    let other_flow = tokens.issue(&CODE, &binding).await.unwrap();
    let second = tokens.resend(&CODE, &binding, &first.handle).await.unwrap();
    let redeem = async |issued: &token_store::ott_core::Issued| {
        let typed = issued.token.expose_secret();
        tokens.redeem(&CODE, &issued.handle, &binding, typed).await
    };
    assert_eq!(reason(redeem(&first).await), Reason::Superseded);
    assert!(redeem(&second).await.is_ok());
    assert!(redeem(&other_flow).await.is_ok());
}

#[tokio::test]
async fn a_policy_that_was_not_added_is_misuse_in_every_verb() {
    let bench = Bench::new(&[&CODE]);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let (id, handle) = (issued.record.id(), &issued.handle);
    let token = issued.token.expose_secret();
    bench.store.asked();
    // Of the same purpose, but with more attempts: not the one that was checked.
    let stranger = CODE.lookup(Lookup::ById { attempts: 500 });
    assert!(is_misuse(&tokens.issue(&stranger, &binding).await));
    assert!(is_misuse(
        &tokens.redeem(&stranger, handle, &binding, token).await
    ));
    assert!(is_misuse(
        &tokens.redeem_by_subject(&RECOVERY, &binding, token).await
    ));
    assert!(is_misuse(
        &tokens.redeem_by_itself(&LINK, "acme", token).await
    ));
    assert!(is_misuse(
        &tokens.authenticate(&BEARER, "acme", token).await
    ));
    assert!(is_misuse(&tokens.authenticate(&CODE, "acme", token).await));
    assert!(is_misuse(
        &tokens.decide(&PROMPT, id, &alice, Verdict::Deny, b"").await
    ));
    assert!(is_misuse(&tokens.find(&stranger, id).await));
    assert!(is_misuse(&tokens.list(&LINK, &alice).await));
    let presented = tokens
        .issuer()
        .present_by_id(&stranger, handle, &binding, token, tokens.now());
    let unlimited = tokens.without_limits("a test");
    assert!(is_misuse(
        &unlimited.redeem(&stranger, &presented.unwrap()).await
    ));
    assert!(bench.store.asked().is_empty(), "the store was asked");
    assert!(tokens.redeem(&CODE, handle, &binding, token).await.is_ok());
}

#[tokio::test]
async fn the_wrong_verb_for_a_policy_is_refused_before_the_store_is_asked() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.asked();
    let token = issued.token.expose_secret();
    let handle = &issued.handle;
    assert_eq!(
        reason(tokens.redeem_by_subject(&CODE, &binding, token).await),
        Reason::Policy
    );
    assert_eq!(
        reason(tokens.redeem_by_itself(&CODE, "acme", token).await),
        Reason::Policy
    );
    assert_eq!(
        reason(tokens.redeem(&LINK, handle, &binding, token).await),
        Reason::Policy
    );
    assert!(bench.store.asked().is_empty(), "the store was asked");
}

#[tokio::test]
async fn limits_without_an_account_are_misuse_before_anything_is_issued() {
    let bench = Bench::new(&ALL);
    assert!(is_misuse(
        &bench.tokens.issue(&CODE, &Binding::tenant("acme")).await
    ));
    // Nor is a bearer token for nobody, nor more data than a record carries.
    let nobody = Binding::tenant("acme");
    assert!(is_misuse(&bench.tokens.issue(&BEARER, &nobody).await));
    let extra = Extra {
        data: &[0; 4_097],
        ..Extra::default()
    };
    assert!(is_misuse(
        &bench.tokens.issue_with(&LINK, &nobody, extra).await
    ));
    assert!(bench.store.asked().is_empty());
}

#[tokio::test]
async fn redeeming_into_an_open_transaction_pays_first_and_hands_it_over_once() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    let open = async |typed: &str| {
        let opened = tokens
            .redeem_open(&CODE, &issued.handle, &binding, typed)
            .await;
        opened.map(|(_, record)| record)
    };
    bench.store.asked();
    assert_eq!(reason(open("12345").await), Reason::Malformed);
    assert!(bench.store.asked().is_empty());
    assert_eq!(reason(open(&wrong(typed)).await), Reason::Mismatch);
    assert_eq!(bench.store.asked(), ["spend", "redeem_open"]);
    bench.store.fail("spend");
    assert!(matches!(
        open(typed).await,
        Err(TokensError::Unavailable(_))
    ));
    assert_eq!(bench.store.asked(), ["spend"]);
    bench.store.recover();
    bench.store.fail("redeem_open");
    assert!(matches!(
        open(typed).await,
        Err(TokensError::Unavailable(_))
    ));
    bench.store.recover();
    assert_eq!(open(typed).await.unwrap().stored().state, State::Spent);
    assert_eq!(reason(open(typed).await), Reason::Spent);

    // Whatever the caller does with the transaction, guesses are counted outside of it.
    let bench = Bench::new(&ALL);
    let tokens = &bench.tokens;
    for _ in 0..100 {
        let issued = tokens.issue(&CODE, &binding).await.unwrap();
        let typed = wrong(issued.token.expose_secret());
        let opened = tokens
            .redeem_open(&CODE, &issued.handle, &binding, &typed)
            .await;
        assert!(opened.is_err());
    }
    assert_eq!(bench.store.evaluated().await, 10);
}

#[tokio::test]
async fn what_cannot_be_a_token_costs_nothing() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.asked();
    let huge = "1".repeat(1 << 20);
    let arabic = "\u{0661}\u{0662}\u{0663}\u{0664}\u{0665}\u{0666}";
    for typed in [
        "",
        "12345",
        "1234567",
        "+12345",
        "12345\n",
        "1234\u{0}6",
        arabic,
        &huge,
    ] {
        let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
        assert_eq!(reason(redeemed), Reason::Malformed);
    }
    assert!(bench.store.asked().is_empty());
}

#[tokio::test]
async fn a_public_id_and_a_record_of_another_policy_find_nothing_out() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let issued = tokens
        .issue(&BEARER, &Binding::subject(&alice))
        .await
        .unwrap();
    let id = issued.record.id();
    assert_eq!(reason(tokens.find(&CODE, id).await), Reason::Policy);
    let as_token = id.to_string();
    assert!(
        tokens
            .authenticate(&BEARER, "acme", &as_token)
            .await
            .is_err()
    );
    assert!(tokens.find(&BEARER, id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_thousand_tries_with_an_id_or_a_wrong_handle_leave_the_record_as_it_was() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for policy in [&CODE, &PROMPT] {
        let issued = tokens.issue(policy, &binding).await.unwrap();
        let (id, typed) = (*issued.record.id(), issued.token.expose_secret());
        let before = bench.store.inner_row(&id).await;
        for tried in 0..1_000_u32 {
            // The public id in either half of a handle, and handles of nobody.
            let rest = format!("{tried:032x}");
            let handle = match tried % 3 {
                0 => format!("{id}{rest}"),
                1 => format!("{rest}{id}"),
                _ => format!("{rest}{rest}"),
            };
            let handle = Handle::parse(&handle).unwrap();
            let now = tokens.now();
            // With the very token, and without limits: the record itself has to hold.
            let presented = tokens
                .issuer()
                .present_by_id(policy, &handle, &binding, typed, now)
                .unwrap();
            let unlimited = tokens.without_limits("a test");
            let refused = unlimited.redeem(policy, &presented).await;
            assert_eq!(reason(refused), Reason::Unknown);
        }
        assert_eq!(bench.store.inner_row(&id).await, before);
        if policy == &CODE {
            let redeemed = tokens.redeem(policy, &issued.handle, &binding, typed).await;
            assert!(redeemed.is_ok());
        }
    }
}

#[tokio::test]
async fn a_row_that_was_edited_is_refused_and_told() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let issued = tokens
        .issue(&BEARER, &Binding::subject(&alice))
        .await
        .unwrap();
    bench.log.drain();
    bench
        .store
        .edit(|stored| stored.subject = Some("mallory".into()));
    let bearer = issued.token.expose_secret();
    let forged = tokens.authenticate(&BEARER, "acme", bearer).await;
    assert_eq!(reason(forged), Reason::TagForged);
    assert!(tokens.list(&BEARER, &alice).await.unwrap().is_empty());
    let refused = What::Refused(
        *BEARER.purpose(),
        Some(*issued.record.id()),
        Reason::TagForged,
    );
    assert_eq!(bench.log.whats(), [refused.clone(), refused]);
}

#[tokio::test]
async fn data_travels_with_the_token_and_a_purge_takes_the_dead_alone() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let extra = Extra {
        data: b"new@example.org",
        ..Extra::default()
    };
    let dead = tokens.issue_with(&LINK, &binding, extra).await.unwrap();
    assert_eq!(dead.record.stored().data, b"new@example.org");
    bench.pass(TimeDelta::hours(2));
    let live = tokens.issue(&LINK, &binding).await.unwrap();
    assert_eq!(tokens.purge(tokens.now(), 10).await.unwrap(), 1);
    assert!(
        tokens
            .find(&LINK, dead.record.id())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        tokens
            .find(&LINK, live.record.id())
            .await
            .unwrap()
            .is_some()
    );
}

#[test]
fn policies_that_do_not_fit_start_nothing() {
    let build = |policies: &[Policy]| {
        let mut builder = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
        for policy in policies {
            builder = builder.policy(policy);
        }
        builder.build().map(drop)
    };
    assert_eq!(build(&[CODE, READABLE, LINK]), Ok(()));
    assert_eq!(
        build(&[CODE, LINK, CODE.format(Format::DIGITS_8)]),
        Err(BuildError::PurposeTwice(*CODE.purpose()))
    );
    let unlimited = CODE.limits(Some(Limit::PACE), None);
    let Err(BuildError::Policy(error)) = build(&[unlimited]) else {
        panic!("87,610 guesses a year at 10^6 codes started");
    };
    let PolicyFault::GuessBound(exceeded) = error.fault else {
        panic!("{error}");
    };
    // (10 + 365 * 240) / 10^6, in parts per billion.
    assert_eq!(exceeded.bound.parts_per_billion(), 87_610_000);
    assert!(error.to_string().contains("87610000"), "{error}");
    assert_eq!(
        build(&[unlimited.accepting_guess_bound(87_610_000)]),
        Ok(())
    );
    assert!(build(&[unlimited.accepting_guess_bound(87_609_999)]).is_err());
}

#[tokio::test]
async fn holders_that_do_not_care_share_tokens_over_any_store() {
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens: Arc<Tokens> = tokens.policy(&CODE).build().unwrap().into_shared();
    let alice = alice();
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    assert!(
        tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await
            .is_ok()
    );
}
