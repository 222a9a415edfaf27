//! What stands beside the engine: parked proofs, imports, operators; and what costs nothing.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, EnrolDetails, Existing, Holder, HotpProvider, Import, Imported, Kind, Odds, Operator,
    Reset, ResetReason, Response, Show, SignInId, TwoFactor, TwoFactorError,
    oath_otp::{Digits, Hotp, Secret, Totp},
    token_store::{
        Answer, Charge, Clock as _, FactorState, FactorStore as _, LimitStore as _, Spent, Tokens,
        ott_core::{
            Binding, Handle, KeyRing, Limit, LimitKey, LimitScope, Policy, Purpose, Reason, State,
            Verdict, chrono::TimeDelta,
        },
    },
};

use crate::{
    Place, alice, key_1,
    provider::Told,
    subject,
    telling::{Telling, sign_in},
    world::{World, is_outage, is_throttled, needs_proof, reason},
    wrong,
};

const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));

/// A parked proof is taken up once, by its own holder, in another process too, and is what it was.
pub async fn parked_proof_travels_once_and_to_its_holder(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let sign_in = SignInId::new([0, 255]).unwrap();
    let pay = [("pay", "100"), ("to", "DE02")];
    let attempt = Attempt::new(&alice, "totp")
        .epoch(7)
        .network("2001:db8::7".parse().unwrap())
        .sign_in(&sign_in)
        .operation(&pay);
    let typed = world.code(&app);
    let proof = world
        .engine
        .verify(&attempt, &Response::typed(&typed))
        .await;
    let proof = proof.unwrap();
    let (at, holder) = (proof.at(), Holder::new(&alice, "session-1"));
    let handle = world.proofs.park(proof, &holder).await.unwrap();
    let other = world.beside(key_1());
    for stranger in [
        Holder::new(&alice, "session-2"),
        Holder::new(&alice, ""),
        Holder::new(&bob, "session-1"),
    ] {
        let resumed = other.proofs.resume(&handle, &stranger).await;
        assert!(matches!(resumed, Err(TwoFactorError::Rejected(_))));
    }
    let proof = other.proofs.resume(&handle, &holder).await.unwrap();
    assert_eq!((proof.subject(), proof.provider()), (&alice, "totp"));
    assert_eq!((proof.factor(), proof.channel()), (Some(app.factor), None));
    assert_eq!((proof.epoch(), proof.at()), (Some(7), at));
    assert_eq!(proof.sign_in(), Some(&sign_in));
    let operation = [("pay", "100"), ("to", "DE02")];
    let operation = operation.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(proof.operation(), operation);
    let again = world.proofs.resume(&handle, &holder).await;
    assert_eq!(reason(again), Reason::Spent);
}

/// Of many that take up one parked proof at once, one does.
pub async fn parked_proof_is_resumed_by_one_of_16(place: Place) {
    let world = Arc::new(World::new(place).await);
    let app = world.confirmed(&alice(), None).await;
    for _ in 0..20 {
        let proof = world.proof(&alice(), &app).await;
        let owner = alice();
        let holder = Holder::new(&owner, "s");
        let handle = world.proofs.park(proof, &holder).await.unwrap();
        let handle = Arc::new(handle);
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (world, handle) = (Arc::clone(&world), Arc::clone(&handle));
            let barrier = Arc::clone(&barrier);
            tasks.spawn(async move {
                barrier.wait().await;
                let owner = alice();
                let holder = Holder::new(&owner, "s");
                world.proofs.resume(&handle, &holder).await.is_ok()
            });
        }
        let won = tasks.join_all().await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    }
}

