//! The whole walk of a token of every kind of policy, over `Tokens`.

#[path = "support/watched.rs"]
mod watched;

use std::sync::Arc;

use token_store::{
    BuildError, Claimed, Given, MemoryStore, Revoke, Tokens, TokensError, events,
    ott_core::{
        Binding, Decider, Format, Handle, IssueError, IssueOptions, KeyRing, Limit, Lookup,
        Matching, Outcome, Policy, Purpose, Reason, Start, State, Verdict, chrono::TimeDelta,
    },
};
use watched::{Bench, alice, issue_one, start, stated, subject, told, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const READABLE: Policy = Policy::readable(Purpose::new("sign-up")).requests(None);
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const BEARER: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::seconds(40));
const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
const TYPED_AFTER_APPROVAL: Policy =
    Policy::code(Purpose::new("approve-then-type")).start(Start::Waiting {
        number: Matching::TwoDigits,
        binds_subject: false,
    });
const STEP: Policy = Policy::parked(Purpose::new("step"));
const ALL: [&Policy; 8] = [
    &CODE,
    &READABLE,
    &LINK,
    &RECOVERY,
    &BEARER,
    &PROMPT,
    &TYPED_AFTER_APPROVAL,
    &STEP,
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
    let event = |name| told(&CODE, name, id).of(&alice);
    assert_eq!(
        bench.log.drain(),
        [
            event(events::TOKEN_ISSUED),
            event(events::TOKEN_REFUSED).reason(Reason::Mismatch),
            event(events::TOKEN_REDEEMED),
            event(events::TOKEN_REFUSED).reason(Reason::Spent),
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

/// A link is redeemed once, with the account's present binding; a wrong one spends nothing, and is told.
#[tokio::test]
async fn link_is_redeemed_once_with_its_binding() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice).epoch(7);
    let issued = tokens.issue(&LINK, &binding).await.unwrap();
    let (id, link) = (*issued.record.id(), issued.token.expose_secret());
    bench.log.drain();
    let other = Binding::subject(&alice).epoch(8);
    let redeem = async |binding: &Binding<'_>| {
        tokens
            .redeem_by_itself(&LINK, "acme", link, stated(binding))
            .await
    };
    assert_eq!(reason(redeem(&other).await), Reason::Binding);
    let nobody = tokens
        .redeem_by_itself(&LINK, "acme", link, async |_| Ok(None))
        .await;
    assert_eq!(reason(nobody), Reason::Binding);
    let down = tokens
        .redeem_by_itself(&LINK, "acme", link, async |_| Err("no database".into()))
        .await;
    assert!(matches!(down, Err(TokensError::Account(_))), "{down:?}");
    assert_eq!(bench.store.inner_row(&id).await.state, State::Ready);
    let record = redeem(&binding).await.unwrap();
    assert_eq!(record.stored().owner().as_ref(), Some(&alice));
    assert_eq!(reason(redeem(&binding).await), Reason::Spent);
    let refused = told(&LINK, events::TOKEN_REFUSED, id);
    assert_eq!(
        bench.log.drain(),
        [
            refused.clone().of(&alice).reason(Reason::Binding),
            refused.clone().of(&alice).reason(Reason::Binding),
            told(&LINK, events::TOKEN_REDEEMED, id).of(&alice),
            refused.reason(Reason::Spent),
        ]
    );
}

/// The first use of a bearer token is noted, within its first minute too.
#[tokio::test]
async fn bearer_first_use_is_noted() {
    const SESSION: Policy = Policy::bearer(Purpose::new("long-session"), TimeDelta::days(30));
    let bench = Bench::new(&[&SESSION]);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&SESSION, &binding).await.unwrap();
    let (id, bearer) = (*issued.record.id(), issued.token.expose_secret());
    let used_at = async || bench.store.inner_row(&id).await.used_at;
    for (passed, noted) in [(1, 1), (59, 1), (60, 1), (61, 61)] {
        bench.pass(start() + TimeDelta::seconds(passed) - tokens.now());
        let proved = tokens.authenticate(&SESSION, "acme", bearer, stated(&binding));
        assert!(proved.await.is_ok());
        assert_eq!(used_at().await, Some(start() + TimeDelta::seconds(noted)));
    }
}

