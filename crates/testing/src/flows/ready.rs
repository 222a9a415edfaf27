//! The operations that come with the crate.

use ott_flows::{
    FlowError, Operation, To, Who,
    ready::{
        ChangeAddress, ChangePhrase, DeleteAccount, Pay, ProveAddress, ProveOther, RecoverAddress,
        RecoverPassword, Register, RemoveFactor, TOO_SOON, about, address as with, factor,
        new_address, payment,
    },
    token_store::ott_core::{Channel, Destination, Handle, chrono::TimeDelta},
};

use super::{HOLDER, World, address};
use crate::{Place, alice, subject};

fn phone() -> Destination {
    Destination::phone("+4915112345678").unwrap()
}

/// A world in which Alice has a phone too.
async fn world(place: Place) -> World {
    let world = World::new(place).await;
    world
        .book
        .change(&alice(), |alice| alice.verified.push(phone()));
    world
}

/// Somebody without an account proves an address, and the change names that address and the name under which it was begun.
pub async fn registration_names_the_proved_address(place: Place) {
    let world = world(place).await;
    let (name, new) = (subject("acme", "newcomer"), address("newcomer"));
    let parameters = with(&new);
    let begun = world
        .flows
        .begin::<Register>(Who::New(&name), HOLDER, To::New(&new), &parameters);
    let handle = begun.await.unwrap();
    let token = world.token().await;
    assert_eq!(world.outbox.last().unwrap().destination(), &new);
    let proof = world.complete::<Register>(&handle, &token).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.subject(), &name);
    assert_eq!(change.parameters().address(), Some(new));
}

/// An e-mail address and a phone number change once the old and the new one are proved, in this order and to both.
pub async fn address_changes_by_old_and_new(place: Place) {
    for (old, new) in [
        (address("alice"), address("new")),
        (phone(), Destination::phone("+4915187654321").unwrap()),
    ] {
        let world = world(place).await;
        let (alice, parameters) = (alice(), about(old.channel()));
        let begun = world.flows.begin::<ProveAddress>(
            Who::Account(&alice),
            HOLDER,
            To::Verified(&old),
            &parameters,
        );
        let handle = begun.await.unwrap();
        let token = world.token().await;
        assert_eq!(world.outbox.last().unwrap().destination(), &old);
        let proof = world.complete(&handle, &token).await.unwrap();
        let handle = world.flows.open_after::<ChangeAddress, _>(proof).await;
        let handle = handle.unwrap();
        let refused = world.complete::<ChangeAddress>(&handle, &token).await;
        assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
        world
            .send::<ChangeAddress>(&handle, To::New(&new), &new_address(&new))
            .await
            .unwrap();
        let token = world.token().await;
        assert_eq!(world.outbox.last().unwrap().destination(), &new);
        let proof = world.complete::<ChangeAddress>(&handle, &token).await;
        let change = world.flows.apply(proof.unwrap()).await.unwrap();
        assert_eq!(change.parameters().channel(), Some(old.channel()));
        assert_eq!(change.parameters().address(), Some(new));
    }
}

/// A recovery of the password names no factor, and for 48 hours after it none can be removed.
pub async fn password_recovery_keeps_the_factor(place: Place) {
    let world = world(place).await;
    let handle = world.begin::<RecoverPassword>(&[]).await;
    let token = world.token().await;
    let proof = world.complete::<RecoverPassword>(&handle, &token).await;
    let change = world.flows.apply(proof.unwrap()).await.unwrap();
    assert_eq!(change.parameters().iter().len(), 0);
    let at = change.at();
    world.book.change(&alice(), |alice| {
        (alice.epoch, alice.recovered_at) = (1, Some(at))
    });
    too_soon::<RemoveFactor>(&world, &factor("app")).await;
    world.bench.pass(TimeDelta::hours(48));
    world.begin::<RemoveFactor>(&factor("app")).await;
}

async fn too_soon<O: Operation<After = ()>>(world: &World, parameters: &[(&str, &str)]) {
    let (alice, to) = (alice(), address("alice"));
    let begun = world
        .flows
        .begin::<O>(Who::Account(&alice), HOLDER, To::Verified(&to), parameters);
    let begun = begun.await;
    assert!(
        matches!(begun, Err(FlowError::Unmet(TOO_SOON))),
        "{begun:?}"
    );
}

