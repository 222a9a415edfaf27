//! One step: begin, complete, apply.

use core::sync::atomic::Ordering;

use ott_flows::{
    FlowError, Held, Settings, Stage, To, Who, token_store::ott_core::chrono::TimeDelta,
};
use tokio::task::JoinSet;

use super::{HOLDER, Pay, ProveOld, Recover, World, address, held};
use crate::{Place, alice, wrong};

/// A token completes its operation once, for the holder who began it, and names whose it is.
pub async fn token_completes_once_for_its_holder(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[("amount", "10")]).await;
    let token = world.token().await;
    for (tenant, holder) in [("acme", "session-2"), ("acme", ""), ("other", HOLDER)] {
        let foreign = Held {
            handle: &handle,
            tenant,
            holder,
        };
        let refused = world.flows.complete::<Pay>(&foreign, &token).await;
        assert!(
            matches!(refused, Err(FlowError::Ended)),
            "{holder:?}: {refused:?}"
        );
    }
    let refused = world.complete::<Recover>(&handle, &token).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    let proof = world.complete::<Pay>(&handle, &token).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.subject(), &alice());
    let again = world.complete::<Pay>(&handle, &token).await;
    assert!(matches!(again, Err(FlowError::Ended)), "{again:?}");
}

/// A token of one flow completes no other flow of the same operation and account.
pub async fn token_of_another_flow_is_refused(place: Place) {
    let world = World::new(place).await;
    let first = world.begin::<Pay>(&[("amount", "10")]).await;
    let token = world.token().await;
    let second = world.begin::<Pay>(&[("amount", "10")]).await;
    let other = world.token().await;
    let refused = world.complete::<Pay>(&second, &token).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    assert!(world.complete::<Pay>(&first, &token).await.is_ok());
    assert!(world.complete::<Pay>(&second, &other).await.is_ok());
}

/// A newer token of a flow takes the place of the older.
pub async fn newer_token_replaces_the_older(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[("amount", "10")]).await;
    let older = world.token().await;
    let to = address("alice");
    world
        .send::<Pay>(&handle, To::Verified(&to), &[("amount", "20")])
        .await
        .unwrap();
    let newer = world.token().await;
    let refused = world.complete::<Pay>(&handle, &older).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let proof = world.complete::<Pay>(&handle, &newer).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.parameters().get("amount"), Some("20"));
}

/// Asked for address A, then for address B: A's token confirms neither.
pub async fn token_of_one_address_is_no_good_for_another(place: Place) {
    let world = World::new(place).await;
    let alice = alice();
    let begin = |to| async move { (to, [("email", to)]) };
    let (to, parameters) = begin("a@example.net").await;
    let first = ott_flows::token_store::ott_core::Destination::email(to).unwrap();
    let handle =
        world
            .flows
            .begin::<Pay>(Who::Account(&alice), HOLDER, To::New(&first), &parameters);
    let handle = handle.await.unwrap();
    let for_a = world.token().await;
    let (to, parameters) = begin("b@example.net").await;
    let second = ott_flows::token_store::ott_core::Destination::email(to).unwrap();
    world
        .send::<Pay>(&handle, To::New(&second), &parameters)
        .await
        .unwrap();
    let for_b = world.token().await;
    assert_eq!(world.outbox.last().unwrap().destination(), &second);
    let refused = world.complete::<Pay>(&handle, &for_a).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let proof = world.complete::<Pay>(&handle, &for_b).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.parameters().get("email"), Some("b@example.net"));
}

/// Five wrong tokens end a flow, whatever was sent meanwhile; then the right one is refused too.
pub async fn wrong_tokens_end_the_flow_over_newer_ones(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[("amount", "10")]).await;
    let mut token = world.token().await;
    let to = address("alice");
    for tried in 1..=4 {
        let typed = if tried == 2 {
            "not a token".into()
        } else {
            wrong(&token)
        };
        let refused = world.complete::<Pay>(&handle, &typed).await;
        assert!(
            matches!(refused, Err(FlowError::Wrong)),
            "{tried}: {refused:?}"
        );
        if tried % 2 == 0 {
            world
                .send::<Pay>(&handle, To::Verified(&to), &[("amount", "10")])
                .await
                .unwrap();
            token = world.token().await;
        }
    }
    let refused = world.complete::<Pay>(&handle, &wrong(&token)).await;
    assert!(matches!(refused, Err(FlowError::Exhausted)), "{refused:?}");
    let refused = world.complete::<Pay>(&handle, &token).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    let sent = world.send::<Pay>(&handle, To::Verified(&to), &[]).await;
    assert!(matches!(sent, Err(FlowError::Ended)), "{sent:?}");
}

/// After four wrong tokens the fifth is still compared.
pub async fn last_try_may_be_right(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[("amount", "10")]).await;
    let token = world.token().await;
    for _ in 0..4 {
        assert!(
            world
                .complete::<Pay>(&handle, &wrong(&token))
                .await
                .is_err()
        );
    }
    assert!(world.complete::<Pay>(&handle, &token).await.is_ok());
}

