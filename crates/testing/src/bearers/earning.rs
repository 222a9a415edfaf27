//! A bearer token that a redeem earns.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use ott_bearer::{Bearers, Kind, New, NewError, NoScope, Proved};
use token_store::ott_core::{Binding, Policy, Purpose, Reason, Subject, chrono::TimeDelta};

use super::{KINDS, SESSION, bearers, reason, revoking::Rows};
use crate::{Bench, Place, alice, subject, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const PARKED: Policy = Policy::parked(Purpose::new("parked"));

async fn bench(place: Place) -> (Bench, Bearers) {
    let policies: Vec<_> = KINDS.iter().flat_map(Kind::policies).collect();
    let policies = [&policies[..], &[&CODE, &RECOVERY, &PARKED]].concat();
    let bench = Bench::new(place, &policies).await;
    let sessions = bearers::<NoScope>(&bench, SESSION);
    (bench, sessions)
}

/// What a redeem earns says what it was asked with, and proves. A wrong code, an impossible name and an end that has passed earn nothing.
pub async fn code_earns_a_session_as_it_was_asked(place: Place) {
    let (bench, sessions) = bench(place).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    let (handle, typed) = (&code.handle, code.token.expose_secret());
    let now = sessions.now();
    for name in ["", "a\u{202e}b"] {
        let refused = sessions.earning(&New::of(&alice).named(name)).await;
        assert!(matches!(refused, Err(NewError::Name(_))), "{refused:?}");
    }
    let past = sessions.earning(&New::of(&alice).expires_at(now)).await;
    assert!(matches!(past, Err(NewError::End)), "{past:?}");
    let proved = Proved::by(&["otp"], now);
    let new = New::of(&alice).named("laptop").proved(proved.clone());
    let new = new.expires_at(now + TimeDelta::minutes(5));
    let earning = sessions.earning(&new).await.unwrap();
    let refused = earning.redeem(&CODE, handle, &binding, &wrong(typed)).await;
    assert_eq!(reason(refused), Reason::Mismatch);
    assert!(sessions.list(&alice).await.unwrap().is_empty());
    let earned = earning.redeem(&CODE, handle, &binding, typed).await;
    let (record, issued) = earned.unwrap();
    assert_eq!(record.id(), code.record.id());
    let text = issued.token.expose_secret();
    let bearer = sessions.authenticate("acme", text).await.unwrap();
    for facts in [&issued.facts, &*bearer] {
        assert_eq!(facts.name(), Some("laptop"));
        assert_eq!(facts.proved(), Some(&proved));
        assert_eq!(facts.expires_at(), Some(now + TimeDelta::minutes(5)));
    }
    assert!(!format!("{earning:?}{issued:?}").contains(text));

    let recovery = tokens.issue(&RECOVERY, &binding).await.unwrap();
    let typed = recovery.token.expose_secret();
    let earned = earning.redeem_by_subject(&RECOVERY, &binding, typed).await;
    earned.unwrap();
    let parked = tokens.park(&PARKED, &binding, b"").await.unwrap();
    let earned = earning.resume(&PARKED, &parked.handle, &binding).await;
    earned.unwrap();
    assert_eq!(sessions.list(&alice).await.unwrap().len(), 3);
}

/// A change of password between what is loaded and the redeem: what was earned is revoked, and lives on no more if the account stands
/// again as it did.
pub async fn epoch_between_load_and_redeem_ends_it(place: Place) {
    let (bench, sessions) = bench(place).await;
    let (rows, alice) = (Arc::new(Rows::default()), alice());
    let sessions = sessions.standing(Arc::clone(&rows) as Arc<_>);
    let binding = Binding::subject(&alice);
    for raised in [false, true] {
        let code = bench.tokens.issue(&CODE, &binding).await.unwrap();
        let typed = code.token.expose_secret();
        let earning = sessions.earning(&New::of(&alice)).await.unwrap();
        if raised {
            rows.epoch.fetch_add(1, Ordering::Relaxed);
        }
        let earned = earning.redeem(&CODE, &code.handle, &binding, typed).await;
        if raised {
            assert_eq!(reason(earned), Reason::Binding);
            rows.epoch.fetch_sub(1, Ordering::Relaxed);
        } else {
            let text = earned.unwrap().1.token;
            let told = sessions.authenticate("acme", text.expose_secret());
            assert!(told.await.is_ok());
        }
        assert_eq!(sessions.list(&alice).await.unwrap().len(), 1, "{raised}");
    }
}

/// An account that may have no tokens: its guesses are counted as anybody's, its code is spent, and it earns nothing. One that cannot be
/// loaded keeps its code.
pub async fn account_without_tokens_spends_its_code(place: Place) {
    let (bench, sessions) = bench(place).await;
    let sessions = sessions.standing(Arc::new(Rows::default()));
    let gone: Subject = subject("acme", "gone");
    let binding = Binding::subject(&gone);
    let code = bench.tokens.issue(&CODE, &binding).await.unwrap();
    let (handle, typed) = (&code.handle, code.token.expose_secret());
    let earning = sessions.earning(&New::of(&gone)).await.unwrap();
    let refused = earning.redeem(&CODE, handle, &binding, &wrong(typed)).await;
    assert_eq!(reason(refused), Reason::Mismatch);
    for expected in [Reason::Binding, Reason::Spent] {
        let refused = earning.redeem(&CODE, handle, &binding, typed).await;
        assert_eq!(reason(refused), expected);
    }
    let recovery = bench.tokens.issue(&RECOVERY, &binding).await.unwrap();
    let typed = recovery.token.expose_secret();
    let refused = earning.redeem_by_subject(&RECOVERY, &binding, typed).await;
    assert_eq!(reason(refused), Reason::Binding);
    let parked = bench.tokens.park(&PARKED, &binding, b"").await.unwrap();
    let refused = earning.resume(&PARKED, &parked.handle, &binding).await;
    assert_eq!(reason(refused), Reason::Binding);
    assert!(sessions.list(&gone).await.unwrap().is_empty());

    let unknown = subject("acme", "unknown");
    let outage = sessions.earning(&New::of(&unknown)).await;
    assert!(matches!(outage, Err(NewError::Tokens(_))), "{outage:?}");
}
