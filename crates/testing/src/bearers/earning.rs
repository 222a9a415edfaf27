//! A bearer token that a redeem earns.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use ott_bearer::{Bearers, Caching, Issued, Kind, New, NewError, NoScope, Proved};
use token_store::ott_core::{Binding, Policy, Purpose, Reason, Subject, chrono::TimeDelta};

use super::{ACCESS, KINDS, SESSION, bearers, issued, reason, revoking::Rows};
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

/// What a code earns under this.
async fn earned(bench: &Bench, bearers: &Bearers, new: &New<'_>) -> Issued {
    let alice = alice();
    let binding = Binding::subject(&alice);
    let code = bench.tokens.issue(&CODE, &binding).await.unwrap();
    let typed = code.token.expose_secret();
    let earning = bearers.earning(new).await.unwrap();
    let earned = earning.redeem(&CODE, &code.handle, &binding, typed).await;
    earned.unwrap().1
}

/// What a redeem earned says that it was used when it was made, where it is given, proved and listed. Its first minute asks the store once a
/// use, with a cache and without one. What is issued without a redeem was never used.
pub async fn earned_token_says_when_it_was_used(place: Place) {
    let (bench, sessions) = bench(place).await;
    let caching = Caching {
        staleness: TimeDelta::seconds(30),
        most: 100,
    };
    let cached = sessions.clone().caching(caching).unwrap();
    let (alice, now) = (alice(), sessions.now());
    let session = earned(&bench, &sessions, &New::of(&alice)).await;
    let never = issued(&sessions, &alice).await;
    let text = session.token.expose_secret();
    let listed = async || {
        let listed = sessions.list(&alice).await.unwrap();
        let at = |id| {
            listed
                .iter()
                .find(|facts| facts.id() == id)
                .unwrap()
                .used_at()
        };
        (at(session.facts.id()), at(never.facts.id()))
    };
    assert_eq!(
        (session.facts.used_at(), never.facts.used_at()),
        (Some(now), None)
    );
    assert_eq!(session.facts.idles_at(), never.facts.idles_at());
    assert_eq!(listed().await, (Some(now), None));
    bench.store.asked();
    let proved = sessions.authenticate("acme", text).await.unwrap();
    assert_eq!(proved.used_at(), Some(now));
    for passes in [0, 29, 30] {
        bench.pass(TimeDelta::seconds(passes));
        cached.authenticate("acme", text).await.unwrap();
    }
    assert_eq!(bench.store.asked(), ["find"; 3]);
    assert_eq!(listed().await, (Some(now), None));
    // Asked a minute and a second after its issue; and at the first use of the other one.
    bench.pass(TimeDelta::seconds(30));
    bench.store.asked();
    cached.authenticate("acme", text).await.unwrap();
    let other = never.token.expose_secret();
    sessions.authenticate("acme", other).await.unwrap();
    assert_eq!(bench.store.asked(), ["find", "touch", "find", "touch"]);
    assert_eq!(listed().await, (Some(sessions.now()), Some(sessions.now())));
}

/// It was last used from where it was earned, until a later use is noted. What is issued without a redeem was used from nowhere.
pub async fn earned_token_was_used_from_where_it_was_made(place: Place) {
    let (bench, _) = bench(place).await;
    let tokens = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let new = New::of(&alice).made_from("home");
    let token = earned(&bench, &tokens, &new).await;
    let never = tokens.issue(&new).await.unwrap();
    let text = token.token.expose_secret();
    let from = async |token: &Issued| {
        let listed = tokens.list(&alice).await.unwrap();
        let listed = listed
            .into_iter()
            .find(|facts| facts.id() == token.facts.id());
        listed.and_then(|facts| facts.used_from().map(String::from))
    };
    for (passes, kept) in [(0, "home"), (59, "home"), (1, "office")] {
        bench.pass(TimeDelta::seconds(passes));
        assert_eq!(from(&never).await, None);
        let proved = tokens.authenticate_from("acme", text, Some("office"));
        proved.await.unwrap();
        assert_eq!(from(&token).await.as_deref(), Some(kept), "{passes}");
    }
    // A kind that keeps no networks says none.
    let sessions = bearers::<NoScope>(&bench, SESSION);
    earned(&bench, &sessions, &new).await;
    let listed = sessions.list(&alice).await.unwrap();
    assert!(listed.iter().all(|facts| facts.used_from().is_none()));
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