/// A proof grows no younger by being parked, and one that was given for an operation is no fresh evidence.
pub async fn parked_proof_grows_no_younger(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let holder = Holder::new(&alice, "s");
    let mut proof = world.proof(&alice, &app).await;
    for _ in 0..3 {
        assert!(world.fresh(&alice, &proof).await.is_ok());
        let handle = world.proofs.park(proof, &holder).await.unwrap();
        world.pass(TimeDelta::minutes(3));
        proof = world.proofs.resume(&handle, &holder).await.unwrap();
    }
    world.pass(TimeDelta::minutes(1));
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
    world.pass(TimeDelta::seconds(30));
    let pay = [("pay", "100")];
    let attempt = Attempt::new(&alice, "totp").operation(&pay);
    let typed = world.code(&app);
    let proof = world
        .engine
        .verify(&attempt, &Response::typed(&typed))
        .await;
    let proof = proof.unwrap();
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
}

/// A thousand polls of a waiting prompt cost nothing and are no event; then the approval proves, once.
pub async fn prompt_that_waits_costs_nothing(place: Place) {
    let world = World::new(place).await;
    let log = crate::Log::default();
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&world.store))
        .policy(&PROMPT)
        .clock(Arc::clone(&world.clock) as Arc<_>)
        .events(Arc::new(log.clone()));
    let tokens = tokens.build().unwrap().shared();
    let descriptor = twofa_providers::Descriptor::new(
        Kind::RequestToken,
        "prompt",
        "Prompt",
        "",
        Odds::NOT_GUESSED,
    );
    let told = Told::new(
        descriptor.requested(&PROMPT).of_subject(),
        |_, _| unreachable!(),
    );
    let told = told.parking(PROMPT, |ends, _| Ok(ends));
    let engine = TwoFactor::builder(Arc::clone(&tokens), Arc::clone(&world.store) as Arc<_>)
        .provider(told)
        .build()
        .unwrap();
    let owner = alice();
    let attempt = Attempt::new(&owner, "prompt");
    let asked = engine.request(&attempt).await.unwrap();
    let Some(Show::Number(number)) = asked.show else {
        panic!("no number");
    };
    let attempt = attempt.handle(asked.handle.as_ref().unwrap());
    log.drain();
    for _ in 0..place.often(1_000, 100) {
        let polled = engine.verify(&attempt, &Response::nothing()).await;
        let Err(error @ TwoFactorError::Pending) = polled else {
            panic!("{polled:?}");
        };
        assert_eq!(error.answer(), Answer::Conflict);
    }
    assert!(log.drain().is_empty());
    let listed = tokens.list(&PROMPT, &owner).await.unwrap();
    assert_eq!(listed[0].stored().state, State::Waiting);
    let verdict = Verdict::Approve {
        number: Some(number),
    };
    let decided = tokens
        .decide(&PROMPT, listed[0].id(), &owner, verdict, b"")
        .await;
    decided.unwrap();
    assert!(engine.verify(&attempt, &Response::nothing()).await.is_ok());
    let again = engine.verify(&attempt, &Response::nothing()).await;
    assert_eq!(reason(again), Reason::Spent);
}

/// A made-up handle, and one of somebody else, cost the subject nothing: with ten tries, a thousand later the
/// owner's code is good.
pub async fn unknown_and_foreign_handles_cost_nothing(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let factor = world.confirmed_email(&alice, "a@example.org", None).await;
    let of_bob = world.confirmed_email(&bob, "b@example.org", None).await;
    let own = Attempt::new(&alice, "email").factor(factor);
    let asked = world.engine.request(&own).await.unwrap();
    let (handle, code) = (asked.handle.unwrap(), world.sent());
    let theirs = Attempt::new(&bob, "email").factor(of_bob);
    let foreign = world.engine.request(&theirs).await.unwrap().handle.unwrap();
    // More than the allowance has.
    for made_up in 0..place.often(500, 60) {
        let made_up = Handle::parse(&format!("{made_up:064x}")).unwrap();
        for handle in [&made_up, &foreign] {
            let attempt = own.handle(handle);
            let tried = world.engine.verify(&attempt, &Response::typed(&code)).await;
            assert_eq!(reason(tried), Reason::Unknown);
        }
    }
    let verified = world
        .engine
        .verify(&own.handle(&handle), &Response::typed(&code))
        .await;
    assert!(verified.is_ok());
}

