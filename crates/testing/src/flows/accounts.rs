//! The account as it is now, at every step.

use ott_flows::{
    FlowError, Operation, Proof, Standing, To, Who,
    token_delivery::Phrase,
    token_store::ott_core::{Destination, Handle, chrono::TimeDelta},
};

use super::{HOLDER, Pay, ProveOld, Recover, World, address};
use crate::{Place, alice};

async fn prove<O: Operation<After = ()>>(world: &World) -> (Handle, String) {
    let handle = world.begin::<O>(&[]).await;
    (handle, world.token().await)
}

/// An account that is locked or deleted after its flow began gets no proof and no effect, whatever is right.
pub async fn locked_account_completes_nothing(place: Place) {
    let world = World::new(place).await;
    let (paying, token) = prove::<Pay>(&world).await;
    let (recovering, other) = prove::<Recover>(&world).await;
    let (proved, third) = prove::<Pay>(&world).await;
    let proof = world.complete::<Pay>(&proved, &third).await.unwrap();
    world.book.remove(&alice());

    let refused = world.complete::<Pay>(&paying, &token).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    // Anyone may start this one, and learns nothing.
    let refused = world.complete::<Recover>(&recovering, &other).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let applied = world.flows.apply(proof).await;
    assert!(matches!(applied, Err(FlowError::Ended)), "{applied:?}");
    let alice = alice();
    let opened = world.flows.open::<Pay>(Who::Account(&alice), HOLDER).await;
    assert!(matches!(opened, Err(FlowError::Ended)), "{opened:?}");
}

/// A change of password, address or factor ends every flow, token and proof from before it.
pub async fn change_of_epoch_ends_what_was_begun(place: Place) {
    let world = World::new(place).await;
    let (paying, token) = prove::<Pay>(&world).await;
    let (recovering, other) = prove::<Recover>(&world).await;
    let (proved, third) = prove::<Pay>(&world).await;
    let proof = world.complete::<Pay>(&proved, &third).await.unwrap();
    world.book.change(&alice(), |alice| alice.epoch += 1);
    assert!(world.complete::<Pay>(&paying, &token).await.is_err());
    assert!(
        world
            .complete::<Recover>(&recovering, &other)
            .await
            .is_err()
    );
    assert!(world.flows.apply(proof).await.is_err());
    // Nor does a newer token of an open flow reach anybody.
    let to = address("alice");
    world
        .send::<Recover>(&recovering, To::Verified(&to), &[])
        .await
        .unwrap();
    let before = world.outbox.messages().len();
    world.flows.work().await.unwrap();
    assert_eq!(world.outbox.messages().len(), before);
}

/// A token goes to an address that the account verified, compared exactly, or nowhere: no twin by case, homograph or
/// sub-address. Where the address was taken away before the message left, nothing leaves.
pub async fn token_goes_to_a_stored_address_or_nowhere(place: Place) {
    let world = World::new(place).await;
    let alice = alice();
    for twin in [
        "Alice@example.org",
        "alice+x@example.org",
        "аlice@example.org",
        "alice@example.com",
    ] {
        let twin = Destination::email(twin).unwrap();
        let begun = world
            .flows
            .begin::<Pay>(Who::Account(&alice), HOLDER, To::Verified(&twin), &[])
            .await;
        assert!(
            matches!(begun, Err(FlowError::Misuse(_))),
            "{twin:?}: {begun:?}"
        );
    }
    world.flows.work().await.unwrap();
    assert!(world.outbox.messages().is_empty());
    world.begin::<Pay>(&[]).await;
    world.book.change(&alice, |alice| alice.verified.clear());
    world.flows.work().await.unwrap();
    assert!(world.outbox.messages().is_empty());
}

/// The anti-phishing code stands in each message to a verified address, and in none to a new one.
pub async fn phrase_stands_in_mail_to_verified_addresses(place: Place) {
    let world = World::new(place).await;
    let alice = alice();
    world.book.change(&alice, |alice| {
        alice.phrase = Phrase::new("purple otter").ok()
    });
    world.begin::<Pay>(&[]).await;
    world.token().await;
    let text = |world: &World| {
        world
            .outbox
            .last()
            .unwrap()
            .expose_text()
            .unwrap()
            .to_owned()
    };
    assert!(text(&world).ends_with("is your code.\npurple otter"));
    let new = address("new");
    world
        .flows
        .begin::<Pay>(Who::Account(&alice), HOLDER, To::New(&new), &[])
        .await
        .unwrap();
    world.token().await;
    assert!(
        text(&world).ends_with("is your code.\n"),
        "{}",
        text(&world)
    );
}

/// For 48 hours after a recovery and 24 after a change, the operation's check refuses, to the microsecond.
pub async fn hold_refuses_until_its_time_is_over(place: Place) {
    let tick = TimeDelta::microseconds(1);
    for (hours, recovered) in [(48, true), (24, false)] {
        let world = World::new(place).await;
        let since = Some(world.flows.tokens().now());
        let held_since = |alice: &mut Standing| match recovered {
            true => alice.recovered_at = since,
            false => alice.changed_at = since,
        };
        let (handle, token) = prove::<ProveOld>(&world).await;
        world.book.change(&alice(), held_since);
        let refused: Result<Proof<ProveOld>, _> = world.complete(&handle, &token).await;
        assert!(
            matches!(refused, Err(FlowError::Unmet("hold"))),
            "{refused:?}"
        );
        world.bench.pass(TimeDelta::hours(hours) - tick);
        let (alice, to) = (alice(), address("alice"));
        let begin = || {
            world
                .flows
                .begin::<ProveOld>(Who::Account(&alice), HOLDER, To::Verified(&to), &[])
        };
        assert!(matches!(begin().await, Err(FlowError::Unmet("hold"))));
        world.bench.pass(tick);
        assert!(begin().await.is_ok());
    }
}
