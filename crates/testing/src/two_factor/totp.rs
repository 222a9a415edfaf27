//! The codes of an authenticator app: each is accepted once.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, EnrolDetails, Limits, Response,
    token_store::{
        FactorId, FactorState, FactorStore as _,
        ott_core::{Limit, Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    world::{Plan, World, is_outage, reason},
};

/// The code of a phone whose clock is ahead is refused with that reason, and is worth nothing afterwards: not at once
/// again, and not in its own time. The next one is right. At a confirmation it is told too.
pub async fn app_clock_that_is_ahead_is_told(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.enrol(&alice, None).await;
    let ahead = |seconds| {
        world.pass(TimeDelta::seconds(seconds));
        let code = world.code(&app);
        world.pass(TimeDelta::seconds(-seconds));
        code
    };
    let early = world.confirm(&alice, &app, &ahead(30)).await;
    assert_eq!(reason(early), Reason::Ahead);
    let right = world.code(&app);
    assert!(world.confirm(&alice, &app, &right).await.is_ok());

    let (next, second) = (ahead(30), ahead(60));
    assert_eq!(
        reason(world.verify(&alice, &second).await),
        Reason::Mismatch
    );
    assert_eq!(reason(world.verify(&alice, &next).await), Reason::Ahead);
    assert_eq!(reason(world.verify(&alice, &next).await), Reason::Spent);
    world.pass(TimeDelta::seconds(30));
    assert_eq!(reason(world.verify(&alice, &next).await), Reason::Spent);
    world.pass(TimeDelta::seconds(30));
    assert!(world.verify(&alice, &second).await.is_ok());
}

/// Beside another app too, whichever was enrolled first: the other one's refusal says less.
pub async fn code_ahead_is_told_beside_another_app(place: Place) {
    for ahead in [0, 1] {
        let (world, alice) = (World::new(place).await, alice());
        let phone = world.confirmed(&alice, None).await;
        let tablet = world.confirmed_beside(&alice).await;
        world.pass(TimeDelta::seconds(90));
        let early = world.code([&phone, &tablet][ahead]);
        world.pass(TimeDelta::seconds(-30));
        assert_eq!(reason(world.verify(&alice, &early).await), Reason::Ahead);
    }
}

/// A code is accepted once, and the confirming one is burnt.
pub async fn app_code_is_accepted_once(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.enrol(&alice, None).await;
    assert!(app_uri_is_shown_once(&world, &alice).await);
    let code = world.code(&app);
    let confirmed = world.confirm(&alice, &app, &code).await.unwrap();
    assert_eq!(
        (confirmed.subject(), confirmed.factor()),
        (&alice, Some(app.factor))
    );
    assert_eq!(reason(world.verify(&alice, &code).await), Reason::Spent);
    // The step before is refused too: the counter only goes forward.
    let before = world.code_ago(&app, 30);
    assert_eq!(reason(world.verify(&alice, &before).await), Reason::Spent);

    world.pass(TimeDelta::seconds(30));
    let next = world.code(&app);
    let verified = world.verify(&alice, &next).await.unwrap();
    assert_eq!(
        (verified.subject(), verified.at()),
        (&alice, world.tokens.now())
    );
    assert_eq!((verified.provider(), verified.channel()), ("totp", None));
    assert_eq!(reason(world.verify(&alice, &next).await), Reason::Spent);
}

/// Enrols once more, and looks at what is shown.
async fn app_uri_is_shown_once(world: &World, owner: &Subject) -> bool {
    let enrolled = world
        .try_enrol(owner, "tablet", None)
        .await
        .expect("enrolled");
    let shown = enrolled.provisioning.expect("enrolled");
    let uri = shown.uri.expose_secret();
    uri.starts_with("otpauth://totp/Example:") && uri.contains(shown.base32.expose_secret())
}

/// A spent code is refused in every spelling.
pub async fn spent_code_is_refused_in_every_spelling(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let (front, back) = code.split_at(3);
    assert!(
        world
            .verify(&alice, &format!(" {front} {back} "))
            .await
            .is_ok()
    );
    for typed in [
        &code,
        &format!("{front} {back}"),
        &format!("{front}-{back}"),
    ] {
        assert_eq!(
            reason(world.verify(&alice, typed).await),
            Reason::Spent,
            "{typed}"
        );
    }
    let shifted = |zero: u32| -> String {
        let digits = code.chars().map(|digit| digit.to_digit(10).unwrap());
        digits
            .map(|digit| char::from_u32(zero + digit).unwrap())
            .collect()
    };
    for typed in [
        shifted(0xff10),
        shifted(0x0660),
        format!("{code}\r\n"),
        format!("{front}\u{a0}\u{2013}\u{200b}{back}"),
    ] {
        // Paid like every guess, and the same code as before.
        assert_eq!(reason(world.verify(&alice, &typed).await), Reason::Spent);
    }
    let others = [
        shifted(0x2460),
        format!("+{code}"),
        format!("{code}\0"),
        format!("0{code}"),
        format!("{front}_{back}"),
        code.repeat(100_000),
        String::new(),
    ];
    for typed in &others {
        let start: String = typed.chars().take(12).collect();
        assert_eq!(
            reason(world.verify(&alice, typed).await),
            Reason::Malformed,
            "{start:?}"
        );
    }
}

/// The code of the step before is accepted once, and older ones never.
pub async fn code_of_the_step_before_is_accepted_once(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(120));
    assert_eq!(
        reason(world.verify(&alice, &world.code_ago(&app, 60)).await),
        Reason::Mismatch
    );
    let trailing = world.code_ago(&app, 30);
    assert!(world.verify(&alice, &trailing).await.is_ok());
    assert_eq!(reason(world.verify(&alice, &trailing).await), Reason::Spent);
    // It did not burn the present one.
    assert!(world.verify(&alice, &world.code(&app)).await.is_ok());
    assert_eq!(reason(world.verify(&alice, &trailing).await), Reason::Spent);
}

