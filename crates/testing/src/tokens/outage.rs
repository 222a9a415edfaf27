//! A store that is down, and a key that is missing: nothing succeeds, nothing is counted or lost.

use token_store::{
    Revoke, TokensError,
    ott_core::{Binding, IssueOptions, KeyId, Policy, Purpose, Verdict, chrono::TimeDelta},
};

use crate::{Bench, KEY_1, KEY_2, Place, alice, issue_one, key_2, ring, stated, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
const BEARER: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
const ALL: [&Policy; 5] = [&CODE, &RECOVERY, &LINK, &BEARER, &PROMPT];

fn is_outage<T>(bench: &Bench, verb: &'static str, result: &Result<T, TokensError>) -> bool {
    bench.log.store_failed_at(verb) && matches!(result, Err(TokensError::Unavailable(_)))
}

/// An insert that fails issues nothing, and a resend that fails replaces nothing.
pub async fn insert_that_fails_issues_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let earlier = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.fail("insert");
    assert!(is_outage(
        &bench,
        "insert",
        &tokens.issue(&CODE, &binding).await
    ));
    let resent = issue_one(
        tokens,
        &CODE,
        &binding,
        IssueOptions {
            resend: Some(&earlier.handle),
            ..IssueOptions::default()
        },
    )
    .await;
    assert!(is_outage(&bench, "insert", &resent));
    assert!(is_outage(
        &bench,
        "insert",
        &tokens
            .issue_opts(
                &RECOVERY,
                &binding,
                IssueOptions {
                    count: 10,
                    ..IssueOptions::default()
                }
            )
            .await
    ));
    bench.store.recover();
    // What a failed resend did not replace lives on.
    let typed = earlier.token.expose_secret();
    assert!(
        tokens
            .redeem(&CODE, &earlier.handle, &binding, typed)
            .await
            .is_ok()
    );
}

/// While limits cannot be spent, nothing is evaluated.
pub async fn limits_that_fail_evaluate_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    bench.store.fail("spend");
    for typed in [typed, &wrong(typed)] {
        let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
        // One step, where the store charges in it.
        let verb = ["spend", "redeem"][usize::from(bench.store.charges())];
        assert!(is_outage(&bench, verb, &redeemed));
    }
    assert_eq!(bench.store.evaluated().await, 0);
    bench.store.recover();
    assert!(
        tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await
            .is_ok()
    );
}

/// A redeem that fails is an outage, and redeems nothing.
pub async fn redeem_that_fails_redeems_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    let recovery = tokens.issue(&RECOVERY, &binding).await.unwrap();
    let link = tokens.issue(&LINK, &binding).await.unwrap();
    let redeem = async || {
        let typed = code.token.expose_secret();
        tokens
            .redeem(&CODE, &code.handle, &binding, typed)
            .await
            .map(drop)
    };
    let by_subject = async || {
        let typed = recovery.token.expose_secret();
        tokens
            .redeem_by_subject(&RECOVERY, &binding, typed)
            .await
            .map(drop)
    };
    let by_itself = async || {
        let link = link.token.expose_secret();
        tokens
            .redeem_by_itself(&LINK, "acme", link, stated(&binding))
            .await
            .map(drop)
    };
    bench.store.fail("redeem");
    assert!(is_outage(&bench, "redeem", &redeem().await));
    assert!(is_outage(&bench, "redeem", &by_subject().await));
    assert!(is_outage(&bench, "redeem", &by_itself().await));
    bench.store.recover();
    assert!(redeem().await.is_ok());
    assert!(by_subject().await.is_ok());
    assert!(by_itself().await.is_ok());
}

/// A refund that fails is told, and loses no token.
pub async fn refund_that_fails_loses_no_token(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.fail("refund");
    let typed = issued.token.expose_secret();
    assert!(
        tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await
            .is_ok()
    );
    // Where the store charges in the step of the redeem, there is nothing to give back.
    assert_eq!(bench.log.store_failed_at("refund"), !bench.store.charges());
}

