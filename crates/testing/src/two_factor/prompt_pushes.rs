//! Pushes of prompts, and devices that their push service no longer knows.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Attempt, PromptStatus, Prompts, TwoFactor, TwoFactorError,
    events::PUSH_ENDED,
    token_delivery::{Delivery, DeliveryError, Message, Undelivered},
    token_store::{
        FactorStore, Revoke,
        ott_core::{Destination, Purpose, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    asking::PROMPT,
    subject,
    world::{World, reason},
};

/// A push service that knows no device called `gone`, and counts what it is given.
#[derive(Default)]
struct Service {
    given: AtomicUsize,
}

#[async_trait]
impl Delivery for Service {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        self.given.fetch_add(1, Ordering::SeqCst);
        match message.destination().address() {
            "gone" => Err(DeliveryError::Unregistered("410".into())),
            _ => Ok(()),
        }
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

/// A device that its push service no longer knows is told to the application, once, and pushed to no more. It is asked
/// and decides as before, and another address brings its pushes back.
pub async fn unregistered_device_is_pushed_no_more(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let gone = world.device(&alice, "gone", None).await;
    let (service, store) = (Arc::new(Service::default()), world.store.clone());
    let store: Arc<dyn FactorStore> = store;
    let given = || service.given.load(Ordering::SeqCst);
    let prompts = Prompts::new(&world.tokens, Arc::clone(&store), &PROMPT).unwrap();
    let prompts = prompts.push(service.clone()).unwrap();
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), store);
    let engine = engine.prompts(&prompts).build().unwrap();
    let ask = async || {
        let attempt = Attempt::new(&alice, "prompt").factor(gone);
        let asked = engine.request(&attempt).await.unwrap();
        let id = prompts.id_of(&alice, &asked.handle.unwrap()).unwrap();
        assert!(prompts.look(&alice, &id).await.unwrap().is_some());
        let own = Revoke::own(&alice, id);
        world.tokens.revoke(&own).await.unwrap();
    };
    world.log.drain();
    ask().await;
    let ended = |events: &[twofa_providers::token_store::Event]| {
        let ended = events.iter().filter(|event| event.name == PUSH_ENDED);
        ended.filter(|event| event.factor == Some(gone)).count()
    };
    assert_eq!((given(), ended(&world.log.drain())), (1, 1));
    ask().await;
    assert_eq!((given(), ended(&world.log.drain())), (1, 0));

    let stranger = subject("acme", "mallory");
    let phone = Destination::device("another").unwrap();
    let mail = Destination::email("alice@example.org").unwrap();
    let moved = prompts.push_to(&stranger, &gone, Some(&phone)).await;
    assert_eq!(reason(moved), Reason::Unknown);
    let moved = prompts.push_to(&alice, &gone, Some(&mail)).await;
    assert!(matches!(moved, Err(TwoFactorError::Misuse(_))), "{moved:?}");
    prompts.push_to(&alice, &gone, Some(&phone)).await.unwrap();
    ask().await;
    assert_eq!((given(), ended(&world.log.drain())), (2, 0));
    prompts.push_to(&alice, &gone, None).await.unwrap();
    ask().await;
    assert_eq!(given(), 2);
    // It decides as before.
    world.clock.advance(TimeDelta::hours(2));
    let _ = world.prompt_proof(&alice, gone).await;
}

/// A push that waited in a queue comes to the same: told later, it ends the pushes of the device that still has this
/// address, once, and nobody else's; no other error does.
pub async fn queued_push_to_a_gone_device_ends_pushes(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let gone = world.device(&alice, "gone", None).await;
    let prompts = world.prompts();
    let waiting = world.ask(&alice, gone).await;
    let id = prompts.id_of(&alice, &waiting.handle).unwrap();
    let [old, new] = ["gone", "new"].map(|address| Destination::device(address).unwrap());
    let (push, unavailable) = (
        Message::prompt(PROMPT.purpose(), &old, &id),
        DeliveryError::Unavailable("503".into()),
    );
    let (refused, unregistered) = (
        DeliveryError::Refused("400".into()),
        DeliveryError::Unregistered("410".into()),
    );
    let ended = || {
        let events = world.log.drain();
        let ended = events.into_iter().filter(|event| event.name == PUSH_ENDED);
        ended.map(|event| event.factor).collect::<Vec<_>>()
    };
    ended();
    let (mallory, another) = (subject("acme", "mallory"), Purpose::new("another"));
    prompts.undelivered(&push.of(&mallory), &unregistered).await;
    let named = Message::prompt(&another, &old, &id).of(&alice);
    prompts.undelivered(&named, &unregistered).await;
    prompts.undelivered(&push, &unregistered).await;
    for error in [&refused, &unavailable] {
        prompts.undelivered(&push.of(&alice), error).await;
    }
    assert_eq!(ended(), []);
    // The device has another address by the time that its old one is found to be gone.
    prompts.push_to(&alice, &gone, Some(&new)).await.unwrap();
    prompts.undelivered(&push.of(&alice), &unregistered).await;
    assert_eq!(ended(), []);
    let push = Message::prompt(PROMPT.purpose(), &new, &id).of(&alice);
    prompts.undelivered(&push, &unregistered).await;
    prompts.undelivered(&push, &unregistered).await;
    assert_eq!(ended(), [Some(gone)], "once");
    // What it was asked when its pushes went elsewhere is good, and it decides as before.
    let approved = world.approve(&alice, &waiting).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    let proof = world.go_on(&alice, gone, &waiting).await.unwrap();
    assert_eq!(proof.factor(), Some(gone));
    world.clock.advance(TimeDelta::hours(2));
    let _ = world.prompt_proof(&alice, gone).await;
}
