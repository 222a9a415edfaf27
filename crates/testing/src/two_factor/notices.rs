//! Owners are told what happened to their accounts: who is told, what, and what stands if that fails.

use twofa_providers::{
    AddressChange, Attempt, News, Operator, PasswordChange, ResetReason,
    token_store::{FactorState, ott_core::chrono::TimeDelta},
};

use crate::{
    Place, alice,
    telling::{HOME, NOBODY, Telling, all, sign_in, to},
};

pub(super) const ALICE: &str = "alice@example.org";
pub(super) const WORK: &str = "alice@work.example.org";
pub(super) const MAIL: &str = "mail@example.org";
pub(super) const NEW: &str = "new@example.org";

/// A notice says what, when and from where, and has a link.
pub async fn notice_says_what_when_and_from_where(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let _ = told.add_app(&sign_in("f"), None).await;
    let arrived = told.arrived();
    let token = arrived[0].token.clone();
    let expected = format!(
        "a second step was added to your account|2026-01-02 03:04 UTC|203.0.113.7|\n\
         https://example.org/not-me#{token}"
    );
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].text, expected);
    assert!(token.len() >= 43, "258 bits");
}

/// Every news reaches every verified address.
pub async fn news_reach_every_verified_address(place: Place) {
    let told = Telling::new(place, &[ALICE, WORK]).await;
    let (world, f) = (&told.world, sign_in("f"));

    let app = told.add_app(&f, None).await;
    assert_eq!(told.told(), all(&[ALICE, WORK], News::FactorAdded));
    let proof = told.proof(&f, &app).await;
    assert_eq!(told.told(), NOBODY, "a sign-in is no news");

    // The address of a factor counts from its confirmation on, and not before.
    let factor = world.enrol_email(&alice(), MAIL, Some(&proof)).await;
    assert_eq!(told.told(), NOBODY, "what is not confirmed is no news");
    world.remove(&proof, &factor).await.unwrap();
    assert_eq!(told.told(), NOBODY);
    let mail = world.confirmed_email(&alice(), MAIL, Some(&proof)).await;
    assert_eq!(told.told(), all(&[ALICE, WORK, MAIL], News::FactorAdded));

    let codes = world.codes(&proof).await;
    assert_eq!(
        told.told(),
        all(&[ALICE, WORK, MAIL], News::RecoveryRenewed)
    );
    for (used, code) in codes.iter().enumerate() {
        world.pass(TimeDelta::hours(1));
        let _ = world.recover(&alice(), code).await.unwrap();
        let news = if used < 9 {
            News::RecoveryUsed
        } else {
            News::RecoveryUsedUp
        };
        assert_eq!(told.told(), all(&[ALICE, WORK, MAIL], news));
    }

    let proof = told.proof(&f, &app).await;
    world.rename(&proof, &mail, "inbox").await.unwrap();
    assert_eq!(told.told(), NOBODY, "a name is no news");
    world.remove(&proof, &mail).await.unwrap();
    assert_eq!(told.told(), all(&[ALICE, WORK, MAIL], News::FactorRemoved));
    assert!(world.remove(&proof, &mail).await.is_err());
    assert_eq!(told.told(), NOBODY, "what was refused did not happen");

    told.verified(&[NEW, WORK]);
    let (owner, old, new) = (alice(), to(ALICE), to(NEW));
    let change = AddressChange {
        subject: &owner,
        old: Some(&old),
        new: Some(&new),
        network: Some(HOME),
        sign_in: Some(&f),
    };
    told.world.owner().address_changed(&change).await;
    assert_eq!(told.told(), all(&[NEW, WORK, ALICE], News::AddressChanged));
    // Once told, the old one is out.
    let _ = told.world.codes(&proof).await;
    assert_eq!(told.told(), all(&[NEW, WORK], News::RecoveryRenewed));

    let change = PasswordChange {
        subject: &owner,
        network: Some(HOME),
        sign_in: Some(&f),
    };
    told.world.owner().password_changed(&change).await;
    assert_eq!(told.told(), all(&[NEW, WORK], News::PasswordChanged));
}

/// A stranger whose address was typed is told nothing.
pub async fn stranger_at_a_typed_address_is_told_nothing(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let f = sign_in("f");
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = told
        .world
        .enrol_email(&alice(), "stranger@example.net", Some(&proof))
        .await;
    let _ = told.arrived();
    let _ = told.world.codes(&proof).await;
    assert_eq!(told.told(), all(&[ALICE], News::RecoveryRenewed));
}