/// What happens is what was bound to the token: amount and payee.
pub async fn change_is_what_was_confirmed(place: Place) {
    let world = World::new(place).await;
    let parameters = [
        ("amount", "10.00 EUR"),
        ("payee", "DE02 1203 0000 0000 2020 51"),
    ];
    let handle = world.begin::<Pay>(&parameters).await;
    let token = world.token().await;
    let proof = world.complete::<Pay>(&handle, &token).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.parameters().iter().collect::<Vec<_>>(), parameters);
    assert_eq!(change.at(), world.flows.tokens().now());
    let twice = world
        .send::<Pay>(
            &world.begin::<Pay>(&[]).await,
            To::Verified(&address("alice")),
            &[("amount", "1"), ("amount", "2")],
        )
        .await;
    assert!(matches!(twice, Err(FlowError::Misuse(_))), "{twice:?}");
}

/// Of many who present the right token at once, one gets the proof.
pub async fn completes_at_once_have_one_winner(place: Place) {
    let world = World::with(place, Settings::DEFAULT.tries(20)).await;
    let handle = world.begin::<Pay>(&[("amount", "10")]).await;
    let token = world.token().await;
    let text = handle.expose_secret();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (flows, token, text) = (world.flows.clone(), token.clone(), text.clone());
        tasks.spawn(async move {
            let handle = ott_flows::token_store::ott_core::Handle::parse(&text).unwrap();
            flows.complete::<Pay>(&held(&handle), &token).await.is_ok()
        });
    }
    let won = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    assert_eq!(won, 1);
}

/// A switch and a check are asked when a token is asked for, when it is presented, and before the effect. Where they
/// refuse a token, it is not spent.
pub async fn switch_and_checks_hold_at_every_step(place: Place) {
    let world = World::new(place).await;
    let to = address("alice");
    let refuse = |stage| *world.refusing.0.lock().unwrap() = stage;
    let handle = world.begin::<Pay>(&[]).await;
    let token = world.token().await;

    refuse(Some(Stage::Begin));
    let sent = world.send::<Pay>(&handle, To::Verified(&to), &[]).await;
    assert!(
        matches!(sent, Err(FlowError::Unmet("refusing"))),
        "{sent:?}"
    );
    refuse(Some(Stage::Step));
    let refused = world.complete::<Pay>(&handle, &token).await;
    assert!(
        matches!(refused, Err(FlowError::Unmet("refusing"))),
        "{refused:?}"
    );
    refuse(None);

    world.on.store(false, Ordering::Relaxed);
    let alice = alice();
    let opened = world.flows.open::<Pay>(Who::Account(&alice), HOLDER).await;
    assert!(matches!(opened, Err(FlowError::Off)), "{opened:?}");
    let sent = world.send::<Pay>(&handle, To::Verified(&to), &[]).await;
    assert!(matches!(sent, Err(FlowError::Off)), "{sent:?}");
    let refused = world.complete::<Pay>(&handle, &token).await;
    assert!(matches!(refused, Err(FlowError::Off)), "{refused:?}");
    world.on.store(true, Ordering::Relaxed);

    let phone = ott_flows::token_store::ott_core::Destination::phone("+4915112345678").unwrap();
    let sent = world.send::<Pay>(&handle, To::New(&phone), &[]).await;
    assert!(matches!(sent, Err(FlowError::Channel)), "{sent:?}");

    let proof = world.complete::<Pay>(&handle, &token).await.unwrap();
    refuse(Some(Stage::Apply));
    let applied = world.flows.apply(proof).await;
    assert!(
        matches!(applied, Err(FlowError::Unmet("refusing"))),
        "{applied:?}"
    );
    refuse(None);

    let handle = world.begin::<Pay>(&[]).await;
    let token = world.token().await;
    let proof = world.complete::<Pay>(&handle, &token).await.unwrap();
    world.on.store(false, Ordering::Relaxed);
    let applied = world.flows.apply(proof).await;
    assert!(matches!(applied, Err(FlowError::Off)), "{applied:?}");
}

/// A token is dead at its lifetime and not before, and its flow at its own.
pub async fn token_dies_at_its_time_and_the_flow_later(place: Place) {
    let world = World::new(place).await;
    let early = world.begin::<ProveOld>(&[]).await;
    let in_time = world.token().await;
    let late = world.begin::<ProveOld>(&[]).await;
    let too_late = world.token().await;
    world
        .bench
        .pass(TimeDelta::minutes(10) - TimeDelta::microseconds(1));
    assert!(world.complete::<ProveOld>(&early, &in_time).await.is_ok());
    world.bench.pass(TimeDelta::microseconds(1));
    let refused = world.complete::<ProveOld>(&late, &too_late).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let to = address("alice");
    world.bench.pass(TimeDelta::hours(23));
    world
        .send::<ProveOld>(&late, To::Verified(&to), &[])
        .await
        .unwrap();
    let token = world.token().await;
    assert!(world.complete::<ProveOld>(&late, &token).await.is_ok());
    let handle = world.begin::<ProveOld>(&[]).await;
    world.bench.pass(TimeDelta::hours(24));
    let ended = world
        .send::<ProveOld>(&handle, To::Verified(&to), &[])
        .await;
    assert!(matches!(ended, Err(FlowError::Ended)), "{ended:?}");
}
