//! Two tokens: the old key, then the new one.

use ott_flows::{FlowError, Held, Proof, To, token_store::ott_core::Handle};

use super::{ChangeKey, HOLDER, ProveOld, World, address, held};
use crate::{Place, alice, wrong};

async fn old_proved(world: &World) -> Proof<ProveOld> {
    let handle = world.begin::<ProveOld>(&[("key", "email")]).await;
    let token = world.token().await;
    world.complete::<ProveOld>(&handle, &token).await.unwrap()
}

async fn new_asked(world: &World, proof: Proof<ProveOld>, to: &str) -> (Handle, String) {
    let handle = world.flows.open_after::<ChangeKey, _>(proof).await.unwrap();
    let token = new_again(world, &handle, to).await;
    (handle, token)
}

async fn new_again(world: &World, handle: &Handle, to: &str) -> String {
    let to = address(to);
    world
        .send::<ChangeKey>(handle, To::New(&to), &[("to", to.address())])
        .await
        .unwrap();
    world.token().await
}

/// The second step carries what the first proved, goes to the new address, and can be sent to another one.
pub async fn second_step_needs_the_first_and_its_holder(place: Place) {
    let world = World::new(place).await;
    let proof = old_proved(&world).await;
    let (handle, first) = new_asked(&world, proof, "new").await;
    let second = new_again(&world, &handle, "newer").await;
    assert!(world.complete::<ChangeKey>(&handle, &first).await.is_err());
    let foreign = Held {
        holder: "session-2",
        ..held(&handle)
    };
    assert!(
        world
            .flows
            .complete::<ChangeKey>(&foreign, &second)
            .await
            .is_err()
    );
    let proof = world.complete::<ChangeKey>(&handle, &second).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    let told: Vec<_> = change.parameters().iter().collect();
    assert_eq!(told, [("key", "email"), ("to", "newer@example.org")]);
}

/// A parked proof is taken up once, by its holder, as the operation that it is of, in another process too.
pub async fn parked_proof_is_resumed_once(place: Place) {
    let world = World::new(place).await;
    let handle = world.flows.park(old_proved(&world).await).await.unwrap();
    let other = world.beside(ott_flows::Settings::DEFAULT);
    let stranger = Held {
        holder: "session-2",
        ..held(&handle)
    };
    let refused = other.flows.resume::<ProveOld>(&stranger).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    let refused = other.flows.resume::<ChangeKey>(&held(&handle)).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    let proof = other
        .flows
        .resume::<ProveOld>(&held(&handle))
        .await
        .unwrap();
    let again = world.flows.resume::<ProveOld>(&held(&handle)).await;
    assert!(matches!(again, Err(FlowError::Ended)), "{again:?}");
    let (handle, token) = new_asked(&other, proof, "new").await;
    let proof = world.complete::<ChangeKey>(&handle, &token).await.unwrap();
    assert_eq!(world.flows.apply(proof).await.unwrap().subject(), &alice());
}

/// Wrong tokens of the first step count in the second, also when the proof was parked between them.
pub async fn chain_shares_one_count(place: Place) {
    let world = World::new(place).await;
    let handle = world.begin::<ProveOld>(&[]).await;
    let token = world.token().await;
    for _ in 0..3 {
        assert!(
            world
                .complete::<ProveOld>(&handle, &wrong(&token))
                .await
                .is_err()
        );
    }
    let proof = world.complete::<ProveOld>(&handle, &token).await.unwrap();
    let parked = world.flows.park(proof).await.unwrap();
    let proof = world
        .flows
        .resume::<ProveOld>(&held(&parked))
        .await
        .unwrap();
    let (handle, token) = new_asked(&world, proof, "new").await;
    let refused = world.complete::<ChangeKey>(&handle, &wrong(&token)).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let refused = world.complete::<ChangeKey>(&handle, &wrong(&token)).await;
    assert!(matches!(refused, Err(FlowError::Exhausted)), "{refused:?}");
}

/// A proof that waits is worth nothing once its account changed.
pub async fn parked_proof_dies_with_the_epoch(place: Place) {
    let world = World::new(place).await;
    let parked = world.flows.park(old_proved(&world).await).await.unwrap();
    let proof = old_proved(&world).await;
    world.book.change(&alice(), |alice| alice.epoch += 1);
    let resumed = world.flows.resume::<ProveOld>(&held(&parked)).await;
    assert!(matches!(resumed, Err(FlowError::Ended)), "{resumed:?}");
    let opened = world.flows.open_after::<ChangeKey, _>(proof).await;
    assert!(matches!(opened, Err(FlowError::Ended)), "{opened:?}");
    assert_eq!(HOLDER, "session-1");
}