/// Where several factors could be meant, nothing is sent to whichever comes first.
pub async fn request_without_a_name_refuses_to_choose(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let first = world.confirmed_email(&alice, "a@example.org", None).await;
    let attempt = Attempt::new(&alice, "email");
    let asked = world.engine.request(&attempt).await.unwrap();
    let attempt_of_it = attempt.handle(asked.handle.as_ref().unwrap());
    let typed = world.sent();
    let proof = world
        .engine
        .verify(&attempt_of_it, &Response::typed(&typed))
        .await;
    let proof = proof.unwrap();
    let second = world
        .confirmed_email(&alice, "b@example.org", Some(&proof))
        .await;
    let sent = world.outbox.messages().len();
    let refused = world.engine.request(&attempt).await.unwrap_err();
    assert!(matches!(refused, TwoFactorError::FactorUnnamed));
    assert_eq!(refused.answer(), Answer::Conflict);
    assert_eq!(world.outbox.messages().len(), sent);
    for factor in [first, second] {
        assert!(world.engine.request(&attempt.factor(factor)).await.is_ok());
    }
}

/// An imported secret verifies from the code after the last that the other system accepted; importing again
/// changes nothing, also after its owner removed it.
pub async fn import_verifies_and_a_rerun_changes_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let secret = Secret::from_bytes(&[7; 20]).unwrap();
    let totp = Totp::default();
    let now = u64::try_from(world.clock.now().timestamp()).unwrap();
    let import = Import::new(&alice, "row 17", "phone", Existing::Totp(&totp, &secret));
    let import = import.last(now / 30);
    let Imported::New(factor) = world.engine.import("totp", &import).await.unwrap() else {
        panic!("it was there");
    };
    let code = |now| totp.generate(&secret, now).expose_secret().to_owned();
    assert_eq!(
        reason(world.verify(&alice, &code(now)).await),
        Reason::Spent
    );
    world.pass(TimeDelta::seconds(30));
    let proof = world.verify(&alice, &code(now + 30)).await.unwrap();
    assert_eq!(proof.factor(), Some(factor));
    let before = world.store.factors(&alice).await.unwrap();
    let again = world.engine.import("totp", &import).await.unwrap();
    assert_eq!(again, Imported::There(factor));
    assert!(world.store.factors(&alice).await.unwrap() == before);
    world.remove_last_too(&proof, &factor).await.unwrap();
    let again = world.engine.import("totp", &import).await.unwrap();
    assert_eq!(again, Imported::There(factor));
    assert!(world.engine.factors(&alice).await.unwrap().is_empty());
    // Another name is another factor, and another subject's of the same name too.
    let bob = subject("acme", "bob");
    for (owner, name) in [(&alice, "row 18"), (&bob, "row 17")] {
        let import = Import::new(owner, name, "phone", Existing::Totp(&totp, &secret));
        let imported = world.engine.import("totp", &import).await.unwrap();
        assert!(matches!(imported, Imported::New(id) if id != factor));
    }
}

/// One that its owner never proved waits for its confirmation; and what no provider verifies is refused.
pub async fn import_of_what_was_not_confirmed_waits(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let secret = Secret::from_bytes(&[7; 20]).unwrap();
    let totp = Totp::default();
    let import = Import::new(&alice, "1", "phone", Existing::Totp(&totp, &secret)).unconfirmed();
    let imported = world.engine.import("totp", &import).await.unwrap();
    let Imported::New(factor) = imported else {
        panic!("it was there");
    };
    let seen = world.engine.factors(&alice).await.unwrap();
    assert_eq!(seen[0].state, FactorState::Pending);
    let now = u64::try_from(world.clock.now().timestamp()).unwrap();
    let typed = totp.generate(&secret, now);
    let typed = Response::typed(typed.expose_secret());
    let attempt = Attempt::new(&alice, "totp").factor(factor);
    assert!(world.engine.confirm(&attempt, &typed).await.is_ok());
    let bytes = Import::new(&alice, "2", "phone", Existing::Bytes(b"?"));
    for provider in ["totp", "email"] {
        let refused = world.engine.import(provider, &bytes).await;
        assert!(matches!(refused, Err(TwoFactorError::Misuse(_))));
    }
}

