//! Authenticated tokens that are taken again without a look at the store.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use ott_bearer::{Bearers, BoxError, Caching, NoScope, Proved, Standing};
use token_store::{
    TokensError,
    ott_core::{Binding, OwnedBinding, Reason, Subject, chrono::TimeDelta},
};

use super::{ACCESS, SESSION, bearers, bench, beside, issued, reason};
use crate::{Bench, Place, alice, subject};

fn cached(bench: &Bench, seconds: i64) -> Bearers<NoScope> {
    let caching = Caching {
        staleness: TimeDelta::seconds(seconds),
        most: 100,
    };
    bearers::<NoScope>(bench, ACCESS)
        .caching(caching)
        .expect("it fits")
}

fn finds(bench: &Bench) -> usize {
    let asked = bench.store.asked();
    asked.into_iter().filter(|verb| *verb == "find").count()
}

/// Within the staleness the store is asked once; without a cache each time.
pub async fn cached_token_asks_the_store_once(place: Place) {
    let bench = bench(place).await;
    let (with, without) = (cached(&bench, 30), bearers::<NoScope>(&bench, ACCESS));
    let text = issued(&with, &alice()).await.token;
    let text = text.expose_secret();
    for (bearers, expected) in [(&without, 5), (&with, 1)] {
        let before = finds(&bench);
        for _ in 0..5 {
            bearers.authenticate("acme", text).await.unwrap();
        }
        assert_eq!(finds(&bench) - before, expected);
    }
    let before = finds(&bench);
    bench.pass(TimeDelta::seconds(30));
    with.authenticate("acme", text).await.unwrap();
    // Of another tenant it is another token.
    assert_eq!(
        reason(with.authenticate("umbrella", text).await),
        Reason::Unknown
    );
    // What is unknown may be an older one whose record was purged.
    assert_eq!(finds(&bench) - before, 3);
}

/// A token that another process revoked lives on for the staleness, and not longer.
pub async fn revocation_elsewhere_counts_after_the_staleness(place: Place) {
    let bench = bench(place).await;
    let (here, elsewhere) = (cached(&bench, 30), beside::<NoScope>(&bench, ACCESS));
    let token = issued(&here, &alice()).await;
    let text = token.token.expose_secret();
    here.authenticate("acme", text).await.unwrap();
    assert!(elsewhere.revoke(&alice(), token.facts.id()).await.unwrap());
    bench.pass(TimeDelta::seconds(29));
    here.authenticate("acme", text).await.unwrap();
    bench.pass(TimeDelta::seconds(1));
    assert_eq!(
        reason(here.authenticate("acme", text).await),
        Reason::Revoked
    );
}

/// However long the store and the account take to answer, the staleness counts from before they were asked.
pub async fn staleness_counts_from_the_question(place: Place) {
    let bench = bench(place).await;
    let (here, elsewhere) = (cached(&bench, 5), beside::<NoScope>(&bench, ACCESS));
    for verb in ["find", "touch"] {
        let token = issued(&here, &alice()).await;
        let text = token.token.expose_secret();
        let held = bench.store.hold_answer(verb);
        let slow = {
            let (here, text) = (here.clone(), text.to_owned());
            tokio::spawn(async move { here.authenticate("acme", &text).await.map(drop) })
        };
        held.reached().await;
        assert!(elsewhere.revoke(&alice(), token.facts.id()).await.unwrap());
        bench.pass(TimeDelta::seconds(5));
        held.go_on();
        // It was good when it was asked for.
        slow.await.unwrap().unwrap();
        let refused = here.authenticate("acme", text).await;
        assert_eq!(reason(refused), Reason::Revoked, "{verb}");
    }
}

/// An account's epoch; at the highest one it may use no tokens.
#[derive(Default)]
struct Row(AtomicU64);

#[async_trait::async_trait]
impl Standing for Row {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        let epoch = self.0.load(Ordering::Relaxed);
        let binding = Binding::subject(owner).epoch(epoch).into_owned();
        Ok(Some(binding).filter(|_| epoch < u64::MAX))
    }
}