/// At one door several kinds of tokens are taken, each under its own policy and binding.
#[tokio::test]
async fn door_takes_tokens_of_several_policies() {
    const APP: Policy = Policy::bearer(Purpose::new("app"), TimeDelta::days(30))
        .format(Format::alphanumeric(30).prefixed("app_"));
    const KEY: Policy = Policy::bearer(Purpose::new("key"), TimeDelta::days(30));
    let bench = Bench::new(&[&APP, &KEY, &BEARER, &CODE]);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for policy in [&APP, &KEY] {
        let issued = tokens.issue(policy, &binding).await.unwrap();
        let bearer = issued.token.expose_secret();
        let owner = async |claimed: Claimed| {
            assert_eq!(claimed.purpose(), policy.purpose().as_str());
            Ok(claimed.owner_alone())
        };
        let record = tokens.authenticate_any(&[&APP, &KEY], "acme", bearer, owner);
        assert_eq!(record.await.unwrap().id(), issued.record.id());
    }
    // Of a policy that this door does not take.
    let issued = tokens.issue(&BEARER, &binding).await.unwrap();
    let bearer = issued.token.expose_secret();
    let tried = tokens.authenticate_any(&[&APP, &KEY], "acme", bearer, stated(&binding));
    assert_eq!(reason(tried.await), Reason::Unknown);
    let tried = tokens.authenticate_any(&[&APP, &CODE], "acme", bearer, stated(&binding));
    assert!(is_misuse(&tried.await));
}

/// What is parked is taken up once, by whoever has handle and binding; polling what waits is free and silent.
#[tokio::test]
async fn parked_is_resumed_once_with_its_binding() {
    let bench = Bench::new(&ALL);
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
    for _ in 0..1_000 {
        let asked = tokens.resume(&PROMPT, &prompt.handle, &binding).await;
        assert!(asked.unwrap_err().is_pending());
    }
    assert_eq!(bench.store.inner_row(prompt.record.id()).await, before);
    assert_eq!(bench.log.drain(), []);
}

/// A part of the application decides about a record of nobody, and the record stays nobody's.
#[tokio::test]
async fn system_decides_and_binds_nobody() {
    let bench = Bench::new(&ALL);
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

/// An adopted text works once, and adopting it again changes nothing.
#[tokio::test]
async fn adopted_texts_work_once() {
    const PRINTED: Policy = Policy::recovery(Purpose::new("printed"))
        .format(
            Format::builder("0123456789abcdef", 10)
                .separators(" -")
                .build(),
        )
        .accepting_short_tokens();
    const APP_TOKEN: Policy =
        Policy::bearer(Purpose::new("app-token"), TimeDelta::days(30)).until_revoked();
    let bench = Bench::new(&[&PRINTED, &APP_TOKEN]);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let texts = ["0011 2233 44", "55667788-99", "aabbccddee"];
    let adopt = async || {
        let options = IssueOptions::default();
        tokens
            .issue_given(&PRINTED, &binding, &texts, options)
            .await
    };
    assert!(matches!(adopt().await, Ok(Given::New(set)) if set.len() == 3));
    let redeem = async |typed| tokens.redeem_by_subject(&PRINTED, &binding, typed).await;
    assert!(redeem("0011223344").await.is_ok());
    assert!(matches!(adopt().await, Ok(Given::There)));
    assert_eq!(reason(redeem("0011 2233 44").await), Reason::Spent);
    assert!(redeem("5566778899").await.is_ok());
    assert!(redeem("aabb-ccdd-ee").await.is_ok());
    for strange in ["", "0011", "AABBCCDDEE", "00112233445566"] {
        let options = IssueOptions::default();
        let adopted = tokens
            .issue_given(&PRINTED, &binding, &["1111111111", strange], options)
            .await;
        assert!(
            matches!(adopted, Err(TokensError::Issue(IssueError::Malformed))),
            "{strange}"
        );
    }
    assert_eq!(reason(redeem("1111111111").await), Reason::Unknown);

    let text = "x".repeat(43);
    let adopted = tokens
        .issue_given(&APP_TOKEN, &binding, &[&text], IssueOptions::default())
        .await;
    assert!(matches!(adopted, Ok(Given::New(_))));
    let proved = tokens.authenticate(&APP_TOKEN, "acme", &text, stated(&binding));
    assert_eq!(proved.await.unwrap().stored().owner(), Some(alice.clone()));
}

/// A token may end earlier than its policy says, and never later.
#[tokio::test]
async fn expires_at_is_earlier_never_later() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let until = |expires_at| IssueOptions {
        expires_at: Some(expires_at),
        ..IssueOptions::default()
    };
    let (now, micro) = (tokens.now(), TimeDelta::microseconds(1));
    let month = now + TimeDelta::days(30);
    for strange in [now, now - micro, month + micro] {
        let issued = tokens.issue_opts(&BEARER, &binding, until(strange)).await;
        assert!(is_misuse(&issued), "{strange}");
    }
    for end in [now + micro, month] {
        let issued = tokens.issue_opts(&BEARER, &binding, until(end)).await;
        let issued = issued.unwrap();
        assert_eq!(issued[0].record.stored().expires_at, Some(end));
    }
}