/// A token with a button: skipped codes are found, a code counts once, and two in a row bring it back.
pub async fn hotp_skips_and_comes_back_by_two_codes(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let hotp = Hotp::default();
    let factors = Arc::clone(&world.store) as Arc<_>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(HotpProvider::new(hotp))
        .build()
        .unwrap();
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let import = Import::new(&alice, "1", "token", Existing::Hotp(&hotp, &secret)).last(4);
    engine.import("hotp", &import).await.unwrap();
    let attempt = Attempt::new(&alice, "hotp");
    let code = |counter| hotp.generate(&secret, counter).expose_secret().to_owned();
    let one = async |counter| {
        let typed = code(counter);
        engine.verify(&attempt, &Response::typed(&typed)).await
    };
    assert!(one(4).await.is_err());
    assert!(one(6).await.is_ok());
    assert!(one(6).await.is_err());
    assert!(one(20).await.is_err());
    let (first, second) = (code(40), code(41));
    let swapped = [second.as_str(), first.as_str()];
    assert!(
        engine
            .verify(&attempt, &Response::codes(&swapped))
            .await
            .is_err()
    );
    let pair = [first.as_str(), second.as_str()];
    assert!(
        engine
            .verify(&attempt, &Response::codes(&pair))
            .await
            .is_ok()
    );
    assert!(
        engine
            .verify(&attempt, &Response::codes(&pair))
            .await
            .is_err()
    );
    assert!(one(42).await.is_ok());
    let three = ["000000"; 3];
    let three = engine.verify(&attempt, &Response::codes(&three)).await;
    assert_eq!(reason(three), Reason::Malformed);
}

/// A token that was taken over with fewer digits than the guess budget is computed with now proves nothing.
pub async fn hotp_of_fewer_digits_proves_nothing_later(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let engine = |hotp| {
        let factors = Arc::clone(&world.store) as Arc<_>;
        TwoFactor::builder(Arc::clone(&world.tokens), factors)
            .provider(HotpProvider::new(hotp))
            .build()
            .unwrap()
    };
    let six = Hotp::default();
    let eight = Hotp {
        digits: Digits::Eight,
        ..six
    };
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let import = Import::new(&alice, "1", "token", Existing::Hotp(&six, &secret)).last(4);
    engine(six).import("hotp", &import).await.unwrap();
    let attempt = Attempt::new(&alice, "hotp");
    let code = six.generate(&secret, 6).expose_secret().to_owned();
    let later = engine(eight)
        .verify(&attempt, &Response::typed(&code))
        .await;
    assert!(is_outage(&later));
    let now = engine(six).verify(&attempt, &Response::typed(&code)).await;
    assert!(now.is_ok());
}

/// The issuer that an authenticator shows can be the tenant's.
pub async fn enrolment_shows_the_issuer_of_the_tenant(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    for (issuer, shown) in [(None, "Example"), (Some("Acme"), "Acme")] {
        let details = EnrolDetails::new(&alice, "alice");
        let details = issuer.map_or(details, |issuer| details.issuer(issuer));
        let enrolled = world.engine.enrol("totp", &details, "phone", None).await;
        let provisioning = enrolled.unwrap().provisioning.unwrap();
        let uri = provisioning.uri.expose_secret();
        assert!(uri.starts_with(&format!("otpauth://totp/{shown}:alice")));
    }
}

