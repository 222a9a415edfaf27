//! Links that take a change back.

use ott_flows::{FlowError, Revert, token_store::ott_core::chrono::TimeDelta};

use super::{PutBack, World, address, put_back};
use crate::{Place, alice};

/// The link goes to the old address, works once, also after the account changed again, and hands out what was before.
pub async fn link_takes_a_change_back_once(place: Place) {
    let world = World::new(place).await;
    let revert = Revert::<PutBack>::new(put_back()).unwrap();
    let (alice, old) = (alice(), address("alice"));
    let parameters = [("kind", "email"), ("old", old.address())];
    world
        .flows
        .offer_revert(&revert, &alice, &old, &parameters)
        .await
        .unwrap();
    let sent = world.outbox.last().unwrap();
    assert_eq!(sent.destination(), &old);
    world.book.change(&alice, |alice| {
        (alice.epoch, alice.verified) = (9, vec![address("thief")])
    });
    let token = sent.expose_token();
    let elsewhere = world.flows.revert(&revert, "other", token).await;
    assert!(matches!(elsewhere, Err(FlowError::Ended)), "{elsewhere:?}");
    let change = world.flows.revert(&revert, "acme", token).await.unwrap();
    assert_eq!(
        (change.subject(), change.parameters().get("old")),
        (&alice, Some(old.address()))
    );
    let again = world.flows.revert(&revert, "acme", token).await;
    assert!(matches!(again, Err(FlowError::Ended)), "{again:?}");
}

/// After its time the link is dead.
pub async fn link_dies_with_the_hold(place: Place) {
    let world = World::new(place).await;
    let revert = Revert::<PutBack>::new(put_back()).unwrap();
    let (alice, old) = (alice(), address("alice"));
    world
        .flows
        .offer_revert(&revert, &alice, &old, &[])
        .await
        .unwrap();
    let sent = world.outbox.last().unwrap();
    world.bench.pass(TimeDelta::hours(48));
    let late = world
        .flows
        .revert(&revert, "acme", sent.expose_token())
        .await;
    assert!(matches!(late, Err(FlowError::Ended)), "{late:?}");
}
