//! What somebody else does while a token is rotated.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use ott_bearer::{Bearers, BoxError, Issued, NoScope, Proved, Standing};
use token_store::{
    TokensError,
    ott_core::{Binding, OwnedBinding, Reason, Subject, chrono::TimeDelta},
};
use tokio::task::JoinHandle;

use super::{ACCESS, Mail, SESSION, bearers, bench, issued, reason};
use crate::{Bench, Held, Place, alice};

type Rotation = JoinHandle<Result<Issued, TokensError>>;

fn rotate(bearers: &Bearers, text: &str) -> Rotation {
    let (bearers, text) = (bearers.clone(), text.to_owned());
    tokio::spawn(async move { bearers.rotate("acme", &text).await })
}

/// A rotation that has ended the older token, and not inserted it again yet.
async fn half_way(bench: &Bench, bearers: &Bearers, text: &str) -> (Rotation, Arc<Held>) {
    let first = bench.store.hold_insert();
    let rotation = rotate(bearers, text);
    first.reached().await;
    let second = bench.store.hold_insert();
    first.go_on();
    second.reached().await;
    (rotation, second)
}

async fn refuses(bearers: &Bearers, text: &str) -> bool {
    reason(bearers.authenticate("acme", text).await) == Reason::Revoked
}

/// A token that is revoked while it is rotated, in whatever way, is dead from then on: no newer one, and no overlap.
pub async fn revoked_token_is_not_rotated(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for way in 0..5 {
        let old = issued(&bearers, &alice).await;
        let text = old.token.expose_secret();
        let held = bench.store.hold_insert();
        let rotation = rotate(&bearers, text);
        held.reached().await;
        let mut left = 0;
        match way {
            0 => assert!(bearers.revoke(&alice, old.facts.id()).await.unwrap()),
            1 => assert_eq!(bearers.revoke_all(&alice).await.unwrap(), 1),
            2 => assert!(bearers.revoke_text("acme", text).await.unwrap()),
            3 => {
                let other = issued(&bearers, &alice).await;
                let other = bearers.authenticate("acme", other.token.expose_secret());
                let other = other.await.unwrap();
                assert_eq!(bearers.revoke_others(&other).await.unwrap(), 1);
                left = 1;
            }
            _ => {
                let proved = Proved::by(&["pwd"], bearers.now());
                bearers.step_up("acme", text, proved).await.unwrap();
                left = 1;
            }
        }
        assert!(refuses(&bearers, text).await, "{way}");
        held.go_on();
        assert_eq!(reason(rotation.await.unwrap()), Reason::Revoked, "{way}");
        assert!(refuses(&bearers, text).await, "{way}");
        assert_eq!(bearers.list(&alice).await.unwrap().len(), left, "{way}");
        bearers.revoke_all(&alice).await.unwrap();
    }
}

/// After a rotation that an outage stopped, the older token is as it was: who revokes it, or steps up, ends it at once.
pub async fn interrupted_rotation_leaves_no_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for way in 0..4 {
        let old = issued(&bearers, &alice).await;
        let text = old.token.expose_secret();
        bench.store.fail("revoke");
        let stopped = bearers.rotate("acme", text).await;
        assert!(matches!(stopped, Err(TokensError::Unavailable(_))));
        bench.store.recover();
        let still = bearers.authenticate("acme", text).await.unwrap();
        assert!(!still.is_rotated());
        match way {
            0 => assert!(bearers.revoke(&alice, old.facts.id()).await.unwrap()),
            1 => assert!(bearers.revoke_text("acme", text).await.unwrap()),
            2 => drop(bearers.revoke_all(&alice).await.unwrap()),
            _ => {
                let proved = Proved::by(&["pwd"], bearers.now());
                bearers.step_up("acme", text, proved).await.unwrap();
            }
        }
        assert!(refuses(&bearers, text).await, "{way}");
    }
}

/// Also where the store reads all tokens first and then ends each: what a rotation put in place of one meanwhile ends too.
pub async fn revoke_all_ends_what_rotates_under_it(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for others in [false, true] {
        let kept = issued(&bearers, &alice).await;
        let kept = kept.token.expose_secret();
        let old = issued(&bearers, &alice).await;
        let text = old.token.expose_secret();
        let own = bearers.authenticate("acme", kept).await.unwrap();
        let held = bench.store.hold_revoke();
        let everywhere = {
            let (bearers, alice) = (bearers.clone(), alice.clone());
            tokio::spawn(async move {
                match others {
                    true => bearers.revoke_others(&own).await,
                    false => bearers.revoke_all(&alice).await,
                }
            })
        };
        held.reached().await;
        let newer = bearers.rotate("acme", text).await.unwrap();
        held.go_on();
        everywhere.await.unwrap().unwrap();
        assert!(refuses(&bearers, newer.token.expose_secret()).await);
        assert!(refuses(&bearers, text).await);
        assert_eq!(bearers.authenticate("acme", kept).await.is_ok(), others);
        bearers.revoke_all(&alice).await.unwrap();
    }
}

