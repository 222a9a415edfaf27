//! Prompts: the person decides on another device.

use twofa_providers::{
    Approver, Attempt, PromptStatus, Response, SignInId, TwoFactorError,
    token_store::ott_core::{Reason, chrono::TimeDelta},
};

use crate::{
    Place, alice,
    asking::{PROMPT, SIX_DIGITS, TAP},
    subject,
    world::{World, reason},
};

/// The waiting side polls, the device approves with the number, and the approval proves once.
pub async fn approval_proves_once(place: Place) {
    for policy in [PROMPT, SIX_DIGITS, TAP] {
        let (world, alice) = (World::asking_under(place, policy).await, alice());
        let phone = world.device(&alice, "phone", None).await;
        let waiting = world.ask(&alice, phone).await;
        let status = async || world.status(&alice, &waiting).await;
        assert_eq!(status().await, Some(PromptStatus::Waiting));
        let early = world.go_on(&alice, phone, &waiting).await;
        assert!(matches!(early, Err(TwoFactorError::Pending)), "{early:?}");
        let approved = world.approve(&alice, &waiting).await;
        assert_eq!(approved.unwrap(), PromptStatus::Approved);
        assert_eq!(status().await, Some(PromptStatus::Approved));
        let proof = world.go_on(&alice, phone, &waiting).await.unwrap();
        assert_eq!((proof.subject(), proof.factor()), (&alice, Some(phone)));
        assert_eq!(status().await, Some(PromptStatus::Over));
        let again = world.go_on(&alice, phone, &waiting).await;
        assert_eq!(reason(again), Reason::Spent);
    }
}

/// The device shows what is asked, by which client, from where and when, and how many digits to type.
pub async fn prompt_says_what_is_asked(place: Place) {
    for (policy, digits) in [(PROMPT, 2), (SIX_DIGITS, 6), (TAP, 0)] {
        let (world, alice) = (World::asking_under(place, policy).await, alice());
        let phone = world.device(&alice, "phone", None).await;
        let asked_at = world.tokens.now();
        let operation = [("pay", "12.50"), ("to", "Zoë")];
        let attempt = Attempt::new(&alice, "prompt")
            .factor(phone)
            .operation(&operation)
            .network("203.0.113.7".parse().unwrap())
            .origin("Firefox on Linux");
        let waiting = world.try_ask(&attempt, &alice).await.unwrap();
        let seen = world.seen(&alice, &waiting).await;
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        assert_eq!(seen.operation, operation.map(own));
        assert_eq!(seen.origin, "Firefox on Linux");
        assert_eq!(seen.network, "203.0.113.7".parse().ok());
        assert_eq!(seen.asked_at, asked_at);
        assert_eq!(seen.expires_at, Some(asked_at + TimeDelta::minutes(10)));
        assert_eq!((seen.device, seen.confirms), (Some(phone), false));
        assert_eq!((seen.digits, seen.status), (digits, PromptStatus::Waiting));
        assert_eq!(world.prompts().pending(&alice).await.unwrap(), [seen]);
        let stranger = subject("acme", "mallory");
        assert_eq!(world.prompts().pending(&stranger).await.unwrap(), []);
        let look = world.prompts().look(&stranger, &waiting.id).await;
        assert_eq!(look.unwrap(), None);
    }
}