/// A reset takes off all that proves, tells the owner's events why, and the account can begin anew.
pub async fn operator_resets_an_account_whole(place: Place) {
    let told = Telling::new(place, &[]).await;
    let (world, alice, mine) = (&told.world, alice(), sign_in("mine"));
    let app = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &app).await;
    let _ = world
        .confirmed_email(&alice, "a@example.org", Some(&proof))
        .await;
    let sheet = world.codes(&proof).await;
    let _ = world.enrol(&alice, Some(&proof)).await;
    let _ = world.remember(&proof, "laptop").await.unwrap();
    let _ = world.trust(&proof, &mine, "laptop").await.unwrap();
    world.log.drain();
    let operator = Operator::new(&world.engine);
    let reset = operator.reset(&alice, ResetReason::Lost).await.unwrap();
    let expected = Reset {
        factors: 3,
        recovery_codes: 10,
        devices: 1,
        trusted_devices: 1,
    };
    assert_eq!(reset, expected);
    assert!(
        world
            .log
            .whats()
            .contains(&"account.reset lost 3".to_owned())
    );
    assert!(world.engine.factors(&alice).await.unwrap().is_empty());
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    assert_eq!(
        reason(world.recover(&alice, &sheet[0]).await),
        Reason::Revoked
    );
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
    let _ = world.confirmed(&alice, None).await;
    let again = operator.reset(&alice, ResetReason::Closed).await.unwrap();
    assert_eq!(again.factors, 1);
}

/// A reset clears whatever was counted for the account, so that nobody who knew the password keeps the owner out of
/// what they enrol next.
pub async fn reset_clears_every_limit_of_the_account(place: Place) {
    let told = Telling::new(place, &["alice@example.net"]).await;
    let (world, owner) = (&told.world, alice());
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = world.remember(&proof, "laptop").await.unwrap();
    let token = device.token.expose_secret();
    let _ = world
        .confirmed_email(&owner, "a@example.org", Some(&proof))
        .await;
    let wrong_code = world.wrong_code(&[&app]);
    let typed = Response::typed(&wrong_code);
    let (by_app, by_mail) = (Attempt::new(&owner, "totp"), Attempt::new(&owner, "email"));
    for attempt in [by_app, by_app.known_device(token)] {
        while !is_throttled(&world.engine.verify(&attempt, &typed).await) {}
    }
    for attempt in [by_mail, by_mail.known_device(token)] {
        while world.engine.request(&attempt).await.is_ok() {}
    }
    while !is_throttled(&world.try_enrol(&owner, "x", Some(&proof)).await) {}

    let binding = Binding::subject(&owner);
    let day = Limit::pace(1, TimeDelta::days(1));
    let engine = |name, limit| Charge {
        key: LimitKey::new(LimitScope::Engine, name, &binding),
        limit,
    };
    let allowance = world.tokens.allowance_of(&binding).unwrap();
    let counted = [
        engine("pace", day),
        engine("known devices", day),
        engine("requests", day),
        engine("requests of known devices", day),
        engine("enrolments", day),
        engine("notice of failures", day),
        engine("failures", Limit::ceiling(1)),
        Charge {
            limit: day,
            ..allowance
        },
    ];
    let now = world.clock.now();
    for charge in counted {
        let spent = world.store.spend(&[charge], now).await.unwrap();
        assert_ne!(spent, Spent::Allowed, "{charge:?} was not spent");
    }
    let operator = Operator::new(&world.engine);
    operator.reset(&owner, ResetReason::Lost).await.unwrap();
    for charge in counted {
        let spent = world.store.spend(&[charge], now).await.unwrap();
        assert_eq!(spent, Spent::Allowed, "{charge:?}");
    }
}