/// The newer token is in the list before the older one lives on: whoever revokes it there has both ended.
pub async fn revoked_newer_token_leaves_no_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for all in [false, true] {
        let old = issued(&bearers, &alice).await;
        let text = old.token.expose_secret();
        let (rotation, held) = half_way(&bench, &bearers, text).await;
        let listed = bearers.list(&alice).await.unwrap();
        assert_eq!(listed.len(), 1);
        match all {
            true => assert_eq!(bearers.revoke_all(&alice).await.unwrap(), 1),
            false => assert!(bearers.revoke(&alice, listed[0].id()).await.unwrap()),
        }
        held.go_on();
        let newer = rotation.await.unwrap().unwrap();
        assert!(refuses(&bearers, newer.token.expose_secret()).await);
        assert!(refuses(&bearers, text).await);
        assert!(bearers.list(&alice).await.unwrap().is_empty());
    }
}

/// A text that is revoked in the middle of its rotation does not come back for the overlap; the newer token lives.
pub async fn revoked_text_has_no_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let old = issued(&bearers, &alice()).await;
    let text = old.token.expose_secret();
    let (rotation, held) = half_way(&bench, &bearers, text).await;
    assert!(!bearers.revoke_text("acme", text).await.unwrap());
    held.go_on();
    let newer = rotation.await.unwrap().unwrap();
    assert!(refuses(&bearers, text).await);
    let live = bearers.authenticate("acme", newer.token.expose_secret());
    assert!(live.await.is_ok());
    assert_eq!(bearers.list(&alice()).await.unwrap().len(), 1);
    // Revoking it again finds the place taken, and nothing to end.
    assert!(!bearers.revoke_text("acme", text).await.unwrap());
}

/// An outage after the older token has ended costs the overlap, and not the newer token.
pub async fn newer_token_outlives_a_lost_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let old = issued(&bearers, &alice()).await;
    let text = old.token.expose_secret();
    let (rotation, held) = half_way(&bench, &bearers, text).await;
    bench.store.fail("insert");
    held.go_on();
    let newer = rotation.await.unwrap().unwrap();
    bench.store.recover();
    assert!(refuses(&bearers, text).await);
    let live = bearers.authenticate("acme", newer.token.expose_secret());
    assert!(live.await.is_ok());
}

/// An account whose epoch rises after each look at it.
#[derive(Default)]
struct Rising(AtomicU64);

#[async_trait::async_trait]
impl Standing for Rising {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        let epoch = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Binding::subject(owner).epoch(epoch).into_owned()))
    }
}

/// A change of password between a rotation's look at the account and its end ends the newer token too.
pub async fn rotation_keeps_the_binding_that_proved(place: Place) {
    let bench = bench(place).await;
    let alice = alice();
    for step_up in [false, true] {
        let rows = Arc::new(Rising::default());
        let bearers = bearers::<Mail>(&bench, SESSION).standing(Arc::clone(&rows) as Arc<_>);
        let old = issued(&bearers, &alice).await;
        let text = old.token.expose_secret();
        // As when it was issued; the next look finds another epoch.
        rows.0.store(0, Ordering::Relaxed);
        let newer = match step_up {
            true => {
                let proved = Proved::by(&["pwd"], bearers.now());
                bearers.step_up("acme", text, proved).await
            }
            false => bearers.rotate("acme", text).await,
        };
        let newer = newer.unwrap();
        rows.0.store(1, Ordering::Relaxed);
        let refused = bearers.authenticate("acme", newer.token.expose_secret());
        assert_eq!(reason(refused.await), Reason::Binding);
        // It is good as of the epoch in which the older one proved.
        rows.0.store(0, Ordering::Relaxed);
        let proved = bearers.authenticate("acme", newer.token.expose_secret());
        assert!(proved.await.is_ok());
    }
}

/// At most two live together: where the newer token is rotated within the overlap, the oldest one ends.
pub async fn second_rotation_ends_the_first_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for step_up in [false, true] {
        let oldest = issued(&bearers, &alice).await.token;
        let oldest = oldest.expose_secret();
        let older = bearers.rotate("acme", oldest).await.unwrap().token;
        let older = older.expose_secret();
        assert!(bearers.authenticate("acme", oldest).await.is_ok());
        let newer = match step_up {
            true => {
                let proved = Proved::by(&["pwd"], bearers.now());
                bearers.step_up("acme", older, proved).await
            }
            false => bearers.rotate("acme", older).await,
        };
        let newer = newer.unwrap();
        assert!(refuses(&bearers, oldest).await);
        let older = bearers.authenticate("acme", older).await;
        assert_eq!(older.is_ok(), !step_up);
        assert!(bearers.revoke(&alice, newer.facts.id()).await.unwrap());
        assert!(bearers.list(&alice).await.unwrap().is_empty());
    }
}

/// A purge takes the record that the rotation ended, and the older token lives for the overlap all the same.
pub async fn overlap_outlives_a_purge(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let old = issued(&bearers, &alice()).await;
    let text = old.token.expose_secret();
    bench.pass(TimeDelta::minutes(1));
    bearers.rotate("acme", text).await.unwrap();
    assert!(bench.tokens.purge(bearers.now(), 100).await.unwrap() > 0);
    let older = bearers.authenticate("acme", text).await.unwrap();
    assert!(older.is_rotated());
    bench.pass(TimeDelta::hours(1));
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Unknown
    );
}
