//! Links and bearer tokens: found by themselves, with the binding of the account.

use token_store::{
    Claimed, Revoke, TokensError, events,
    ott_core::{Binding, Format, IssueOptions, Policy, Purpose, Reason, State, chrono::TimeDelta},
};

use super::{ALL, BEARER, CODE, LINK, is_misuse, reason};
use crate::{Bench, Place, alice, issue_one, start, stated, subject, told};

/// A link is redeemed once, with the account's present binding; a wrong one spends nothing, and is told.
pub async fn link_is_redeemed_once_with_its_binding(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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
pub async fn bearer_first_use_is_noted(place: Place) {
    const SESSION: Policy = Policy::bearer(Purpose::new("long-session"), TimeDelta::days(30));
    let bench = Bench::new(place, &[&SESSION]).await;
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
pub async fn door_takes_tokens_of_several_policies(place: Place) {
    const APP: Policy = Policy::bearer(Purpose::new("app"), TimeDelta::days(30))
        .format(Format::alphanumeric(30).prefixed("app_"));
    const KEY: Policy = Policy::bearer(Purpose::new("key"), TimeDelta::days(30));
    let bench = Bench::new(place, &[&APP, &KEY, &BEARER, &CODE]).await;
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

/// A bearer token proves again and again, until it idles or is revoked.
pub async fn bearer_proves_until_idle_or_revoked(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// A token may end earlier than its policy says, and never later.
pub async fn expires_at_is_earlier_never_later(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// A public id is no token, and a record is found under its own policy alone.
pub async fn public_id_is_no_token(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// A row that was edited in the store is refused, and told.
pub async fn edited_row_is_refused_and_told(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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

/// Data travels with the token, and a purge takes the dead alone.
pub async fn data_travels_and_purge_takes_the_dead(place: Place) {
    let bench = Bench::new(place, &ALL).await;
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
