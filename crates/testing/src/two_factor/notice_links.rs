//! Which address gets the link by which an owner disowns what is told: none that is itself the news.

use twofa_providers::{
    Address, AddressChange, Attempt, Response, UNDO_WITHIN,
    token_store::ott_core::chrono::TimeDelta,
};

use super::notices::{ALICE, MAIL, NEW, WORK};
use crate::{
    Place, alice,
    telling::{Telling, sign_in, to},
};

/// Which addresses were told since the last call, and whether with a link.
fn linked(told: &Telling) -> Vec<(String, bool)> {
    let arrived = told.arrived().into_iter();
    arrived
        .map(|arrived| {
            let linked = arrived.text.contains("https://");
            assert_eq!(linked, !arrived.token.is_empty());
            (arrived.to, linked)
        })
        .collect()
}

/// An address that was told with a link.
fn yes(address: &str) -> (String, bool) {
    (address.to_owned(), true)
}

/// An address that was told without one.
fn no(address: &str) -> (String, bool) {
    (address.to_owned(), false)
}

/// An address that is itself the news gets no link.
pub async fn address_that_is_the_news_gets_no_link(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner, f) = (&told.world, alice(), sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = told.arrived();

    let mail = world.confirmed_email(&owner, MAIL, Some(&proof)).await;
    assert_eq!(linked(&told), [yes(ALICE), no(MAIL)]);
    // Nor while it can be undone, also as it is taken off: who brought it in would undo what the owner does.
    world.remove(&proof, &mail).await.unwrap();
    assert_eq!(linked(&told), [yes(ALICE), no(MAIL)]);
    let _ = world.confirmed_email(&owner, MAIL, Some(&proof)).await;
    assert_eq!(linked(&told), [yes(ALICE), no(MAIL)]);
    world.pass(UNDO_WITHIN - TimeDelta::minutes(1));
    let _ = world.codes(&told.proof(&f, &app).await).await;
    assert_eq!(linked(&told), [yes(ALICE), no(MAIL)]);
    // A week later it is an address as any other.
    world.pass(TimeDelta::minutes(1));
    let proof = told.proof(&f, &app).await;
    let _ = world.codes(&proof).await;
    assert_eq!(linked(&told), [yes(ALICE), yes(MAIL)]);
    // One that the account had before is no news.
    let _ = world.confirmed_email(&owner, ALICE, Some(&proof)).await;
    assert_eq!(linked(&told), [yes(ALICE), yes(MAIL)]);

    let (old, new) = (to(WORK), to(NEW));
    told.verified(&[NEW]);
    let change = AddressChange {
        subject: &owner,
        old: Some(&old),
        new: Some(&new),
        network: None,
        sign_in: Some(&f),
    };
    world.owner().address_changed(&change).await;
    // The application lists the old address no more, and as a factor's it is young.
    assert_eq!(linked(&told), [no(ALICE), yes(WORK), yes(MAIL), no(NEW)]);
}

/// A factor's address gets no link while the owner can still say that they did not add it, not even of its
/// own removal.
pub async fn young_factor_address_gets_no_link(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner, f) = (&told.world, alice(), sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let young = world.confirmed_email(&owner, MAIL, Some(&proof)).await;
    let mail = world.confirmed_email(&owner, WORK, Some(&proof)).await;
    let _ = told.arrived();
    world.remove(&proof, &young).await.unwrap();
    assert_eq!(linked(&told), [yes(ALICE), no(WORK), no(MAIL)]);

    world.pass(UNDO_WITHIN - TimeDelta::seconds(31));
    let proof = told.proof(&f, &app).await;
    let _ = world.codes(&proof).await;
    assert_eq!(linked(&told), [yes(ALICE), no(WORK)]);
    let proof = told.proof(&f, &app).await;
    let _ = world.codes(&proof).await;
    assert_eq!(linked(&told), [yes(ALICE), yes(WORK)]);
    world.remove(&proof, &mail).await.unwrap();
    assert_eq!(linked(&told), [yes(ALICE), yes(WORK)]);
    // While its removal can be undone, it hears the rest.
    for passing in [0, 7 * 86_400 - 31] {
        world.pass(TimeDelta::seconds(passing));
        let proof = told.proof(&f, &app).await;
        let _ = world.codes(&proof).await;
        let expected = [yes(ALICE), yes(WORK)];
        let told_now = if passing == 0 { 2 } else { 1 };
        assert_eq!(linked(&told), expected[..told_now], "{passing} s later");
    }
}

/// The old address hears everything, with the link, while a change of address can be undone; the new one
/// gets no link for as long.
pub async fn old_address_hears_all_while_it_matters(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner, f) = (&told.world, alice(), sign_in("f"));
    let app = told.add_app(&f, None).await;
    let at = world.tokens.now();
    told.list(vec![
        Address::new(to(ALICE)).until(at),
        Address::new(to(NEW)).since(at),
    ]);
    let _ = told.arrived();
    for passing in [0, 7 * 86_400 - 31] {
        world.pass(TimeDelta::seconds(passing));
        let proof = told.proof(&f, &app).await;
        let _ = world.codes(&proof).await;
        let expected = if passing == 0 {
            vec![yes(ALICE), no(NEW)]
        } else {
            vec![yes(NEW)]
        };
        assert_eq!(linked(&told), expected, "{passing} s later");
    }

    // Who changed it twice hears nothing more at the address in between.
    let (first, now) = (world.tokens.now() - TimeDelta::hours(1), world.tokens.now());
    told.list(vec![
        Address::new(to(ALICE)).until(first),
        Address::new(to(MAIL)).since(first).until(now),
        Address::new(to(NEW)).since(now),
    ]);
    let (old, new) = (to(MAIL), to(NEW));
    let change = AddressChange {
        subject: &owner,
        old: Some(&old),
        new: Some(&new),
        network: None,
        sign_in: Some(&f),
    };
    world.owner().address_changed(&change).await;
    assert_eq!(linked(&told), [yes(ALICE), no(NEW)]);
}

/// Where nobody gets a link, no token is kept.
pub async fn token_is_kept_only_for_a_link(place: Place) {
    let told = Telling::new(place, &[]).await;
    let (world, owner) = (&told.world, alice());
    let factor = world.enrol_email(&owner, MAIL, None).await;
    let attempt = Attempt::new(&owner, "email").factor(factor);
    let requested = world.engine.request(&attempt).await;
    let handle = requested.unwrap().handle.unwrap();
    let (typed, attempt) = (world.sent(), attempt.handle(&handle));
    world.store.fail("insert");
    let response = Response::typed(&typed);
    let confirmed = world.engine.confirm(&attempt, &response).await;
    assert!(confirmed.is_ok());
    assert_eq!(linked(&told), [(MAIL.to_owned(), false)]);
    assert!(
        !world
            .log
            .whats()
            .contains(&"store.failed insert".to_owned())
    );
}
