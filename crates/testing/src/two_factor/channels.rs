//! One channel never counts twice in one sign-in.

use twofa_providers::{
    Attempt, Response,
    token_store::ott_core::{Channel, Reason, chrono::TimeDelta},
};

use crate::{
    Place, alice, subject,
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

/// Steps before are of the same subject: a proof of somebody else's is refused, and so is a second app.
pub async fn step_comes_after_proofs_of_its_own_subject(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let app = world.confirmed(&alice, None).await;
    let of_bob = world.confirmed(&bob, None).await;
    let (own, foreign) = (
        world.proof(&alice, &app).await,
        world.proof(&bob, &of_bob).await,
    );
    let sheet = world.codes(&own).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let by_app = Attempt::new(&alice, "totp");
    let by_sheet = Attempt::new(&alice, "recovery");
    let verify = async |attempt: &Attempt<'_>, typed: &str| {
        world.engine.verify(attempt, &Response::typed(typed)).await
    };
    let refused = verify(&by_app.after(&[&own]), &code).await;
    assert_eq!(reason(refused), Reason::Binding);
    let refused = verify(&by_sheet.after(&[&foreign]), &sheet[0]).await;
    assert_eq!(reason(refused), Reason::Binding);
    assert!(verify(&by_sheet.after(&[&own]), &sheet[0]).await.is_ok());
}
