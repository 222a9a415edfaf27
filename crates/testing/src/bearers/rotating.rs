//! A newer token takes the place of an older one.

use ott_bearer::{Bearers, New, NoScope, Proved};
use token_store::{
    TokensError,
    ott_core::{Reason, chrono::TimeDelta},
};

use super::{ACCESS, Mail, SESSION, bearers, bench, beside, issued, reason};
use crate::{Place, alice};

/// Old and new live together for the overlap, with the same name and scopes; the old one does not rotate again.
pub async fn rotated_token_lives_for_the_overlap(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<Mail>(&bench, ACCESS);
    let alice = alice();
    let new = New::of(&alice)
        .named("robot")
        .scope(Mail::Read)
        .made_from("office");
    let old = bearers.issue(&new).await.unwrap();
    let old_text = old.token.expose_secret();
    bench.pass(TimeDelta::days(1));
    let newer = bearers.rotate("acme", old_text).await.unwrap();
    let (text, facts) = (newer.token.expose_secret(), &newer.facts);
    assert_eq!(
        (facts.name(), facts.made_from()),
        (Some("robot"), Some("office"))
    );
    assert_eq!(facts.scopes().to_string(), "mail:read");
    assert_eq!(
        facts.expires_at(),
        Some(bearers.now() + TimeDelta::days(90))
    );
    assert_eq!(
        reason(bearers.rotate("acme", old_text).await),
        Reason::Revoked
    );
    bench.pass(TimeDelta::hours(1) - TimeDelta::microseconds(1));
    let still = bearers.authenticate("acme", old_text).await.unwrap();
    assert!(still.is_rotated() && still.name() == Some("robot"));
    assert!(
        !bearers
            .authenticate("acme", text)
            .await
            .unwrap()
            .is_rotated()
    );
    let listed = bearers.list(&alice).await.unwrap();
    assert_eq!(listed.iter().filter(|facts| facts.is_rotated()).count(), 1);
    assert_eq!(listed.len(), 2);
    bench.pass(TimeDelta::microseconds(1));
    assert_eq!(
        reason(bearers.authenticate("acme", old_text).await),
        Reason::Revoked
    );
    assert!(bearers.authenticate("acme", text).await.is_ok());
    assert_eq!(bearers.list(&alice).await.unwrap().len(), 1);
}

/// A token that ends within the overlap ends then, and its successor lives as long as it was given.
pub async fn rotated_token_ends_at_its_own_end(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let end = bearers.now() + TimeDelta::minutes(30);
    let old = bearers
        .issue(&New::of(&alice).expires_at(end))
        .await
        .unwrap();
    bench.pass(TimeDelta::minutes(10));
    let newer = bearers
        .rotate("acme", old.token.expose_secret())
        .await
        .unwrap();
    let newer_end = bearers.now() + TimeDelta::minutes(30);
    assert_eq!(newer.facts.expires_at(), Some(newer_end));
    bench.pass(TimeDelta::minutes(20) - TimeDelta::microseconds(1));
    let live = async |token: &ott_bearer::Issued| {
        let text = token.token.expose_secret();
        bearers.authenticate("acme", text).await.is_ok()
    };
    assert!(live(&old).await);
    bench.pass(TimeDelta::microseconds(1));
    assert!(!live(&old).await && live(&newer).await);
}