/// An address that is known twice is told once.
pub async fn address_known_twice_is_told_once(place: Place) {
    let told = Telling::new(place, &[ALICE, WORK, ALICE]).await;
    let f = sign_in("f");
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = told
        .world
        .confirmed_email(&alice(), ALICE, Some(&proof))
        .await;
    let _ = told.arrived();
    let _ = told.world.codes(&proof).await;
    assert_eq!(told.told(), all(&[ALICE, WORK], News::RecoveryRenewed));
}

/// What happened stands, though nobody can be told.
pub async fn change_stands_though_nobody_can_be_told(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    told.delivery_down(true);
    let app = told.add_app(&f, None).await;
    assert!(
        world
            .log
            .whats()
            .contains(&"delivery.failed news".to_owned())
    );
    let stored = world.store.store().factors(&alice()).await.unwrap();
    assert_eq!(stored[0].state, FactorState::Active);
    let proof = told.proof(&f, &app).await;
    let codes = world.codes(&proof).await;
    assert!(world.recover(&alice(), &codes[0]).await.is_ok());
    assert_eq!(told.told(), NOBODY);

    // The link's token cannot be kept: a message without it is better than none.
    told.delivery_down(false);
    let second = world.enrol(&alice(), Some(&proof)).await;
    world.store.fail("insert");
    world.log.drain();
    let code = world.code(&second);
    assert!(world.confirm(&alice(), &second, &code).await.is_ok());
    assert!(
        world
            .log
            .whats()
            .contains(&"delivery.failed news".to_owned())
    );
    let arrived = told.arrived();
    assert_eq!(arrived.len(), 1);
    assert!(arrived[0].text.starts_with(News::FactorAdded.words()));
    assert_eq!(arrived[0].token, "");
}

/// Where the addresses are down, those of factors are told.
pub async fn factor_addresses_are_told_in_an_outage(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.confirmed_email(&alice(), MAIL, Some(&proof)).await;
    let _ = told.arrived();
    told.addresses_down(true);
    world.log.drain();
    let _ = world.codes(&proof).await;
    assert_eq!(told.told(), all(&[MAIL], News::RecoveryRenewed));
    assert!(
        world
            .log
            .whats()
            .contains(&"store.failed addresses".to_owned())
    );
}

/// One address that fails keeps no other from its message.
pub async fn address_that_fails_keeps_no_other_from_news(place: Place) {
    for failing in [ALICE, WORK] {
        let other = if failing == ALICE { WORK } else { ALICE };
        let told = Telling::new(place, &[ALICE, WORK]).await;
        told.refuse(Some(failing));
        let _ = told.add_app(&sign_in("f"), None).await;
        assert_eq!(told.told(), all(&[other], News::FactorAdded));
        let events = told.world.log.drain();
        let failed: Vec<_> = events
            .iter()
            .filter(|event| crate::words(event) == "delivery.failed news")
            .map(|event| event.subject.clone())
            .collect();
        assert_eq!(failed, [Some(alice())]);
    }
}

/// No address, token or network is printed, or told to the events.
pub async fn notices_are_printed_nowhere(place: Place) {
    let told = Telling::new(place, &[ALICE, WORK]).await;
    let (world, f) = (&told.world, sign_in("the-sign-in"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.confirmed_email(&alice(), MAIL, Some(&proof)).await;
    told.refuse(Some(WORK));
    let _ = world.codes(&proof).await;
    let arrived = told.arrived();
    let (owner, old, new) = (alice(), to(ALICE), to(NEW));
    let change = AddressChange {
        subject: &owner,
        old: Some(&old),
        new: Some(&new),
        network: Some(HOME),
        sign_in: Some(&f),
    };
    world.owner().address_changed(&change).await;
    let used = told.not_me(&arrived[0].token).await.unwrap();
    let attempt = Attempt::new(&owner, "totp").network(HOME).sign_in(&f);
    let events = world.log.drain();
    let said = format!(
        "{proof:?} {change:?} {used:?} {attempt:?} {events:?} {:?}",
        world.engine
    );
    let tokens = arrived.iter().map(|arrived| arrived.token.as_str());
    let tokens = tokens.filter(|token| !token.is_empty());
    for secret in tokens.chain([ALICE, WORK, MAIL, "203.0.113.7", "the-sign-in"]) {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

/// A reset by an operator reaches every verified address, and those of the factors that it took off.
pub async fn reset_is_told_at_every_address(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner, f) = (&told.world, alice(), sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    for address in [MAIL, NEW] {
        let _ = world.confirmed_email(&owner, address, Some(&proof)).await;
    }
    let _ = told.arrived();
    let operator = Operator::new(&world.engine);
    operator.reset(&owner, ResetReason::Lost).await.unwrap();
    assert_eq!(told.told(), all(&[ALICE, MAIL, NEW], News::AccountReset));
}