/// What is sent to one account is paced; a resend counts, and so does no failed one.
#[tokio::test]
async fn requests_are_paced_per_account() {
    const SENT: Policy = Policy::code(Purpose::new("sent"));
    let bench = Bench::new(&[&SENT]);
    let (tokens, alice, bob) = (&bench.tokens, alice(), subject("acme", "bob"));
    let binding = Binding::subject(&alice);
    for _ in 0..4 {
        tokens.issue(&SENT, &binding).await.unwrap();
    }
    bench.store.fail("insert");
    assert!(tokens.issue(&SENT, &binding).await.is_err());
    bench.store.recover();
    let fifth = tokens.issue(&SENT, &binding).await.unwrap();
    bench.log.drain();
    let again = IssueOptions {
        resend: Some(&fifth.handle),
        ..IssueOptions::default()
    };
    let wait = TimeDelta::minutes(10);
    for refused in [
        tokens.issue(&SENT, &binding).await.map(drop),
        tokens.issue_opts(&SENT, &binding, again).await.map(drop),
    ] {
        let Err(TokensError::Throttled {
            retry_at,
            retry_after,
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((retry_at, retry_after), (Some(start() + wait), Some(wait)));
    }
    assert_eq!(bench.log.names(), [events::LIMIT_REACHED; 2]);
    assert!(tokens.issue(&SENT, &Binding::subject(&bob)).await.is_ok());
    let typed = fifth.token.expose_secret();
    assert!(
        tokens
            .redeem(&SENT, &fifth.handle, &binding, typed)
            .await
            .is_ok()
    );
    bench.pass(wait);
    assert!(tokens.issue(&SENT, &binding).await.is_ok());
}

#[tokio::test]
async fn each_recovery_code_works_once_until_a_new_set_retires_the_old() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let old = tokens
        .issue_opts(
            &RECOVERY,
            &binding,
            IssueOptions {
                count: 10,
                ..IssueOptions::default()
            },
        )
        .await
        .unwrap();
    let redeem = async |typed: &str| tokens.redeem_by_subject(&RECOVERY, &binding, typed).await;
    for issued in &old[..9] {
        let typed = issued.token.expose_secret();
        assert!(redeem(typed).await.is_ok());
        assert_eq!(reason(redeem(typed).await), Reason::Spent);
        bench.pass(TimeDelta::minutes(6));
    }
    let new = tokens
        .issue_opts(
            &RECOVERY,
            &binding,
            IssueOptions {
                count: 10,
                ..IssueOptions::default()
            },
        )
        .await
        .unwrap();
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
    let prove = async |tenant, binding: &Binding<'_>| {
        tokens
            .authenticate(&BEARER, tenant, bearer, stated(binding))
            .await
    };
    // Every use prolongs it, also where the idle time is shorter than a minute.
    for _ in 0..10 {
        bench.pass(TimeDelta::seconds(25));
        assert!(prove("acme", &binding).await.is_ok());
    }
    assert_eq!(tokens.list(&BEARER, &alice).await.unwrap().len(), 1);
    let other = Binding::subject(&alice).epoch(2);
    assert_eq!(reason(prove("acme", &other).await), Reason::Binding);
    assert_eq!(reason(prove("other", &binding).await), Reason::Unknown);
    bench.pass(TimeDelta::seconds(40));
    assert_eq!(reason(prove("acme", &binding).await), Reason::Expired);

    let issued = tokens.issue(&BEARER, &binding).await.unwrap();
    let bearer = issued.token.expose_secret();
    let revoke = Revoke::purpose(&alice, BEARER.purpose());
    assert_eq!(tokens.revoke(&revoke).await.unwrap(), 2);
    assert_eq!(
        reason(
            tokens
                .authenticate(&BEARER, "acme", bearer, stated(&binding))
                .await
        ),
        Reason::Revoked
    );
    assert!(tokens.list(&BEARER, &alice).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_prompt_waits_for_its_own_subject_and_the_matching_number() {
    let bench = Bench::new(&ALL);
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

#[tokio::test]
async fn a_wrong_number_and_a_denial_end_a_prompt() {
    let bench = Bench::new(&ALL);
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
    let second = issue_one(
        tokens,
        &CODE,
        &binding,
        IssueOptions {
            resend: Some(&first.handle),
            ..IssueOptions::default()
        },
    )
    .await
    .unwrap();
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
    let stranger = CODE.lookup(Lookup::ByHandle { attempts: 500 });
    assert!(is_misuse(&tokens.issue(&stranger, &binding).await));
    assert!(is_misuse(
        &tokens.redeem(&stranger, handle, &binding, token).await
    ));
    assert!(is_misuse(
        &tokens.redeem_by_subject(&RECOVERY, &binding, token).await
    ));
    assert!(is_misuse(
        &tokens
            .redeem_by_itself(&LINK, "acme", token, stated(&binding))
            .await
    ));
    assert!(is_misuse(
        &tokens
            .authenticate(&BEARER, "acme", token, stated(&binding))
            .await
    ));
    assert!(is_misuse(
        &tokens
            .authenticate(&CODE, "acme", token, stated(&binding))
            .await
    ));
    assert!(is_misuse(
        &tokens.decide(&PROMPT, id, &alice, Verdict::Deny, b"").await
    ));
    assert!(is_misuse(&tokens.find(&stranger, id).await));
    assert!(is_misuse(&tokens.list(&LINK, &alice).await));
    let presented =
        tokens
            .issuer()
            .present_by_handle(&stranger, handle, &binding, token, tokens.now());
    let unlimited = tokens.without_limits("a test");
    assert!(is_misuse(
        &unlimited.redeem(&stranger, &presented.unwrap()).await
    ));
    assert!(bench.store.asked().is_empty(), "the store was asked");
    assert!(tokens.redeem(&CODE, handle, &binding, token).await.is_ok());
}

/// A verb that does not fit the policy is a mistake in the program, and never looks like a refusal.
#[tokio::test]
async fn verb_of_another_policy_is_misuse() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.asked();
    let (token, handle) = (issued.token.expose_secret(), &issued.handle);
    for policy in ALL {
        let state = || stated(&binding);
        let redeemed = tokens.redeem(policy, handle, &binding, token).await;
        let fits = [&CODE, &READABLE, &TYPED_AFTER_APPROVAL].contains(&policy);
        assert_eq!(is_misuse(&redeemed), !fits, "{policy:?}");
        let redeemed = tokens.redeem_by_subject(policy, &binding, token).await;
        assert_eq!(is_misuse(&redeemed), *policy != RECOVERY, "{policy:?}");
        let redeemed = tokens.redeem_by_itself(policy, "acme", token, state());
        assert_eq!(is_misuse(&redeemed.await), *policy != LINK, "{policy:?}");
        let proved = tokens.authenticate(policy, "acme", token, state());
        assert_eq!(is_misuse(&proved.await), *policy != BEARER, "{policy:?}");
        let resumed = tokens.resume(policy, handle, &binding).await;
        let parks = [&STEP, &PROMPT].contains(&policy);
        assert_eq!(is_misuse(&resumed), !parks, "{policy:?}");
        assert_eq!(is_misuse(&tokens.issue(policy, &binding).await), parks);
        let parked = tokens.park(policy, &binding, b"").await;
        assert_eq!(is_misuse(&parked), !parks, "{policy:?}");
    }
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
    let options = IssueOptions {
        data: &[0; 4_097],
        ..IssueOptions::default()
    };
    assert!(is_misuse(
        &issue_one(&bench.tokens, &LINK, &nobody, options).await
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
            .redeem_in_transaction(&CODE, &issued.handle, &binding, typed)
            .await;
        opened.map(|(_, record)| record)
    };
    bench.store.asked();
    assert_eq!(reason(open("12345").await), Reason::Malformed);
    assert!(bench.store.asked().is_empty());
    assert_eq!(reason(open(&wrong(typed)).await), Reason::Mismatch);
    assert_eq!(bench.store.asked(), ["spend", "redeem_in_transaction"]);
    bench.store.fail("spend");
    assert!(matches!(
        open(typed).await,
        Err(TokensError::Unavailable(_))
    ));
    assert_eq!(bench.store.asked(), ["spend"]);
    bench.store.recover();
    bench.store.fail("redeem_in_transaction");
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
            .redeem_in_transaction(&CODE, &issued.handle, &binding, &typed)
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
            .authenticate(
                &BEARER,
                "acme",
                &as_token,
                stated(&Binding::subject(&alice))
            )
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
    for policy in [&CODE, &TYPED_AFTER_APPROVAL] {
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
                .present_by_handle(policy, &handle, &binding, typed, now)
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
    let forged = tokens
        .authenticate(&BEARER, "acme", bearer, stated(&Binding::subject(&alice)))
        .await;
    assert_eq!(reason(forged), Reason::TagForged);
    assert!(tokens.list(&BEARER, &alice).await.unwrap().is_empty());
    let refused = told(&BEARER, events::TOKEN_REFUSED, *issued.record.id());
    let mallory = subject("acme", "mallory");
    let refused = refused.of(&mallory).reason(Reason::TagForged);
    assert_eq!(bench.log.drain(), [refused.clone(), refused]);
}

#[tokio::test]
async fn data_travels_with_the_token_and_a_purge_takes_the_dead_alone() {
    let bench = Bench::new(&ALL);
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let options = IssueOptions {
        data: b"new@example.org",
        ..IssueOptions::default()
    };
    let dead = issue_one(tokens, &LINK, &binding, options).await.unwrap();
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

/// What exceeds the account's guess budget, or shares a purpose, does not start.
#[test]
fn build_refuses_what_does_not_fit() {
    let builder = |policies: &[Policy]| {
        let builder = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
        policies
            .iter()
            .fold(builder, |builder, policy| builder.policy(policy))
    };
    let build = |policies: &[Policy]| builder(policies).build().map(drop);
    assert_eq!(build(&[CODE, READABLE, LINK]), Ok(()));
    assert_eq!(
        build(&[CODE, LINK, CODE.format(Format::DIGITS_8)]),
        Err(BuildError::PurposeTwice(*CODE.purpose()))
    );
    let unlimited = CODE.spending_allowance(false);
    let Err(BuildError::GuessBound(exceeded)) = build(&[unlimited]) else {
        panic!("87,610 guesses a year at 10^6 codes started");
    };
    // (10 + 365 * 240) / 10^6, in parts per billion.
    assert_eq!(exceeded.bound.parts_per_billion(), 87_610_000);
    assert!(exceeded.to_string().contains("87610 guesses a year"));
    let accepting = |figure| {
        let builder = builder(&[unlimited]).accepting_guess_bound(figure);
        builder.build().is_ok()
    };
    assert!(accepting(87_610_000));
    assert!(!accepting(87_609_999));
    let other = builder(&[CODE]).allowance(Limit::PACE).build().map(drop);
    assert_eq!(other, Err(BuildError::NoAllowance));
}

/// One account has one allowance, however many policies spend it.
#[tokio::test]
async fn allowance_is_the_accounts() {
    const FOUR: [Policy; 4] = [
        Policy::code(Purpose::new("one")).requests(None),
        Policy::code(Purpose::new("two")).requests(None),
        Policy::code(Purpose::new("three")).requests(None),
        Policy::code(Purpose::new("four")).requests(None),
    ];
    let bench = Bench::new(&FOUR.each_ref());
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let bound = tokens.guess_bound();
    assert_eq!(bound.guesses(), 465);
    assert_eq!(bound.parts_per_billion(), 465_000);
    let mut evaluated = 0;
    for _ in 0..40 {
        for policy in &FOUR {
            let issued = tokens.issue(policy, &binding).await.unwrap();
            let typed = wrong(issued.token.expose_secret());
            let tried = tokens.redeem(policy, &issued.handle, &binding, &typed);
            evaluated += u64::from(matches!(tried.await, Err(TokensError::Rejected(_))));
        }
        bench.pass(TimeDelta::minutes(6));
    }
    assert_eq!((evaluated, bench.store.evaluated().await), (100, 100));
}

/// A handle that finds nothing costs its stated subject nothing.
#[tokio::test]
async fn unknown_handle_costs_nothing() {
    let bench = Bench::new(&ALL);
    let (tokens, alice, mallory) = (&bench.tokens, alice(), subject("acme", "mallory"));
    let binding = Binding::subject(&alice);
    let foreign = tokens.issue(&CODE, &Binding::subject(&mallory)).await;
    let foreign = foreign.unwrap();
    let other_purpose = tokens.issue(&TYPED_AFTER_APPROVAL, &binding).await.unwrap();
    let unknown = Handle::parse(&"7".repeat(64)).unwrap();
    for handle in [&foreign.handle, &other_purpose.handle, &unknown] {
        for _ in 0..200 {
            let tried = tokens.redeem(&CODE, handle, &binding, "123456").await;
            assert_eq!(reason(tried), Reason::Unknown);
        }
    }
    assert_eq!(bench.store.evaluated().await, 0);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
    assert!(redeemed.is_ok());
}

#[tokio::test]
async fn holders_that_do_not_care_share_tokens_over_any_store() {
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens: Arc<Tokens> = tokens.policy(&CODE).build().unwrap().shared();
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