/// Of many who rotate one token at once, one gets a newer one that lives.
pub async fn rotations_at_once_have_one_winner(place: Place) {
    let bench = bench(place).await;
    let alice = alice();
    let both = [
        bearers::<NoScope>(&bench, ACCESS),
        beside::<NoScope>(&bench, ACCESS),
    ];
    for round in 0..place.often(20, 4) {
        let old = issued(&both[0], &alice).await;
        let mut tasks = Vec::new();
        for at in 0..16 {
            let (bearers, text) = (both[at % 2].clone(), old.token.expose_secret().to_owned());
            tasks.push(tokio::spawn(async move {
                match round % 2 {
                    0 => bearers.rotate("acme", &text).await,
                    _ => {
                        let proved = Proved::by(&["pwd"], bearers.now());
                        bearers.step_up("acme", &text, proved).await
                    }
                }
            }));
        }
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(token) => won.push(token),
                Err(error) => assert_eq!(error.reason(), Some(Reason::Revoked), "{error:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        let text = won[0].token.expose_secret();
        assert!(both[1].authenticate("acme", text).await.is_ok());
        let listed = both[0].list(&alice).await.unwrap();
        assert_eq!(listed.iter().filter(|facts| !facts.is_rotated()).count(), 1);
        both[0].revoke_all(&alice).await.unwrap();
    }
}

/// A rotation that another one overtakes between its first look and its insert gives nothing, and leaves nothing live.
pub async fn overtaken_rotation_gives_nothing(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let old = issued(&bearers, &alice).await;
    let text = old.token.expose_secret();
    let held = bench.store.hold_insert();
    let (slow, same) = (bearers.clone(), text.to_owned());
    let slow = tokio::spawn(async move { slow.rotate("acme", &same).await });
    held.reached().await;
    let newer = bearers.rotate("acme", text).await.unwrap();
    held.go_on();
    assert_eq!(reason(slow.await.unwrap()), Reason::Revoked);
    let listed = bearers.list(&alice).await.unwrap();
    let live: Vec<_> = listed.iter().filter(|facts| !facts.is_rotated()).collect();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].id(), newer.facts.id());
}

/// A rotation that an outage stopped left the old token as it was; done again, it comes to its end.
pub async fn interrupted_rotation_comes_to_its_end(place: Place) {
    let bench = bench(place).await;
    let bearers: Bearers = bearers(&bench, ACCESS);
    let old = issued(&bearers, &alice()).await;
    let text = old.token.expose_secret();
    for verb in ["insert", "revoke"] {
        bench.store.fail(verb);
        let stopped = bearers.rotate("acme", text).await;
        assert!(
            matches!(stopped, Err(TokensError::Unavailable(_))),
            "{verb}"
        );
        bench.store.recover();
        assert!(
            !bearers
                .authenticate("acme", text)
                .await
                .unwrap()
                .is_rotated()
        );
    }
    let newer = bearers.rotate("acme", text).await.unwrap();
    assert!(
        bearers
            .authenticate("acme", newer.token.expose_secret())
            .await
            .is_ok()
    );
    assert!(
        bearers
            .authenticate("acme", text)
            .await
            .unwrap()
            .is_rotated()
    );
    bench.pass(TimeDelta::hours(1));
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Revoked
    );
}

/// Whoever revokes the newer token ends the older one with it; so does "sign out everywhere else".
pub async fn newer_token_ends_with_the_older(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    for way in 0..3 {
        let old = issued(&bearers, &alice).await;
        let old_text = old.token.expose_secret();
        let newer = bearers.rotate("acme", old_text).await.unwrap();
        let text = newer.token.expose_secret();
        bearers.authenticate("acme", old_text).await.unwrap();
        match way {
            0 => drop(bearers.revoke(&alice, newer.facts.id()).await.unwrap()),
            1 => drop(bearers.revoke_all(&alice).await.unwrap()),
            _ => {
                let kept = bearers.authenticate("acme", text).await.unwrap();
                bearers.revoke_others(&kept).await.unwrap();
            }
        }
        let refused = bearers.authenticate("acme", old_text).await;
        assert_eq!(reason(refused), Reason::Revoked, "{way}");
        assert_eq!(bearers.authenticate("acme", text).await.is_ok(), way == 2);
    }
}

/// After a step-up the newer session has the proof, and the older one nothing any more.
pub async fn step_up_ends_the_older_at_once(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, SESSION);
    let alice = alice();
    let first = Proved::by(&["pwd"], bearers.now());
    let old = bearers.issue(&New::of(&alice).proved(first)).await.unwrap();
    bench.pass(TimeDelta::hours(2));
    let old_text = old.token.expose_secret();
    let (hour, now) = (TimeDelta::hours(1), bearers.now());
    let bearer = bearers.authenticate("acme", old_text).await.unwrap();
    assert!(bearer.proved_within(hour, &[], now).is_err());
    let proved = Proved::by(&["pwd", "otp"], now);
    let newer = bearers.step_up("acme", old_text, proved).await.unwrap();
    let bearer = bearers
        .authenticate("acme", newer.token.expose_secret())
        .await
        .unwrap();
    assert!(bearer.proved_within(hour, &["otp"], now).is_ok());
    assert_eq!(
        reason(bearers.authenticate("acme", old_text).await),
        Reason::Revoked
    );
}
