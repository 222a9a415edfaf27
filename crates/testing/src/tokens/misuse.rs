//! Verbs that do not fit, and redeeming in a transaction.

use token_store::{
    TokensError,
    ott_core::{Binding, IssueOptions, Lookup, Reason, State, Verdict},
};

use super::{
    ALL, BEARER, CODE, LINK, PROMPT, READABLE, RECOVERY, STEP, TYPED_AFTER_APPROVAL, is_misuse,
    reason,
};
use crate::{Bench, Place, alice, issue_one, stated, wrong};

/// A policy that was not added is misuse in every verb.
pub async fn policy_not_added_is_misuse(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
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

/// What was presented under one policy and is redeemed under another is a mistake in the program: the store is not
/// asked, and the token stays good.
pub async fn token_under_another_policy_burns_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let (typed, handle) = (issued.token.expose_secret(), &issued.handle);
    let presented = tokens
        .issuer()
        .present_by_handle(&CODE, handle, &binding, typed, tokens.now());
    let presented = presented.unwrap();
    bench.store.asked();
    let unlimited = tokens.without_limits("a test");
    for policy in ALL.into_iter().filter(|policy| **policy != CODE) {
        let redeemed = unlimited.redeem(policy, &presented).await;
        assert!(is_misuse(&redeemed), "{policy:?}: {redeemed:?}");
    }
    assert!(bench.store.asked().is_empty(), "the store was asked");
    assert_eq!(bench.store.inner_row(issued.record.id()).await.attempts, 0);
    assert!(unlimited.redeem(&CODE, &presented).await.is_ok());
}

/// A verb that does not fit the policy is a mistake in the program, and never looks like a refusal.
pub async fn verb_of_another_policy_is_misuse(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// Limits of an account, without an account, are misuse before anything is issued.
pub async fn limits_without_account_are_misuse(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// Redeeming in a transaction pays first, and hands the transaction over once.
pub async fn transaction_is_paid_first_and_given_once(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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
    let bench = Bench::new(place, &ALL).await;
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
