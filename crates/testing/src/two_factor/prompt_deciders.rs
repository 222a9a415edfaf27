//! Who decides about a prompt: the person, on a device that is asked, and nobody else.

use twofa_providers::{
    Approver, Attempt, PromptStatus, Response, SignInId, TwoFactorError,
    token_store::{
        FactorChange, FactorId, FactorStore, Tokens,
        ott_core::{Policy, Reason, Subject, Verdict, chrono::TimeDelta},
    },
};

use crate::{
    Meanwhile, Place, alice,
    asking::{PROMPT, Waiting},
    subject,
    world::{World, reason},
};

/// Nobody decides about somebody else's prompt, polls it, or takes it up.
pub async fn stranger_decides_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    for stranger in [subject("acme", "mallory"), subject("other", alice.id())] {
        let theirs = world.device(&stranger, "theirs", None).await;
        let by = Approver::new(&stranger);
        for by in [by, by.device(theirs), by.device(phone)] {
            let prompts = world.prompts();
            let approved = prompts.approve(&by, &waiting.id, waiting.number).await;
            assert_eq!(reason(approved), Reason::Stranger);
            assert_eq!(
                reason(prompts.deny(&by, &waiting.id).await),
                Reason::Stranger
            );
            assert_eq!(
                reason(prompts.report(&by, &waiting.id).await),
                Reason::Stranger
            );
        }
        assert_eq!(world.status(&stranger, &waiting).await, None);
        let taken = world.go_on(&stranger, theirs, &waiting).await;
        assert_eq!(reason(taken), Reason::Unknown);
    }
    assert_eq!(
        world.status(&alice, &waiting).await,
        Some(PromptStatus::Waiting)
    );
    let _ = world.approve(&alice, &waiting).await.unwrap();
    assert!(world.go_on(&alice, phone, &waiting).await.is_ok());
}

/// A device that was removed or disabled decides nothing and proves nothing, also where that happened after it
/// approved, and while its approval is redeemed.
pub async fn device_that_goes_meanwhile_proves_nothing(place: Place) {
    for removes in [false, true] {
        for when in ["before", "after", "during"] {
            let (world, alice) = (World::asking(place).await, alice());
            let phone = world.device(&alice, "phone", None).await;
            let proof = world.prompt_proof(&alice, phone).await;
            let tablet = world.device(&alice, "tablet", Some(&proof)).await;
            let waiting = world.ask(&alice, phone).await;
            let goes = async || {
                if removes {
                    let removed = world.remove(&proof, &phone).await;
                    removed.unwrap();
                } else {
                    let disabled = world.store.update(&phone, &FactorChange::Disable).await;
                    assert!(disabled.unwrap());
                }
            };
            if when == "before" {
                goes().await;
                assert_eq!(
                    reason(world.approve(&alice, &waiting).await),
                    Reason::Revoked
                );
            } else {
                let by = Approver::new(&alice).device(phone);
                let approved = world.prompts().approve(&by, &waiting.id, waiting.number);
                let _ = approved.await.unwrap();
            }
            match when {
                "after" => goes().await,
                "during" if removes => world.store.meanwhile(Meanwhile::Removes(phone)),
                "during" => world.store.meanwhile(Meanwhile::Disables(phone)),
                _ => {}
            }
            let proved = world.go_on(&alice, phone, &waiting).await;
            assert!(
                matches!(reason(proved), Reason::Unknown | Reason::Revoked),
                "{when}"
            );
            let _ = world.prompt_proof(&alice, tablet).await;
        }
    }
}