/// Of 64 at once with one code, one is verified.
pub async fn codes_at_once_have_one_winner(place: Place) {
    let world = Arc::new(
        World::planned(
            place,
            &Plan {
                // The limits refuse nobody here: the counter alone decides.
                limits: Limits {
                    pace: Limit::pace(10_000, TimeDelta::minutes(6)),
                    // Who loses after the winner cleared the ceiling is counted until the next winner.
                    ceiling: Limit::ceiling(10_000),
                    ..Limits::default()
                },
                allowance: Some(Limit::allowance(90, TimeDelta::days(1))),
                ..Plan::default()
            },
        )
        .await,
    );
    let app = world.confirmed(&alice(), None).await;
    for round in 0..place.often(30, 3) {
        world.pass(TimeDelta::days(70));
        let code = world.code(&app);
        let barrier = Arc::new(Barrier::new(64));
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let (world, code, barrier) = (world.clone(), code.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world.verify(&alice(), &code).await
            });
        }
        let told = tasks.join_all().await;
        let won = told.iter().filter(|told| told.is_ok()).count();
        assert_eq!(won, 1, "round {round}: {told:?}");
    }
}

/// Each of several authenticators proves, and only its own codes burn.
pub async fn authenticators_burn_their_own_codes(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let phone = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &phone).await;
    let tablet = world.confirmed(&alice, Some(&proof)).await;
    world.pass(TimeDelta::seconds(30));
    for app in [&phone, &tablet] {
        let verified = world.verify(&alice, &world.code(app)).await.unwrap();
        assert_eq!(verified.factor(), Some(app.factor));
    }
    for app in [&phone, &tablet] {
        assert!(matches!(
            reason(world.verify(&alice, &world.code(app)).await),
            Reason::Spent | Reason::Mismatch
        ));
    }
    // A code of the one is no code of the other.
    world.pass(TimeDelta::seconds(30));
    let attempt = Attempt::new(&alice, "totp").factor(tablet.factor);
    let code = world.code(&phone);
    let verified = world.engine.verify(&attempt, &Response::typed(&code)).await;
    assert_eq!(reason(verified), Reason::Mismatch);
}

