//! Owners are told what happened to their accounts: who is told, what, and what stands if that fails.

use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Address, AddressChange, Attempt, Claim, Context, Descriptor, Kind, Limits, News, Odds,
    Operator, PasswordChange, Provider, ResetReason, Response, TwoFactor, TwoFactorError,
    UNDO_WITHIN, VerifyError,
    token_store::{
        FactorState, FactorStore,
        ott_core::{Binding, Limit, LimitKey, LimitScope, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    telling::{HOME, Telling, sign_in, to},
    world::{is_throttled, reason},
};

const ALICE: &str = "alice@example.org";
const WORK: &str = "alice@work.example.org";
const MAIL: &str = "mail@example.org";
const NEW: &str = "new@example.org";

fn all(addresses: &[&str], news: News) -> (Vec<String>, Option<String>) {
    let mut addresses: Vec<_> = addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    addresses.sort();
    (addresses, Some(news.words().to_owned()))
}

const NOBODY: (Vec<String>, Option<String>) = (Vec::new(), None);

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

/// A disabled factor is told once.
pub async fn disabled_factor_is_told_once(place: Place) {
    let told = Telling::with(
        place,
        &[ALICE],
        Limits {
            pace: Limit::pace(1_000, TimeDelta::hours(1)),
            ceiling: Limit::ceiling(6),
            ..Limits::default()
        },
    )
    .await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.confirmed_email(&alice(), MAIL, Some(&proof)).await;
    let _ = told.arrived();

    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").network(HOME).sign_in(&f);
    for _ in 0..20 {
        let wrong = world.wrong_code(&[&app]);
        let _ = world
            .engine
            .verify(&attempt, &Response::typed(&wrong))
            .await;
    }
    assert_eq!(told.told(), all(&[ALICE, MAIL], News::FactorDisabled));
}

/// Six digits that the account has beside its factors: easy enough to guess that failures are counted.
struct Pin(Descriptor);

#[async_trait]
impl Provider for Pin {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    async fn verify(&self, _: &Context<'_>, _: &Response<'_>) -> Result<Claim, VerifyError> {
        Err(Reason::Mismatch.into())
    }
}

/// A provider of the account that is exhausted is told once, and once more after a reset.
pub async fn exhausted_provider_is_told_once(place: Place) {
    let limits = Limits {
        pace: Limit::pace(1_000, TimeDelta::hours(1)),
        ceiling: Limit::ceiling(6),
        ..Limits::default()
    };
    let told = Telling::with(place, &[ALICE], limits).await;
    let (world, owner) = (&told.world, alice());
    let odds = Odds {
        code_space: 1_000_000,
        valid: 1,
    };
    let pin = Descriptor::new(Kind::UserToken, "pin", "PIN", "", odds).of_subject();
    let factors = Arc::clone(&world.store) as Arc<dyn FactorStore>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(Pin(pin))
        .recovery_codes(&world.recovery)
        .known_devices(world.devices())
        .trusted_devices(world.trusted())
        .owner(world.owner())
        .limits(limits)
        .build()
        .unwrap();
    let attempt = Attempt::new(&owner, "pin");
    for _ in 0..2 {
        for _ in 0..20 {
            let tried = engine.verify(&attempt, &Response::typed("000000")).await;
            assert!(tried.is_err());
        }
        assert_eq!(told.told(), all(&[ALICE], News::CeilingReached));
        let operator = Operator::new(&engine);
        operator.reset(&owner, ResetReason::Lost).await.unwrap();
        let _ = told.arrived();
    }
}

/// Whoever knows the password fills no mailbox.
pub async fn password_alone_fills_no_mailbox(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let _ = told.arrived();
    world.pass(TimeDelta::seconds(30));
    let wrong = world.wrong_code(&[&app]);
    let tries = place.often(200, 40);
    for day in 0..3 {
        let mut refused = 0;
        for _ in 0..tries {
            let tried = world.verify(&alice(), &wrong).await;
            refused += usize::from(is_throttled(&tried));
        }
        assert!(refused > tries / 2, "{refused} on day {day}");
        assert_eq!(told.told(), all(&[ALICE], News::ManyFailures), "day {day}");
        world.pass(TimeDelta::hours(12));
        for _ in 0..tries {
            let _ = world.verify(&alice(), &wrong).await;
        }
        assert_eq!(told.told(), NOBODY, "day {day}");
        world.pass(TimeDelta::hours(12));
    }
}

/// Whoever guesses slowly beside a known device is told of.
pub async fn slow_guesses_beside_a_device_are_told(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.remember(&proof, "laptop").await.unwrap();
    let _ = told.arrived();
    // Never too fast for the pace, and no more than strangers have of the ceiling.
    let mut refused = 0;
    for tried in 0..100 {
        world.pass(TimeDelta::minutes(7));
        let wrong = world.wrong_code(&[&app]);
        let answer = world.verify(&alice(), &wrong).await;
        refused += u32::from(is_exhausted(&answer));
        // The tenth, and by the ceiling's time no second one within the day.
        let expected = if tried == 9 {
            all(&[ALICE], News::ManyFailures)
        } else {
            NOBODY
        };
        assert_eq!(told.told(), expected, "at try {tried}");
    }
    assert_eq!(refused, 20);
    let factors = world.engine.factors(&alice()).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Active);
}