/// The number is neither in what wakes the device, nor in what it is shown, nor in any answer to it; nor is the
/// handle.
pub async fn number_reaches_no_device(place: Place) {
    let (world, alice) = (World::asking_under(place, SIX_DIGITS).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let sent = world.outbox.last().unwrap();
    assert_eq!(sent.waiting(), Some(&waiting.id));
    assert_eq!(sent.destination().address(), "phone");
    assert_eq!((sent.expose_token(), sent.expose_text()), ("", None));
    let before = world.seen(&alice, &waiting).await;
    let denied = Approver::new(&alice).device(phone);
    let denied = world
        .prompts()
        .approve(&denied, &waiting.id, waiting.wrong())
        .await;
    let after = world.seen(&alice, &waiting).await;
    let number = waiting.number.unwrap().to_string();
    let handle = waiting.handle.expose_secret();
    let mut shown = vec![format!("{denied:?} {sent:?}")];
    for seen in [before, after] {
        shown.push(format!(
            "{} {:?} {:?}",
            seen.origin, seen.operation, seen.network
        ));
        shown.push(format!("{seen:?} {:?} {:?}", seen.digits, seen.status));
    }
    // Nothing of what was asked says it either.
    let events = world.log.drain();
    shown.push(format!("{events:?} {waiting:?}").replace(&format!("number: Some({number})"), ""));
    for text in shown {
        // Six digits stand in an id by chance.
        let text = text
            .replace(&waiting.id.to_string(), "")
            .replace(&phone.to_string(), "");
        assert!(!text.contains(&number), "{text}");
        assert!(!text.contains(&*handle), "{text}");
    }
}

/// A wrong number denies, and so does none where there is one. The right one comes too late then.
pub async fn wrong_number_denies(place: Place) {
    for policy in [PROMPT, SIX_DIGITS] {
        for missing in [false, true] {
            let (world, alice) = (World::asking_under(place, policy).await, alice());
            let phone = world.device(&alice, "phone", None).await;
            let waiting = world.ask(&alice, phone).await;
            let typed = if missing { None } else { waiting.wrong() };
            let by = Approver::new(&alice).device(phone);
            let denied = world.prompts().approve(&by, &waiting.id, typed).await;
            assert_eq!(denied.unwrap(), PromptStatus::Denied);
            assert_eq!(
                reason(world.approve(&alice, &waiting).await),
                Reason::Denied
            );
            let status = world.status(&alice, &waiting).await;
            assert_eq!(status, Some(PromptStatus::Denied));
            let proved = world.go_on(&alice, phone, &waiting).await;
            assert_eq!(reason(proved), Reason::Denied);
        }
    }
}

/// An approval is good for its own subject, device, sign-in, operation and epoch.
pub async fn approval_is_bound_in_every_part(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let tablet = world.device(&alice, "tablet", Some(&proof)).await;
    let (this, other) = (SignInId::new("1").unwrap(), SignInId::new("2").unwrap());
    let operation = [("pay", "1")];
    let attempt = Attempt::new(&alice, "prompt")
        .factor(phone)
        .sign_in(&this)
        .operation(&operation)
        .epoch(1);
    let waiting = world.try_ask(&attempt, &alice).await.unwrap();
    let by = Approver::new(&alice).device(phone).sign_in(&other);
    let approved = world.prompts().approve(&by, &waiting.id, waiting.number);
    let _ = approved.await.unwrap();
    let right = attempt.handle(&waiting.handle);
    for wrong in [
        right.factor(tablet),
        right.sign_in(&other),
        right.operation(&[]),
        right.operation(&[("pay", "2")]),
        right.epoch(2),
    ] {
        let proved = world.engine.verify(&wrong, &Response::nothing()).await;
        assert!(
            matches!(reason(proved), Reason::Mismatch | Reason::Unknown),
            "{wrong:?}"
        );
    }
    let proof = world.engine.verify(&right, &Response::nothing()).await;
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    assert_eq!(proof.unwrap().operation(), operation.map(own));
}

/// What confirms a device signs nobody in, and an unconfirmed device counts for nothing.
pub async fn prompt_of_the_other_occasion_is_refused(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.enrol_device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    assert!(world.seen(&alice, &waiting).await.confirms);
    let _ = world.approve(&alice, &waiting).await.unwrap();
    let signed_in = world.go_on(&alice, phone, &waiting).await;
    assert_eq!(reason(signed_in), Reason::Unknown);
    let attempt = Attempt::new(&alice, "prompt").factor(phone);
    let attempt = attempt.handle(&waiting.handle);
    let confirmed = world.engine.confirm(&attempt, &Response::nothing()).await;
    assert!(confirmed.is_ok());
    let again = world.go_on(&alice, phone, &waiting).await;
    assert!(matches!(
        reason(again),
        Reason::Mismatch | Reason::Spent | Reason::DecisionForged
    ));
}

/// A decision at the end comes too late, and an approval in time is good for a minute more.
pub async fn approval_in_time_lives_a_minute(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let (second, life) = (TimeDelta::seconds(1), TimeDelta::minutes(10));
    let late = world.ask(&alice, phone).await;
    world.pass(life);
    assert_eq!(reason(world.approve(&alice, &late).await), Reason::Expired);
    assert_eq!(
        world.status(&alice, &late).await,
        Some(PromptStatus::Expired)
    );
    for (after, good) in [
        (TimeDelta::seconds(59), true),
        (TimeDelta::seconds(60), false),
    ] {
        let waiting = world.ask(&alice, phone).await;
        world.pass(life - second);
        let _ = world.approve(&alice, &waiting).await.unwrap();
        world.pass(second + after);
        let proved = world.go_on(&alice, phone, &waiting).await;
        assert_eq!(proved.is_ok(), good, "{after}");
    }
}

/// Asking again in a flow ends the prompt before, which nobody approves any more.
pub async fn repeated_request_voids_the_one_before(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let first = world.ask(&alice, phone).await;
    let attempt = Attempt::new(&alice, "prompt").factor(phone);
    let again = attempt.handle(&first.handle);
    let second = world.try_ask(&again, &alice).await.unwrap();
    assert_eq!(world.prompts().pending(&alice).await.unwrap().len(), 1);
    assert_eq!(
        reason(world.approve(&alice, &first).await),
        Reason::Superseded
    );
    let _ = world.approve(&alice, &second).await.unwrap();
    assert!(world.go_on(&alice, phone, &first).await.is_err());
    assert!(world.go_on(&alice, phone, &second).await.is_ok());
}

/// What the client is said to be is checked as a label is, before anything is paid and anybody is asked.
pub async fn origin_is_checked_before_anything_is_paid(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let sent = world.outbox.messages().len();
    let attempt = Attempt::new(&alice, "prompt").factor(phone);
    let long = "x".repeat(5_000);
    for origin in [
        "\u{202e}xoferiF",
        "Firefox\nApproved by the bank",
        &long,
        "a\0",
    ] {
        let asked = world.engine.request(&attempt.origin(origin)).await;
        assert!(matches!(asked, Err(TwoFactorError::Label(_))), "{origin:?}");
    }
    assert_eq!(world.outbox.messages().len(), sent);
    for _ in 0..3 {
        let waiting = world.try_ask(&attempt.origin(" Firefox "), &alice).await;
        let seen = world.seen(&alice, &waiting.unwrap()).await;
        assert_eq!(seen.origin, "Firefox");
    }
}

/// A second prompt is no second factor in one sign-in.
pub async fn approved_prompt_counts_once_in_a_sign_in(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let before = [&proof];
    let attempt = Attempt::new(&alice, "prompt").factor(phone).after(&before);
    let asked = world.engine.request(&attempt).await;
    assert_eq!(reason(asked), Reason::Binding);
}
