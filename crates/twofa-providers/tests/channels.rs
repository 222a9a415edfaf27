//! One channel never counts twice in one sign-in.

#[path = "support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use twofa_providers::{
    Attempt, Response,
    token_store::ott_core::{Channel, Reason, chrono::TimeDelta},
};
use world::{World, alice, reason};

#[tokio::test]
async fn a_mailbox_that_was_used_for_one_step_is_refused_for_the_next() {
    let (world, alice) = (World::new(), alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    let _ = world
        .confirmed_email(&alice, "alice@example.org", Some(&proof))
        .await;
    let free = Attempt::new(&alice, "email");
    let handle = world.engine.request(&free).await.unwrap().handle.unwrap();
    let (free, code) = (free.handle(&handle), world.sent());
    let sent = world.outbox.messages().len();

    let after_a_mail = free.first_step(Channel::Email);
    assert_eq!(
        reason(world.engine.request(&after_a_mail).await),
        Reason::Binding
    );
    assert_eq!(world.outbox.messages().len(), sent);
    let verified = world
        .engine
        .verify(&after_a_mail, &Response::typed(&code))
        .await;
    assert_eq!(reason(verified), Reason::Binding);

    // Other channels do not matter, nor does the mailbox to what is sent over none.
    let after_a_call = free.first_step(Channel::Phone);
    let verified = world
        .engine
        .verify(&after_a_call, &Response::typed(&code))
        .await
        .unwrap();
    assert_eq!(verified.channel(), Some(Channel::Email));
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let by_app = Attempt::new(&alice, "totp").first_step(Channel::Email);
    assert!(
        world
            .engine
            .verify(&by_app, &Response::typed(&code))
            .await
            .is_ok()
    );
}
