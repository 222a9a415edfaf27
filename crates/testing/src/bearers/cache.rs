//! Authenticated tokens that are taken again without a look at the store.

use ott_bearer::{Bearers, Caching, NoScope};
use token_store::{
    TokensError,
    ott_core::{Reason, chrono::TimeDelta},
};

use super::{ACCESS, SESSION, bearers, bench, beside, issued, reason};
use crate::{Bench, Place, alice};

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