/// A limit that a wrong clock left ahead is an outage with an event; an operator clears it, and no other.
pub async fn operator_clears_limits_that_are_ahead(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let wrong_code = world.wrong_code(&[&app]);
    world.pass(TimeDelta::days(3_650));
    let _ = world.verify(&alice, &wrong_code).await;
    world.pass(-TimeDelta::days(3_650));
    world.pass(TimeDelta::seconds(30));
    let verified = world.verify(&alice, &world.code(&app)).await;
    assert!(matches!(verified, Err(TwoFactorError::Unavailable(_))));
    assert!(world.log.whats().contains(&"limit.ahead".to_owned()));
    let operator = Operator::new(&world.engine);
    assert_eq!(operator.clear_ahead(&alice).await.unwrap(), 2);
    assert!(world.verify(&alice, &world.code(&app)).await.is_ok());
    assert_eq!(operator.clear_ahead(&alice).await.unwrap(), 0);
}

/// A proof by a recovery code names no factor: it is fresh evidence of its own subject alone.
pub async fn recovery_proof_is_evidence_of_its_own_subject(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let _ = world.confirmed(&alice, None).await;
    let app = world.confirmed(&bob, None).await;
    let proof = world.proof(&bob, &app).await;
    let sheet = world.codes(&proof).await;
    let proof = world.recover(&bob, &sheet[0]).await.unwrap();
    assert!(world.fresh(&bob, &proof).await.is_ok());
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
}

/// A proof by a recovery code ends with a reset, also for an application that has no epochs and no sign-ins, and it is
/// none for what is set up afterwards.
pub async fn recovery_proof_ends_with_a_reset(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    let sheet = world.codes(&proof).await;
    let by_code = world.recover(&alice, &sheet[0]).await.unwrap();
    // It does what it is for: a new phone takes the place of the lost one.
    world.pass(TimeDelta::seconds(1));
    let newer = world.confirmed(&alice, Some(&by_code)).await;
    world.remove(&by_code, &app.factor).await.unwrap();
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
    let later = world.proof(&alice, &newer).await;
    assert!(world.fresh(&alice, &later).await.is_ok());
    let by_code = world.recover(&alice, &sheet[1]).await.unwrap();
    assert!(world.fresh(&alice, &by_code).await.is_ok());
    world.pass(TimeDelta::seconds(1));
    let operator = Operator::new(&world.engine);
    operator.reset(&alice, ResetReason::Lost).await.unwrap();
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
    let _ = world.confirmed(&alice, None).await;
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
}

/// A policy that is called as the engine's limits are touches none of them.
pub async fn policy_of_the_engines_name_touches_no_key_of_it(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let policy = Policy::code(Purpose::new("second-factor")).spending_allowance(false);
    let keys = KeyRing::generate().unwrap();
    let tokens = Tokens::builder_shared(keys, Arc::clone(&world.store))
        .policy(&policy)
        .accepting_guess_bound(u64::MAX)
        .clock(Arc::clone(&world.clock) as Arc<_>);
    let tokens = tokens.build().unwrap();
    let binding = Binding::subject(&alice);
    for _ in 0..2 {
        let issued = tokens.issue(&policy, &binding).await.unwrap();
        let typed = wrong(issued.token.expose_secret());
        for _ in 0..5 {
            let _ = tokens
                .redeem(&policy, &issued.handle, &binding, &typed)
                .await;
        }
    }
    // Its pace is used up, and the engine has all ten tries.
    let mut tries = 0;
    while !crate::world::is_throttled(&world.verify(&alice, &world.wrong_code(&[&app])).await) {
        tries += 1;
    }
    assert_eq!(tries, 10);
    let pace = LimitKey::new(LimitScope::Engine, "pace", &binding);
    let charge = Charge {
        key: pace,
        limit: Limit::PACE,
    };
    let spent = world
        .store
        .spend(&[charge], world.clock.now())
        .await
        .unwrap();
    assert!(!matches!(
        spent,
        twofa_providers::token_store::Spent::Allowed
    ));
}
