//! What somebody outside can learn and use up.

use ott_flows::{
    FlowError, Held, Settings, To, Who,
    token_store::ott_core::{Limit, chrono::TimeDelta},
};

use super::{HOLDER, Pay, Recover, World, address, held};
use crate::{Place, alice, nightly, wrong};

/// For an address that nobody has, the store is asked the same in each step, the answers are the same, and nothing
/// leaves.
pub async fn unknown_address_takes_the_same_calls(place: Place) {
    let world = World::new(place).await;
    let (alice, known, unknown) = (alice(), address("alice"), address("nobody"));
    let mut asked = Vec::new();
    for (who, to) in [
        (Who::Account(&alice), &known),
        (
            Who::Nobody {
                tenant: "acme",
                typed: &unknown,
            },
            &unknown,
        ),
    ] {
        let before = world.bench.store.asked().len();
        let mut answers = Vec::new();
        let handle = world.flows.open::<Recover>(who, HOLDER).await.unwrap();
        let held = held(&handle);
        answers.push(format!(
            "{:?}",
            world
                .flows
                .send::<Recover>(&held, To::Verified(to), &[])
                .await
        ));
        world.flows.work().await.unwrap();
        for _ in 0..5 {
            answers.push(format!(
                "{:?}",
                world.flows.complete::<Recover>(&held, "BCDF-GHJK").await
            ));
        }
        answers.push(format!(
            "{:?}",
            world
                .flows
                .send::<Recover>(&held, To::Verified(to), &[])
                .await
        ));
        asked.push((world.bench.store.asked().split_off(before), answers));
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!(world.outbox.messages().len(), 1);
    assert!(asked[0].1[5].contains("Exhausted"), "{:?}", asked[0].1);
}

/// Whoever starts a thousand flows for somebody, and guesses in each, leaves the code that is under way, the mail of
/// other operations and the tries of the owner.
pub async fn outsider_leaves_the_owner_everything(place: Place) {
    let world = World::new(place).await;
    let (alice, to) = (alice(), address("alice"));
    let own = world.begin::<Recover>(&[]).await;
    let token = world.token().await;
    let mut throttled = 0;
    let flows = if nightly() {
        1_000
    } else {
        place.often(1_000, 100)
    };
    for _ in 0..flows {
        let handle = world
            .flows
            .open::<Recover>(Who::Account(&alice), "outsider")
            .await
            .unwrap();
        let held = Held {
            handle: &handle,
            tenant: "acme",
            holder: "outsider",
        };
        match world
            .flows
            .send::<Recover>(&held, To::Verified(&to), &[])
            .await
        {
            Err(FlowError::Throttled { .. }) => throttled += 1,
            sent => sent.unwrap(),
        }
        world.flows.work().await.unwrap();
        assert!(
            world
                .flows
                .complete::<Recover>(&held, &wrong(&token))
                .await
                .is_err()
        );
    }
    assert!(throttled > 50, "{throttled}");
    // Five mails in all, whatever was asked.
    assert_eq!(world.outbox.messages().len(), 5);
    let paying = world.begin::<Pay>(&[]).await;
    let code = world.token().await;
    assert!(world.complete::<Pay>(&paying, &code).await.is_ok());
    assert!(world.complete::<Recover>(&own, &token).await.is_ok());
}

/// Of one subject and purpose five tokens live at once. The sixth is not made, and nobody is told.
pub async fn outsider_makes_five_live_tokens_at_most(place: Place) {
    let settings = Settings::DEFAULT.sends(Limit::pace(1_000, TimeDelta::minutes(10)));
    let world = World::with(place, settings).await;
    let own = world.begin::<Recover>(&[]).await;
    let token = world.token().await;
    let other = world.beside(settings);
    for _ in 0..10 {
        world.begin::<Recover>(&[]).await;
        let (one, two) = tokio::join!(world.flows.work(), other.flows.work());
        one.unwrap();
        two.unwrap();
    }
    let policy = settings.policy(ott_flows::token_store::ott_core::Policy::readable(
        <Recover as ott_flows::Operation>::PURPOSE,
    ));
    let live = world.flows.tokens().list(&policy, &alice()).await.unwrap();
    assert_eq!(live.len(), 5);
    assert!(world.complete::<Recover>(&own, &token).await.is_ok());
}