/// Where a request goes to every device, each is woken, the first that decides counts, and the proof names it.
pub async fn devices_are_all_asked_and_one_decides(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let tablet = world.device(&alice, "tablet", Some(&proof)).await;
    let attempt = Attempt::new(&alice, "prompt");
    let unnamed = world.engine.request(&attempt).await;
    assert!(matches!(unnamed, Err(TwoFactorError::FactorUnnamed)));

    let world = world.asking_every_device();
    for (decides, other) in [(phone, tablet), (tablet, phone)] {
        world.pass(TimeDelta::minutes(10));
        let waiting = world.try_ask(&attempt, &alice).await.unwrap();
        let sent = world.outbox.messages();
        let mut woken: Vec<_> = sent[sent.len() - 2..]
            .iter()
            .map(|sent| (sent.destination().address(), sent.waiting()))
            .collect();
        woken.sort_unstable();
        assert_eq!(
            woken,
            [("phone", Some(&waiting.id)), ("tablet", Some(&waiting.id))]
        );
        assert_eq!(world.seen(&alice, &waiting).await.device, None);
        // Nobody knows which of them it is: so it says.
        let unnamed = world.approve(&alice, &waiting).await;
        assert!(matches!(unnamed, Err(TwoFactorError::FactorUnnamed)));
        let go_on = attempt.handle(&waiting.handle);
        let verify = async |attempt: &Attempt<'_>| {
            let proved = world.engine.verify(attempt, &Response::nothing()).await;
            proved.map(|proof| proof.factor())
        };
        assert!(matches!(verify(&go_on).await, Err(TwoFactorError::Pending)));
        let by = |device| Approver::new(&alice).device(device);
        let prompts = world.prompts();
        let deciding = by(decides);
        let approved = prompts.approve(&deciding, &waiting.id, waiting.number);
        assert_eq!(approved.await.unwrap(), PromptStatus::Approved);
        let second = prompts.deny(&by(other), &waiting.id).await;
        assert_eq!(reason(second), Reason::NotWaiting);
        // Named as the other's, it proves nothing.
        assert_eq!(reason(verify(&go_on.factor(other)).await), Reason::Unknown);
        assert_eq!(verify(&go_on).await.unwrap(), Some(decides));
        assert!(verify(&go_on).await.is_err());
    }
}

/// A prompt to one device is decided there, and not on another one of the same person.
pub async fn prompt_belongs_to_its_device(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let tablet = world.device(&alice, "tablet", Some(&proof)).await;
    let waiting = world.ask(&alice, phone).await;
    let by = Approver::new(&alice).device(tablet);
    let approved = world
        .prompts()
        .approve(&by, &waiting.id, waiting.number)
        .await;
    assert_eq!(reason(approved), Reason::Stranger);
    let denied = world.prompts().deny(&by, &waiting.id).await;
    assert_eq!(reason(denied), Reason::Stranger);
    // Nor does a decision count that the tokens took and no device made.
    for data in [Vec::new(), kept(1, waiting.number, tablet, &[])] {
        world.pass(TimeDelta::minutes(15));
        let waiting = world.ask(&alice, phone).await;
        let verdict = Verdict::Approve {
            number: waiting.number,
        };
        decide(&world.tokens, &PROMPT, &alice, &waiting, verdict, &data).await;
        let proved = world.go_on(&alice, phone, &waiting).await;
        assert_eq!(reason(proved), Reason::DecisionForged);
    }
}

/// What a device said, as the record keeps it.
pub(super) fn kept(
    verdict: u8,
    number: Option<u32>,
    device: FactorId,
    signature: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![1, verdict, u8::from(number.is_some())];
    bytes.extend(number.unwrap_or(0).to_be_bytes());
    bytes.extend(device.as_bytes());
    bytes.extend(signature);
    bytes
}

/// A decision that went past the prompts.
pub(super) async fn decide(
    tokens: &Tokens,
    policy: &Policy,
    owner: &Subject,
    waiting: &Waiting,
    verdict: Verdict,
    data: &[u8],
) {
    let decided = tokens
        .decide(policy, &waiting.id, owner, verdict, data)
        .await;
    let _ = decided.unwrap();
}

/// A denial is a denial where no device is named as it is redeemed: nobody is told that it was forged, and neither is an
/// approval on the other device.
pub async fn decision_of_one_device_is_not_forged_for_another(place: Place) {
    use twofa_providers::events::{FACTOR_REFUSED, FACTOR_VERIFIED};
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let tablet = world.device(&alice, "tablet", Some(&proof)).await;
    for device in [phone, tablet] {
        for denies in [false, true] {
            world.pass(TimeDelta::hours(2));
            let waiting = world.ask(&alice, device).await;
            let by = Approver::new(&alice).device(device);
            let (prompts, id) = (world.prompts(), &waiting.id);
            let _ = match denies {
                true => prompts.deny(&by, id).await.unwrap(),
                false => prompts.approve(&by, id, waiting.number).await.unwrap(),
            };
            world.log.drain();
            let attempt = Attempt::new(&alice, "prompt").handle(&waiting.handle);
            let proved = world.engine.verify(&attempt, &Response::nothing()).await;
            let told = world.log.drain();
            let forged = |event: &&twofa_providers::token_store::Event| {
                event.reason == Some(Reason::DecisionForged)
            };
            assert_eq!(told.iter().filter(forged).count(), 0, "{told:?}");
            let names: Vec<_> = told.iter().map(|event| event.name).collect();
            if denies {
                assert!(matches!(reason(proved), Reason::Denied | Reason::Unknown));
                assert!(names.contains(&FACTOR_REFUSED));
            } else {
                assert_eq!(proved.unwrap().factor(), Some(device));
                assert!(names.contains(&FACTOR_VERIFIED));
            }
        }
    }
}