/// Every other verb that fails is an outage.
pub async fn verbs_that_fail_are_outages(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let bearer = tokens.issue(&BEARER, &binding).await.unwrap();
    let prompt = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let number = prompt.record.stored().number;
    let authenticate = async || {
        let bearer = bearer.token.expose_secret();
        tokens
            .authenticate(&BEARER, "acme", bearer, stated(&binding))
            .await
            .map(drop)
    };
    let approve = async || {
        let verdict = Verdict::Approve { number };
        tokens
            .decide(&PROMPT, prompt.record.id(), &alice, verdict, b"")
            .await
            .map(drop)
    };
    bench.pass(TimeDelta::minutes(2));
    for verb in ["find", "touch"] {
        bench.store.fail(verb);
        assert!(is_outage(&bench, verb, &authenticate().await), "{verb}");
        bench.store.recover();
    }
    for verb in ["find", "decide"] {
        bench.store.fail(verb);
        assert!(is_outage(&bench, verb, &approve().await), "{verb}");
        bench.store.recover();
    }
    bench.store.fail("find");
    assert!(is_outage(
        &bench,
        "find",
        &tokens.find(&BEARER, bearer.record.id()).await
    ));
    bench.store.fail("list");
    assert!(is_outage(
        &bench,
        "list",
        &tokens.list(&BEARER, &alice).await
    ));
    bench.store.fail("revoke");
    assert!(is_outage(
        &bench,
        "revoke",
        &tokens.revoke(&Revoke::subject(&alice)).await
    ));
    for verb in ["purge", "purge_limits"] {
        bench.store.fail(verb);
        assert!(
            is_outage(&bench, "purge", &tokens.purge(tokens.now(), 10).await),
            "{verb}"
        );
        bench.store.recover();
    }
    assert!(authenticate().await.is_ok());
    assert!(approve().await.is_ok());
}

/// A key that the ring lacks is an outage that counts nothing.
pub async fn key_missing_is_an_outage_without_counts(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let behind = bench.beside(key_2(), &ALL);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    let missing = |result| matches!(result, Err(TokensError::KeyMissing(KeyId(1))));
    // More often than the pace, the allowance and the record's own attempts allow.
    for _ in 0..200 {
        let redeemed = behind
            .tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await;
        assert!(missing(redeemed.map(drop)));
        assert_eq!(behind.log.missing_keys(), [KeyId(1)]);
    }
    assert_eq!(bench.store.evaluated().await, 0);
    assert!(
        tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await
            .is_ok()
    );

    let bearer = tokens.issue(&BEARER, &binding).await.unwrap();
    let text = bearer.token.expose_secret();
    assert!(missing(
        behind
            .tokens
            .authenticate(&BEARER, "acme", text, stated(&binding))
            .await
            .map(drop)
    ));
    assert!(missing(
        behind
            .tokens
            .find(&BEARER, bearer.record.id())
            .await
            .map(drop)
    ));
    // Not a shorter list.
    assert!(missing(behind.tokens.list(&BEARER, &alice).await.map(drop)));
    let prompt = tokens.park(&PROMPT, &binding, b"").await.unwrap();
    let id = prompt.record.id();
    let denied = behind
        .tokens
        .decide(&PROMPT, id, &alice, Verdict::Deny, b"")
        .await;
    assert!(missing(denied.map(drop)));
    assert!(
        tokens
            .authenticate(&BEARER, "acme", text, stated(&binding))
            .await
            .is_ok()
    );
}

/// Rings that differ by one step of a rotation refuse nobody.
pub async fn rings_one_step_apart_refuse_nobody(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let alice = alice();
    let binding = Binding::subject(&alice);
    let (first, second) = (format!("1 {KEY_1}"), format!("2 {KEY_2}"));
    let added = bench.beside(ring(&[&first, &second]), &ALL);
    let moved = bench.beside(ring(&[&second, &first]), &ALL);
    for (one, other) in [(&bench, &added), (&added, &moved), (&moved, &added)] {
        let issued = one.tokens.issue(&CODE, &binding).await.unwrap();
        let typed = issued.token.expose_secret();
        assert!(
            other
                .tokens
                .redeem(&CODE, &issued.handle, &binding, typed)
                .await
                .is_ok()
        );
    }
}