/// What was cached for one standing is not taken for another, though both share the cache: what is revoked through either
/// is refused by both.
pub async fn another_standing_shares_no_entry(place: Place) {
    let bench = bench(place).await;
    let base = cached(&bench, 30);
    let disabled = Row(AtomicU64::new(u64::MAX));
    let strict = base.clone().standing(Arc::new(disabled));
    let alike = base.clone().standing(Arc::new(ott_bearer::OwnerAlone));
    let token = issued(&base, &alice()).await;
    let text = token.token.expose_secret();
    for bearers in [&base, &alike] {
        bearers.authenticate("acme", text).await.unwrap();
    }
    let refused = strict.authenticate("acme", text).await;
    assert_eq!(reason(refused), Reason::Binding);
    bench.store.asked();
    for bearers in [&base, &alike] {
        bearers.authenticate("acme", text).await.unwrap();
    }
    assert_eq!(finds(&bench), 0);
    assert!(strict.revoke(&alice(), token.facts.id()).await.unwrap());
    for bearers in [&base, &alike] {
        let refused = bearers.authenticate("acme", text).await;
        assert_eq!(reason(refused), Reason::Revoked);
    }
}

/// A token that this process revoked, in whatever way, is refused at once, and at every clone.
pub async fn revocation_here_counts_at_once(place: Place) {
    let bench = bench(place).await;
    let (here, clone) = (cached(&bench, 30), cached(&bench, 30));
    let clone = [here.clone(), clone][0].clone();
    let alice = alice();
    for way in 0..5 {
        let token = issued(&here, &alice).await;
        let text = token.token.expose_secret();
        clone.authenticate("acme", text).await.unwrap();
        match way {
            0 => drop(here.revoke(&alice, token.facts.id()).await.unwrap()),
            1 => drop(here.revoke_all(&alice).await.unwrap()),
            2 => drop(here.revoke_text("acme", text).await.unwrap()),
            3 => {
                let other = issued(&here, &alice).await;
                let other = here.authenticate("acme", other.token.expose_secret()).await;
                assert_eq!(here.revoke_others(&other.unwrap()).await.unwrap(), 1);
            }
            _ => {
                let proved = ott_bearer::Proved::by(&["pwd"], here.now());
                here.step_up("acme", text, proved).await.unwrap();
            }
        }
        let refused = clone.authenticate("acme", text).await;
        assert_eq!(reason(refused), Reason::Revoked, "{way}");
    }
}

/// Ends a token, in one of six ways.
async fn end(here: &Bearers, alice: &Subject, text: &str, way: usize) -> Result<(), TokensError> {
    let bearer = here.authenticate("acme", text).await?;
    match way {
        0 => here.revoke(alice, bearer.id()).await.map(drop),
        1 => here.revoke_all(alice).await.map(drop),
        2 => here.revoke_text("acme", text).await.map(drop),
        3 => here.rotate("acme", text).await.map(drop),
        4 => {
            let proved = Proved::by(&["pwd"], here.now());
            here.step_up("acme", text, proved).await.map(drop)
        }
        _ => {
            let other = issued(here, alice).await;
            let other = here.authenticate("acme", other.token.expose_secret());
            here.revoke_others(&other.await?).await.map(drop)
        }
    }
}

/// So is one whose revocation was done, and whose answer was lost, or reached nobody since the client had hung up; also
/// where the token was cached once more while the revocation was on its way, or where its answer has not come yet.
pub async fn unanswered_revocation_counts_at_once(place: Place) {
    let bench = bench(place).await;
    let here = cached(&bench, 30);
    let alice = alice();
    for way in 0..6 {
        for hangs_up in [false, true] {
            let token = issued(&here, &alice).await;
            let text = token.token.expose_secret();
            here.authenticate("acme", text).await.unwrap();
            let call = bench.store.hold_call("revoke");
            let handler = {
                let (here, alice, text) = (here.clone(), alice.clone(), text.to_owned());
                tokio::spawn(async move { end(&here, &alice, &text, way).await })
            };
            call.reached().await;
            here.authenticate("acme", text).await.unwrap();
            if hangs_up {
                let answer = bench.store.hold_answer("revoke");
                call.go_on();
                answer.reached().await;
                handler.abort();
                assert!(handler.await.unwrap_err().is_cancelled());
            } else {
                bench.store.lose_answer("revoke");
                call.go_on();
                let ended = handler.await.unwrap();
                assert!(matches!(ended, Err(TokensError::Unavailable(_))), "{way}");
            }
            let refused = here.authenticate("acme", text).await;
            assert_eq!(reason(refused), Reason::Revoked, "{way} {hangs_up}");
        }
        let token = issued(&here, &alice).await;
        let text = token.token.expose_secret();
        here.authenticate("acme", text).await.unwrap();
        let answer = bench.store.hold_answer("revoke");
        let handler = {
            let (here, alice, text) = (here.clone(), alice.clone(), text.to_owned());
            tokio::spawn(async move { end(&here, &alice, &text, way).await })
        };
        answer.reached().await;
        let refused = here.authenticate("acme", text).await;
        assert_eq!(reason(refused), Reason::Revoked, "{way}");
        answer.go_on();
        handler.await.unwrap().unwrap();
    }
}