/// A lost phone number is replaced by who has the e-mail address. The lost kind itself gets no token, which nobody is told.
pub async fn address_is_recovered_by_another_kind(place: Place) {
    let world = world(place).await;
    let (alice, lost) = (alice(), about(Channel::Phone));
    let ask = |to: Destination| {
        let (world, alice) = (&world, &alice);
        async move {
            let begun = world.flows.begin::<ProveOther>(
                Who::Account(alice),
                HOLDER,
                To::Verified(&to),
                &lost,
            );
            begun.await.unwrap()
        }
    };
    ask(phone()).await;
    assert_eq!(world.flows.work().await.unwrap(), 1);
    assert!(world.outbox.messages().is_empty());
    let handle: Handle = ask(address("alice")).await;
    let token = world.token().await;
    let proof = world.complete(&handle, &token).await.unwrap();
    let handle = world.flows.open_after::<RecoverAddress, _>(proof).await;
    let (handle, new) = (
        handle.unwrap(),
        Destination::phone("+4915187654321").unwrap(),
    );
    world
        .send::<RecoverAddress>(&handle, To::New(&new), &new_address(&new))
        .await
        .unwrap();
    let token = world.token().await;
    let proof = world.complete::<RecoverAddress>(&handle, &token).await;
    let change = world.flows.apply(proof.unwrap()).await.unwrap();
    assert_eq!(change.parameters().address(), Some(new));
}

/// The factor is removed that the token names, and no other.
pub async fn removal_names_its_factor(place: Place) {
    let world = world(place).await;
    let handle = world.begin::<RemoveFactor>(&factor("app 1")).await;
    let token = world.token().await;
    let proof = world.complete::<RemoveFactor>(&handle, &token).await;
    let change = world.flows.apply(proof.unwrap()).await.unwrap();
    assert_eq!(change.parameters().factor(), Some("app 1"));
}

/// The anti-phishing code is set by a token that came by e-mail.
pub async fn phrase_changes_by_email_alone(place: Place) {
    let world = world(place).await;
    let alice = alice();
    let phone = phone();
    let begun =
        world
            .flows
            .begin::<ChangePhrase>(Who::Account(&alice), HOLDER, To::Verified(&phone), &[]);
    assert!(matches!(begun.await, Err(FlowError::Channel)));
    let handle = world.begin::<ChangePhrase>(&[]).await;
    let token = world.token().await;
    assert!(
        world
            .complete::<ChangePhrase>(&handle, &token)
            .await
            .is_ok()
    );
}

/// An account is deleted once, and not for a day after it was changed.
pub async fn account_is_deleted_after_the_hold(place: Place) {
    let world = world(place).await;
    let now = world.flows.tokens().now();
    world
        .book
        .change(&alice(), |alice| alice.changed_at = Some(now));
    too_soon::<DeleteAccount>(&world, &[]).await;
    world.bench.pass(TimeDelta::hours(24));
    let handle = world.begin::<DeleteAccount>(&[]).await;
    let token = world.token().await;
    let proof = world.complete::<DeleteAccount>(&handle, &token).await;
    let change = world.flows.apply(proof.unwrap()).await.unwrap();
    world.book.remove(change.subject());
    let again = world.complete::<DeleteAccount>(&handle, &token).await;
    assert!(matches!(again, Err(FlowError::Ended)), "{again:?}");
}

/// What happens is the payment that was confirmed: a token for one amount or payee is no good for another.
pub async fn payment_is_what_was_confirmed(place: Place) {
    let world = world(place).await;
    let handle = world.begin::<Pay>(&payment("10.00 EUR", "Bob")).await;
    let ten = world.token().await;
    let to = address("alice");
    world
        .send::<Pay>(&handle, To::Verified(&to), &payment("1000.00 EUR", "Bob"))
        .await
        .unwrap();
    let thousand = world.token().await;
    let refused = world.complete::<Pay>(&handle, &ten).await;
    assert!(matches!(refused, Err(FlowError::Wrong)), "{refused:?}");
    let proof = world.complete::<Pay>(&handle, &thousand).await.unwrap();
    let change = world.flows.apply(proof).await.unwrap();
    assert_eq!(change.parameters().payment(), Some(("1000.00 EUR", "Bob")));
}
