//! The queue between the answer and the message.

use ott_flows::{
    FlowError, Settings, To, Who,
    token_store::ott_core::{Limit, Subject, chrono::TimeDelta},
};

use super::{HOLDER, Pay, World, address};
use crate::{Place, alice};

/// While nothing can be delivered an entry waits, over the end of the process that took it; then one message leaves,
/// and its token works.
pub async fn outage_loses_no_entry(place: Place) {
    let world = World::new(place).await;
    world.outbox.fail();
    let handle = world.begin::<Pay>(&[]).await;
    for _ in 0..3 {
        assert_eq!(world.flows.work().await.unwrap(), 0);
    }
    world.outbox.recover();
    let other = world.beside(Settings::DEFAULT);
    let token = other.token().await;
    assert_eq!(other.flows.work().await.unwrap(), 0);
    assert!(world.complete::<Pay>(&handle, &token).await.is_ok());
}

/// While what is handed to is full, an entry waits.
pub async fn full_delivery_loses_no_entry(place: Place) {
    let world = World::new(place).await;
    world.outbox.fill();
    let handle = world.begin::<Pay>(&[]).await;
    assert_eq!(world.flows.work().await.unwrap(), 0);
    world.outbox.recover();
    let token = world.token().await;
    assert!(world.complete::<Pay>(&handle, &token).await.is_ok());
}

/// Two workers may send one entry twice. The last token alone is good.
pub async fn entry_sent_twice_leaves_one_token(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[]).await;
    let other = world.beside(Settings::DEFAULT);
    let (one, two) = tokio::join!(world.flows.work(), other.flows.work());
    assert!(one.unwrap() + two.unwrap() >= 1);
    let sent = world.outbox.messages();
    let mut good = 0;
    for message in &sent {
        good += usize::from(
            world
                .complete::<Pay>(&handle, message.expose_token())
                .await
                .is_ok(),
        );
    }
    assert_eq!(good, 1, "of {}", sent.len());
}

/// An account that cannot be loaded holds up its own message alone, and gets it later.
pub async fn entry_that_fails_holds_up_nobody(place: Place) {
    let world = World::new(place).await;
    let (alice, bob) = (alice(), Subject::new("acme", "bob").unwrap());
    let to = address("bob");
    world
        .book
        .change(&bob, |bob| bob.verified = vec![to.clone()]);
    world.begin::<Pay>(&[]).await;
    world.bench.pass(TimeDelta::milliseconds(1));
    let begun = world
        .flows
        .begin::<Pay>(Who::Account(&bob), "session-2", To::Verified(&to), &[]);
    begun.await.unwrap();
    world.book.lose(Some(&alice));
    for _ in 0..2 {
        let told = world.flows.work().await;
        assert!(matches!(told, Err(FlowError::Account(_))), "{told:?}");
        assert_eq!(world.outbox.messages().len(), 1, "Bob's alone, and once");
    }
    world.book.lose(None);
    assert_eq!(world.flows.work().await.unwrap(), 1);
    assert_eq!(world.outbox.messages().len(), 2);
}

/// A full queue is told, and takes again what there is place for.
pub async fn queue_is_bounded(place: Place) {
    let settings = Settings::DEFAULT
        .queue(2)
        .sends(Limit::pace(100, TimeDelta::minutes(10)));
    let world = World::with(place, settings).await;
    let (alice, to) = (alice(), address("alice"));
    let begin = || {
        world
            .flows
            .begin::<Pay>(Who::Account(&alice), HOLDER, To::Verified(&to), &[])
    };
    let first = begin().await.unwrap();
    world.bench.pass(TimeDelta::milliseconds(1));
    begin().await.unwrap();
    let full = begin().await;
    assert!(matches!(full, Err(FlowError::Full)), "{full:?}");
    assert_eq!(world.flows.work().await.unwrap(), 2);
    begin().await.unwrap();
    let token = world.outbox.messages()[0].expose_token().to_owned();
    assert!(world.complete::<Pay>(&first, &token).await.is_ok());
}

/// What waits for a flow that has ended is dropped, and a newer request takes the older one's place.
pub async fn entry_of_an_ended_flow_sends_nothing(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<Pay>(&[]).await;
    let to = address("alice");
    world
        .send::<Pay>(&handle, To::Verified(&to), &[])
        .await
        .unwrap();
    let token = world.token().await;
    world
        .send::<Pay>(&handle, To::Verified(&to), &[])
        .await
        .unwrap();
    assert!(world.complete::<Pay>(&handle, &token).await.is_ok());
    assert_eq!(world.flows.work().await.unwrap(), 1);
    assert_eq!(world.outbox.messages().len(), 1);
}
