//! A denial and a report keep prompts away, and end what is asked.

use std::sync::Arc;

use tokio::task::JoinSet;
use twofa_providers::{
    Approver, Attempt, PromptStatus, SignInId,
    events::{PROMPT_DENIED, PROMPT_REPORTED},
    token_store::ott_core::{Reason, chrono::TimeDelta},
};

use super::prompt_limits::{MINUTE, retry_after, sending, try_ask};
use crate::{
    Place, alice, subject,
    world::{is_outage, is_throttled, reason},
};

/// No success ends a denial early: not one of another factor, and not one of a prompt that waited beside it.
pub async fn denial_outlasts_a_success(place: Place) {
    for by_prompt in [false, true] {
        let (world, alice) = (sending(place).await, alice());
        let phone = world.device(&alice, "phone", None).await;
        let app = world.confirmed_beside(&alice).await;
        let own = world.ask(&alice, phone).await;
        let theirs = world.ask(&alice, phone).await;
        let by = Approver::new(&alice).device(phone);
        let denied = world.prompts().deny(&by, &theirs.id).await;
        assert_eq!(denied.unwrap(), PromptStatus::Denied);
        if by_prompt {
            let _ = world.approve(&alice, &own).await.unwrap();
            let _ = world.go_on(&alice, phone, &own).await.unwrap();
            world.pass(TimeDelta::seconds(30));
        } else {
            let _ = world.proof(&alice, &app).await;
        }
        let wait = retry_after(try_ask(&world, &alice, phone).await);
        assert_eq!(wait, Some(MINUTE * 15 - TimeDelta::seconds(30)));
    }
}

/// After a denial nobody is asked for 15 minutes, from the last one on.
pub async fn denial_keeps_prompts_away_for_15_minutes(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let first = world.ask(&alice, phone).await;
    let second = world.ask(&alice, phone).await;
    let by = Approver::new(&alice).device(phone);
    world.log.drain();
    for waiting in [first, second] {
        world.pass(MINUTE);
        let denied = world.prompts().deny(&by, &waiting.id).await;
        assert_eq!(denied.unwrap(), PromptStatus::Denied);
        assert!(world.log.names().contains(&PROMPT_DENIED));
    }
    world.pass(MINUTE * 14);
    assert_eq!(
        retry_after(try_ask(&world, &alice, phone).await),
        Some(MINUTE)
    );
    world.pass(MINUTE);
    assert!(try_ask(&world, &alice, phone).await.is_ok());
}

/// Several denials at once are one.
pub async fn denials_at_once_are_one(place: Place) {
    let (world, alice) = (Arc::new(sending(place).await), alice());
    let phone = world.device(&alice, "phone", None).await;
    for _ in 0..place.often(10, 2) {
        let mut waiting = Vec::new();
        for _ in 0..5 {
            world.pass(TimeDelta::microseconds(7_777_777));
            waiting.push(world.ask(&alice, phone).await.id);
        }
        world.pass(MINUTE);
        let mut tasks = JoinSet::new();
        for id in waiting {
            let (world, alice) = (Arc::clone(&world), alice.clone());
            tasks.spawn(async move {
                let by = Approver::new(&alice).device(phone);
                world.prompts().deny(&by, &id).await
            });
        }
        for denied in tasks.join_all().await {
            assert_eq!(denied.unwrap(), PromptStatus::Denied);
        }
        let wait = retry_after(try_ask(&world, &alice, phone).await);
        assert_eq!(wait, Some(MINUTE * 15));
        world.pass(TimeDelta::hours(2));
        // A success, so that the next round is not the tenth prompt.
        let _ = world.prompt_proof(&alice, phone).await;
    }
}

/// A wrong number is a denial here too.
pub async fn wrong_number_keeps_prompts_away_too(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let by = Approver::new(&alice).device(phone);
    let denied = world
        .prompts()
        .approve(&by, &waiting.id, waiting.wrong())
        .await;
    assert_eq!(denied.unwrap(), PromptStatus::Denied);
    assert_eq!(
        retry_after(try_ask(&world, &alice, phone).await),
        Some(MINUTE * 15)
    );
}