/// A denial without a decision, or beside an approval, is an edited row, and told as one. Nor does a part of the
/// application decide for a device.
pub async fn denial_without_its_decision_is_forged(place: Place) {
    use twofa_providers::token_store::ott_core::{Decider, State};
    for approves in [false, true] {
        let (world, alice) = (World::asking(place).await, alice());
        let phone = world.device(&alice, "phone", None).await;
        let waiting = world.ask(&alice, phone).await;
        if approves {
            let _ = world.approve(&alice, &waiting).await.unwrap();
        }
        world.store.edit(|row| row.state = State::Denied);
        let proved = world.go_on(&alice, phone, &waiting).await;
        assert_eq!(reason(proved), Reason::DecisionForged);
    }
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let (number, data) = (waiting.number, kept(1, waiting.number, phone, &[]));
    let system = Decider::System("captcha".into());
    let verdict = Verdict::Approve { number };
    let decided = world
        .tokens
        .decide(&PROMPT, &waiting.id, system, verdict, &data);
    let _ = decided.await.unwrap();
    let proved = world.go_on(&alice, phone, &waiting).await;
    assert_eq!(reason(proved), Reason::DecisionForged);
}

/// A device that was enrolled after every device was asked decides nothing about it.
pub async fn later_device_decides_nothing_earlier(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let world = world.asking_every_device();
    let attempt = Attempt::new(&alice, "prompt");
    let waiting = world.try_ask(&attempt, &alice).await.unwrap();
    world.pass(TimeDelta::seconds(1));
    let tablet = world.device(&alice, "tablet", Some(&proof)).await;
    let by = |device| Approver::new(&alice).device(device);
    let prompts = world.prompts();
    let later = by(tablet);
    let late = prompts.approve(&later, &waiting.id, waiting.number).await;
    assert_eq!(reason(late), Reason::Revoked);
    let asked = by(phone);
    let approved = prompts.approve(&asked, &waiting.id, waiting.number).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
}

/// The sign-in that asks decides nothing about its own prompt, with a key or without: neither approves it, denies it nor
/// reports it. Another one of the same person does.
pub async fn asking_sign_in_decides_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let (this, other) = (SignInId::new("1").unwrap(), SignInId::new("2").unwrap());
    let attempt = Attempt::new(&alice, "prompt").factor(phone).sign_in(&this);
    let waiting = world.try_ask(&attempt, &alice).await.unwrap();
    let (prompts, id, number) = (world.prompts(), &waiting.id, waiting.number);
    let by = Approver::new(&alice).device(phone);
    let asker = by.sign_in(&this);
    for said in [
        prompts.approve(&asker, id, number).await,
        prompts.deny(&asker, id).await,
        prompts.report(&asker, id).await,
    ] {
        assert_eq!(reason(said), Reason::Stranger);
    }
    // Who does not say which one theirs is could be the one that asked.
    let unsaid = prompts.approve(&by, id, number).await;
    assert!(matches!(unsaid, Err(TwoFactorError::Misuse(_))));
    let waits = world.status(&alice, &waiting).await;
    assert_eq!(waits, Some(PromptStatus::Waiting));
    let approved = prompts.approve(&by.sign_in(&other), id, number).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    let go_on = attempt.handle(&waiting.handle);
    let proved = world.engine.verify(&go_on, &Response::nothing()).await;
    assert!(proved.is_ok());
}

/// A device without a key decides only where the application names it: a session of the person is none yet.
pub async fn device_without_a_key_is_named(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let (by, prompts, id) = (Approver::new(&alice), world.prompts(), &waiting.id);
    for said in [
        prompts.approve(&by, id, waiting.number).await,
        prompts.deny(&by, id).await,
        prompts.report(&by, id).await,
    ] {
        assert!(matches!(said, Err(TwoFactorError::FactorUnnamed)));
    }
    let _ = world.approve(&alice, &waiting).await.unwrap();
}
