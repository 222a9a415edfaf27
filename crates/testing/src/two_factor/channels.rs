//! One channel never counts twice in one sign-in.

use twofa_providers::{
    Attempt, Response,
    token_store::ott_core::{Channel, Reason, chrono::TimeDelta},
};

use crate::{
    Place, alice,
    world::{World, reason},
};

/// A mailbox that was used for one step is refused for the next.
pub async fn mailbox_counts_once_in_a_sign_in(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
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