/// After a report nobody is asked until another factor succeeds, and whatever waited or was approved has ended.
pub async fn report_lasts_until_another_factor_succeeds(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let app = world.confirmed_beside(&alice).await;
    let approved = world.ask(&alice, phone).await;
    let _ = world.approve(&alice, &approved).await.unwrap();
    let other = world.ask(&alice, phone).await;
    let waiting = world.ask(&alice, phone).await;
    world.log.drain();
    let by = Approver::new(&alice).device(phone);
    let reported = world.prompts().report(&by, &waiting.id).await;
    assert_eq!(reported.unwrap(), PromptStatus::Denied);
    assert!(world.log.names().contains(&PROMPT_REPORTED));
    // Whoever waits learns no more than that it was denied.
    let status = world.status(&alice, &waiting).await;
    assert_eq!(status, Some(PromptStatus::Denied));
    assert_eq!(reason(world.approve(&alice, &other).await), Reason::Revoked);
    let gone = world.go_on(&alice, phone, &approved).await;
    assert_eq!(reason(gone), Reason::Revoked);
    for _ in 0..40 {
        world.pass(TimeDelta::hours(6));
        assert_eq!(retry_after(try_ask(&world, &alice, phone).await), None);
    }
    // Somebody else's success, and a wrong code, are none of the owner's.
    let bob = subject("acme", "bob");
    let theirs = world.confirmed(&bob, None).await;
    let _ = world.proof(&bob, &theirs).await;
    assert!(
        world
            .verify(&alice, &world.wrong_code(&[&app]))
            .await
            .is_err()
    );
    assert!(is_throttled(&try_ask(&world, &alice, phone).await));
    let _ = world.proof(&alice, &app).await;
    assert!(try_ask(&world, &alice, phone).await.is_ok());
}

/// A report or denial lasts beside a request that is on its way: one that fails gives nothing of it back, and one that
/// does not wakes nobody after a report.
pub async fn silence_outlasts_what_is_on_its_way(place: Place) {
    for (reports, fails) in [(true, true), (true, false), (false, true)] {
        let (world, alice) = (Arc::new(sending(place).await), alice());
        let phone = world.device(&alice, "phone", None).await;
        let waiting = world.ask(&alice, phone).await;
        let held = world.store.hold_insert();
        let asks = tokio::spawn({
            let (world, alice) = (Arc::clone(&world), alice.clone());
            async move { try_ask(&world, &alice, phone).await.map(|_| ()) }
        });
        held.reached().await;
        let by = Approver::new(&alice).device(phone);
        let said = match reports {
            true => world.prompts().report(&by, &waiting.id).await,
            false => world.prompts().deny(&by, &waiting.id).await,
        };
        assert_eq!(said.unwrap(), PromptStatus::Denied);
        let sent = world.outbox.messages().len();
        if fails {
            world.store.fail("insert");
        }
        held.go_on();
        let asked = asks.await.unwrap();
        assert!(asked.is_err(), "{asked:?}");
        world.store.recover();
        assert_eq!(world.outbox.messages().len(), sent);
        assert_eq!(world.prompts().pending(&alice).await.unwrap(), []);
        let wait = match reports {
            true => None,
            false => Some(MINUTE * 15),
        };
        assert_eq!(retry_after(try_ask(&world, &alice, phone).await), wait);
    }
}