/// What the cache cannot see, as an epoch that is raised, counts at once where it is told.
pub async fn account_is_forgotten_on_demand(place: Place) {
    let bench = bench(place).await;
    let row = Arc::new(Row::default());
    let here = cached(&bench, 30).standing(Arc::clone(&row) as Arc<_>);
    let (alice, bob) = (alice(), subject("acme", "bob"));
    for whole_tenant in [false, true] {
        let (own, other) = (issued(&here, &alice).await, issued(&here, &bob).await);
        let texts = [&own, &other].map(|token| token.token.expose_secret());
        for text in texts {
            here.authenticate("acme", text).await.unwrap();
        }
        row.0.fetch_add(1, Ordering::Relaxed);
        here.forget_account(&subject("umbrella", alice.id()));
        here.forget_tenant("umbrella");
        for text in texts {
            here.authenticate("acme", text).await.unwrap();
        }
        match whole_tenant {
            true => here.forget_tenant("acme"),
            false => here.forget_account(&alice),
        }
        let refused = here.authenticate("acme", texts[0]).await;
        assert_eq!(reason(refused), Reason::Binding);
        let refused = here.authenticate("acme", texts[1]).await;
        assert_eq!(refused.is_err(), whole_tenant);
    }
}

/// So is an older one that ends with its newer one.
pub async fn cached_older_ends_with_the_newer(place: Place) {
    let bench = bench(place).await;
    let here = cached(&bench, 30);
    let alice = alice();
    for way in 0..4 {
        let old = issued(&here, &alice).await.token;
        let old = old.expose_secret();
        let newer = here.rotate("acme", old).await.unwrap();
        let text = newer.token.expose_secret();
        let older = here.authenticate("acme", old).await.unwrap();
        match way {
            0 => drop(here.revoke(&alice, newer.facts.id()).await.unwrap()),
            1 => drop(here.revoke_text("acme", text).await.unwrap()),
            2 => drop(here.rotate("acme", text).await.unwrap()),
            _ => drop(here.revoke_others(&older).await.unwrap()),
        }
        let refused = here.authenticate("acme", old).await;
        assert_eq!(reason(refused), Reason::Revoked, "{way}");
    }
}

/// A token that expires within the staleness is not taken longer.
pub async fn cached_token_ends_at_its_own_end(place: Place) {
    let bench = bench(place).await;
    let bearers = cached(&bench, 30);
    let alice = alice();
    let end = bearers.now() + TimeDelta::seconds(10);
    let new = ott_bearer::New::of(&alice).expires_at(end);
    let token = bearers.issue(&new).await.unwrap().token;
    let text = token.expose_secret();
    bearers.authenticate("acme", text).await.unwrap();
    bench.pass(TimeDelta::seconds(9));
    bearers.authenticate("acme", text).await.unwrap();
    bench.pass(TimeDelta::seconds(1));
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Expired
    );
}

/// A staleness of more than a quarter of the idle time would let used tokens idle out: it is a mistake.
pub async fn cache_never_outlasts_the_idle_time(place: Place) {
    let bench = bench(place).await;
    let with = |kind, staleness, most| {
        let caching = Caching { staleness, most };
        bearers::<NoScope>(&bench, kind).caching(caching)
    };
    let quarter = TimeDelta::hours(42);
    assert!(with(SESSION, quarter, 1).is_ok());
    let misuse = [
        with(SESSION, quarter + TimeDelta::microseconds(1), 1),
        with(SESSION, TimeDelta::zero(), 1),
        with(ACCESS, TimeDelta::seconds(1), 0),
    ];
    for built in misuse {
        assert!(matches!(built, Err(TokensError::Misuse(_))));
    }
}