/// The tenth failure in a row is told, though no limit refuses anything; once a day; and a success begins
/// the row anew.
pub async fn tenth_failure_in_a_row_is_told(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let _ = told.arrived();
    let fails = async |times| {
        for _ in 0..times {
            world.pass(TimeDelta::minutes(7));
            let wrong = world.wrong_code(&[&app]);
            let refused = world.verify(&alice(), &wrong).await;
            assert_eq!(reason(refused), Reason::Mismatch);
        }
        told.told()
    };
    for _ in 0..3 {
        assert_eq!(fails(9).await, NOBODY);
        let _ = world.proof(&alice(), &app).await;
    }
    assert_eq!(fails(9).await, NOBODY);
    assert_eq!(fails(1).await, all(&[ALICE], News::ManyFailures));
    assert_eq!(fails(10).await, NOBODY);
    world.pass(TimeDelta::days(1));
    assert_eq!(fails(1).await, all(&[ALICE], News::ManyFailures));
    // What cannot be a code is no failure, and wrong recovery codes are.
    let proof = world.proof(&alice(), &app).await;
    let codes = world.codes(&proof).await;
    world.pass(TimeDelta::days(1));
    let _ = told.arrived();
    for _ in 0..20 {
        let _ = world.verify(&alice(), "12345").await.unwrap_err();
    }
    let wrong = codes[0].replace(|c: char| c != '-', "B");
    for _ in 0..9 {
        let _ = world.recover(&alice(), &wrong).await.unwrap_err();
    }
    assert_eq!(told.told(), NOBODY);
    let _ = world.recover(&alice(), &wrong).await.unwrap_err();
    assert_eq!(told.told(), all(&[ALICE], News::ManyFailures));
}

fn is_exhausted<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Rejected(why)) if why.reason() == Reason::Exhausted)
}

/// A notice that nobody got is told by the next try.
pub async fn notice_that_nobody_got_is_told_next_time(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let app = told.add_app(&sign_in("f"), None).await;
    let _ = told.arrived();
    told.delivery_down(true);
    let wrong = told.world.wrong_code(&[&app]);
    for _ in 0..20 {
        let _ = told.world.verify(&alice(), &wrong).await;
    }
    told.delivery_down(false);
    assert!(is_throttled(&told.world.verify(&alice(), &wrong).await));
    assert_eq!(told.told(), all(&[ALICE], News::ManyFailures));
}

/// Where the count of notices is down, the answer is the same and nobody is flooded.
pub async fn count_of_notices_down_floods_nobody(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner) = (&told.world, alice());
    let app = told.add_app(&sign_in("f"), None).await;
    let _ = told.arrived();
    world.log.drain();
    let key = LimitKey::new(
        LimitScope::Engine,
        "notice of failures",
        &Binding::subject(&owner),
    );
    world.store.fail_limit(key);
    let wrong = world.wrong_code(&[&app]);
    for _ in 0..20 {
        let _ = world.verify(&owner, &wrong).await;
    }
    assert!(is_throttled(&world.verify(&owner, &wrong).await));
    assert_eq!(told.told(), NOBODY);
    assert!(world.log.whats().contains(&"store.failed spend".to_owned()));
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