/// A secret rests sealed to its own row.
pub async fn secret_rests_sealed_to_its_own_row(place: Place) {
    let world = World::new(place).await;
    let (alice, bob) = (alice(), subject("acme", "bob"));
    let enrolled = world.try_enrol(&alice, "phone", None).await.unwrap();
    let shown = enrolled.provisioning.unwrap();
    let secret = twofa_providers::oath_otp::Secret::from_base32(shown.base32.expose_secret());
    let secret = secret.unwrap();
    let row = world.store.factors(&alice).await.unwrap().remove(0);
    let raw = secret.expose_secret();
    assert!(!row.sealed.windows(raw.len()).any(|window| window == raw));
    // Moved to another person it opens for nobody: an outage, told, and not "no such factor".
    let mut moved = row;
    moved.subject = bob.clone();
    moved.id = FactorId::from_bytes([7; 16]);
    moved.state = FactorState::Active;
    assert!(world.store.insert_factor(&moved).await.unwrap());
    world.log.drain();
    assert!(is_outage(&world.verify(&bob, "123456").await));
    assert_eq!(world.log.whats(), ["factor.refused TagForged"]);
    // A list opens no seal, so that one that is broken hides no other.
    assert_eq!(world.engine.offered(&bob).await.unwrap().len(), 1);
    let own = world.confirmed_beside(&bob).await;
    world.pass(TimeDelta::seconds(30));
    assert!(world.verify(&bob, &world.code(&own)).await.is_ok());
    assert!(is_outage(
        &world.verify(&bob, &world.wrong_code(&[&own])).await
    ));
}

/// Every step of a factor is an event.
pub async fn factor_tells_every_step(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.enrol(&alice, None).await;
    let id = app.factor;
    let _ = world
        .confirm(&alice, &app, &world.wrong_code(&[&app]))
        .await
        .unwrap_err();
    let _ = world
        .confirm(&alice, &app, &world.code(&app))
        .await
        .unwrap();
    let proof = world.proof(&alice, &app).await;
    world.rename(&proof, &id, "tablet").await.unwrap();
    let events = world.log.drain();
    assert!(
        events
            .iter()
            .all(|event| event.subject.as_ref() == Some(&alice))
    );
    assert!(events.iter().all(|event| event.factor == Some(id)));
    let whats: Vec<_> = events.iter().map(crate::words).collect();
    assert_eq!(
        whats,
        [
            "factor.enrolled",
            "factor.refused Mismatch",
            "factor.confirmed",
            "factor.verified",
            "factor.renamed",
        ]
    );
}

/// Whatever a form names is refused, and never a mistake of the program.
pub async fn form_content_is_never_misuse(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    for id in ["", "sms", "TOTP", "totp\0"] {
        let attempt = Attempt::new(&alice, id);
        let verified = world
            .engine
            .verify(&attempt, &Response::typed("123456"))
            .await;
        assert_eq!(reason(verified), Reason::Unknown);
        assert_eq!(
            reason(world.engine.request(&attempt).await),
            Reason::Unknown
        );
        let details = EnrolDetails::new(&alice, "alice");
        let enrolled = world.enrol_with(id, &details, "phone", Some(&proof)).await;
        assert_eq!(reason(enrolled), Reason::Unknown);
    }
    // An authenticator app is never asked for a code, and asking costs nothing.
    world.store.asked();
    let requested = world.engine.request(&Attempt::new(&alice, "totp")).await;
    assert_eq!(reason(requested), Reason::Unknown);
    assert!(world.store.asked().is_empty());
    // A factor that nobody has is nothing to guess at, and costs nothing.
    let nobody = Attempt::new(&alice, "totp").factor(FactorId::from_bytes([9; 16]));
    let verified = world
        .engine
        .verify(&nobody, &Response::typed("123456"))
        .await;
    assert_eq!(reason(verified), Reason::Unknown);
    let reads = ["factors", "look"][usize::from(world.store.charges())];
    assert_eq!(world.store.asked(), [reads]);
}