/// A report beside requests at once lasts, and none of theirs waits on.
pub async fn report_beside_requests_lasts(place: Place) {
    for _ in 0..place.often(20, 2) {
        let (world, alice) = (Arc::new(sending(place).await), alice());
        let phone = world.device(&alice, "phone", None).await;
        let waiting = world.ask(&alice, phone).await;
        let mut asks = JoinSet::new();
        for _ in 0..8 {
            let (world, alice) = (Arc::clone(&world), alice.clone());
            asks.spawn(async move {
                let attempt = Attempt::new(&alice, "prompt").factor(phone);
                world.engine.request(&attempt).await.is_ok()
            });
        }
        let by = Approver::new(&alice).device(phone);
        let reported = world.prompts().report(&by, &waiting.id).await;
        assert_eq!(reported.unwrap(), PromptStatus::Denied);
        let _ = asks.join_all().await;
        assert_eq!(world.prompts().pending(&alice).await.unwrap(), []);
        world.pass(TimeDelta::days(3));
        assert_eq!(retry_after(try_ask(&world, &alice, phone).await), None);
    }
}

/// What a report or denial could not do it does when it is said again, for as long as the prompt would have waited. A
/// report ends the other prompts first, whatever the limits answer.
pub async fn report_is_said_again_after_an_outage(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let other = world.ask(&alice, phone).await;
    let waiting = world.ask(&alice, phone).await;
    let (by, prompts) = (Approver::new(&alice).device(phone), world.prompts());
    world.store.fail("spend");
    assert!(is_outage(&prompts.report(&by, &waiting.id).await));
    assert_eq!(reason(world.approve(&alice, &other).await), Reason::Revoked);
    world.store.recover();
    // It stays what was said, by whom it was said.
    assert_eq!(reason(prompts.deny(&by, &waiting.id).await), Reason::Denied);
    let mallory = subject("acme", "mallory");
    let theirs = Approver::new(&mallory).device(phone);
    let said = prompts.report(&theirs, &waiting.id).await;
    assert_eq!(reason(said), Reason::Denied);
    let again = prompts.report(&by, &waiting.id).await;
    assert_eq!(again.unwrap(), PromptStatus::Denied);
    world.pass(TimeDelta::days(2));
    assert_eq!(retry_after(try_ask(&world, &alice, phone).await), None);
    let late = prompts.report(&by, &waiting.id).await;
    assert!(matches!(reason(late), Reason::Denied | Reason::Expired));
}

/// A denial ends what else waits of the same sign-in, or from the same network, and nothing of another one.
pub async fn denial_ends_what_else_its_asker_asked(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let (this, other, device) = (
        SignInId::new("1").unwrap(),
        SignInId::new("2").unwrap(),
        SignInId::new("3").unwrap(),
    );
    let attempt = Attempt::new(&alice, "prompt").factor(phone);
    let from = |address: &str| attempt.network(address.parse().unwrap());
    let attempts = [
        attempt.sign_in(&this),
        attempt.sign_in(&other),
        from("203.0.113.7").sign_in(&this),
        from("203.0.113.7"),
        attempt,
    ];
    for (denies, left) in [
        (0, &[1, 3, 4][..]),
        (2, &[1, 4]),
        (3, &[0, 1, 4]),
        (4, &[0, 1, 2, 3]),
    ] {
        world.pass(TimeDelta::hours(2));
        let mut ids = Vec::new();
        for attempt in &attempts {
            ids.push(world.try_ask(attempt, &alice).await.unwrap().id);
        }
        let by = Approver::new(&alice).device(phone).sign_in(&device);
        let denied = world.prompts().deny(&by, &ids[denies]).await;
        assert_eq!(denied.unwrap(), PromptStatus::Denied);
        let waiting = world.prompts().pending(&alice).await.unwrap();
        let waiting: Vec<_> = waiting.iter().map(|seen| seen.id).collect();
        let mut expected: Vec<_> = left.iter().map(|nth: &usize| ids[*nth]).collect();
        let mut waiting = waiting;
        expected.sort();
        waiting.sort();
        assert_eq!(waiting, expected, "{denies}");
        world.pass(TimeDelta::hours(1));
        let _ = world.prompt_proof(&alice, phone).await;
    }
}
