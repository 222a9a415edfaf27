//! Prompts: the person decides on another device.

use core::time::Duration;
use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet, time::timeout};
use twofa_providers::{
    Approver, Attempt, PromptStatus, Response, SignInId, TwoFactorError,
    token_store::{
        FactorId, Revoke,
        ott_core::{Handle, Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    asking::{PROMPT, SIX_DIGITS, TAP, Waiting},
    key_1, subject,
    world::{Plan, World, reason},
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
        let text = text.replace(&waiting.id.to_string(), "");
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

/// How a prompt may stand when something else happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Waiting,
    Approved,
    Denied,
    Reported,
    Spent,
    Revoked,
    Superseded,
    Expired,
}

/// Every decision in every state: the first stands, and nothing revives what is over.
pub async fn decision_meets_every_state(place: Place) {
    use Stands::{Approved, Denied, Expired, Reported, Revoked, Spent, Superseded, Waiting};
    for stands in [
        Waiting, Approved, Denied, Reported, Spent, Revoked, Superseded, Expired,
    ] {
        for verb in ["approve", "deny", "report", "go on"] {
            let (world, alice) = (World::asking(place).await, alice());
            let phone = world.device(&alice, "phone", None).await;
            let waiting = world.ask(&alice, phone).await;
            put(&world, &alice, phone, &waiting, stands).await;
            let before = world.store.inner_row(&waiting.id).await;
            let by = Approver::new(&alice).device(phone);
            let (prompts, id) = (world.prompts(), &waiting.id);
            let answer = match verb {
                "approve" => prompts.approve(&by, id, waiting.number).await,
                "deny" => prompts.deny(&by, id).await,
                "report" => prompts.report(&by, id).await,
                _ => {
                    let proved = world.go_on(&alice, phone, &waiting).await;
                    proved.map(|_| PromptStatus::Over)
                }
            };
            let refused = match stands {
                Waiting | Approved => None,
                Denied | Reported => Some(Reason::Denied),
                Spent => Some(Reason::Spent),
                Revoked => Some(Reason::Revoked),
                Superseded => Some(Reason::Superseded),
                Expired => Some(Reason::Expired),
            };
            match (stands, verb) {
                (Waiting, "approve") => assert_eq!(answer.unwrap(), PromptStatus::Approved),
                (Waiting, "deny" | "report") => assert_eq!(answer.unwrap(), PromptStatus::Denied),
                (Waiting, _) => assert!(matches!(answer, Err(TwoFactorError::Pending))),
                (Approved, "go on") => assert_eq!(answer.unwrap(), PromptStatus::Over),
                (Approved, _) => assert_eq!(reason(answer), Reason::NotWaiting),
                // Said again, it is what it was.
                (Denied, "deny") | (Reported, "report") => {
                    assert_eq!(answer.unwrap(), PromptStatus::Denied);
                }
                _ => assert_eq!(Some(reason(answer)), refused, "{stands:?} {verb}"),
            }
            let changes = matches!((stands, verb), (Waiting, "approve" | "deny" | "report"))
                || (stands, verb) == (Approved, "go on");
            let after = world.store.inner_row(&waiting.id).await;
            assert_eq!(after != before, changes, "{stands:?} {verb}");
        }
    }
}

async fn put(world: &World, owner: &Subject, device: FactorId, waiting: &Waiting, stands: Stands) {
    let by = Approver::new(owner).device(device);
    match stands {
        Stands::Waiting => {}
        Stands::Approved => {
            let _ = world.approve(owner, waiting).await.unwrap();
        }
        Stands::Denied => {
            let _ = world.prompts().deny(&by, &waiting.id).await.unwrap();
        }
        Stands::Reported => {
            let _ = world.prompts().report(&by, &waiting.id).await.unwrap();
        }
        Stands::Spent => {
            let _ = world.approve(owner, waiting).await.unwrap();
            let _ = world.go_on(owner, device, waiting).await.unwrap();
        }
        Stands::Revoked => {
            let own = Revoke::own(owner, waiting.id);
            assert_eq!(world.tokens.revoke(&own).await.unwrap(), 1);
        }
        Stands::Superseded => {
            let attempt = Attempt::new(owner, "prompt").factor(device);
            let again = world.engine.request(&attempt.handle(&waiting.handle)).await;
            let _ = again.unwrap();
        }
        Stands::Expired => world.pass(TimeDelta::minutes(10)),
    }
}

/// Of decisions at once one is taken, and the waiting side gets what that one said.
pub async fn decisions_at_once_have_one_winner(place: Place) {
    let world = Arc::new(World::asking(place).await);
    for round in 0..place.often(40, 6) {
        let owner = subject("acme", &round.to_string());
        let phone = world.device(&owner, owner.id(), None).await;
        let waiting = world.ask(&owner, phone).await;
        let barrier = Arc::new(Barrier::new(12));
        let mut tasks = JoinSet::new();
        for nth in 0..12 {
            let (world, owner) = (Arc::clone(&world), owner.clone());
            let (barrier, id, number) = (Arc::clone(&barrier), waiting.id, waiting.number);
            tasks.spawn(async move {
                barrier.wait().await;
                let by = Approver::new(&owner).device(phone);
                match nth % 3 {
                    0 => world.prompts().approve(&by, &id, number).await,
                    1 => world.prompts().deny(&by, &id).await,
                    _ => world.prompts().approve(&by, &id, None).await,
                }
            });
        }
        let mut won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        // Who denies what was denied hears that it was.
        won.dedup();
        let [won] = won[..] else {
            panic!("{won:?}");
        };
        assert_eq!(world.status(&owner, &waiting).await, Some(won));
        let proved = world.go_on(&owner, phone, &waiting).await;
        assert_eq!(proved.is_ok(), won == PromptStatus::Approved);
    }
}

/// Of many who go on with one approval, one does.
pub async fn approval_at_once_proves_one(place: Place) {
    let world = Arc::new(World::asking(place).await);
    let owner = alice();
    let phone = world.device(&owner, "phone", None).await;
    let waiting = Arc::new(world.ask(&owner, phone).await);
    let _ = world.approve(&owner, &waiting).await.unwrap();
    let barrier = Arc::new(Barrier::new(50));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (world, owner) = (Arc::clone(&world), owner.clone());
        let (barrier, waiting) = (Arc::clone(&barrier), Arc::clone(&waiting));
        tasks.spawn(async move {
            barrier.wait().await;
            world.go_on(&owner, phone, &waiting).await.is_ok()
        });
    }
    let won = tasks.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(won.count(), 1);
}

/// Whoever writes to the database approves nothing by another state.
pub async fn flipped_state_approves_nothing(place: Place) {
    use twofa_providers::token_store::ott_core::State;
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    world.store.edit(|row| row.state = State::Ready);
    let proved = world.go_on(&alice, phone, &waiting).await;
    assert_eq!(reason(proved), Reason::DecisionForged);
    let status = world.prompts().status(&alice, &waiting.handle).await;
    assert_eq!(reason(status), Reason::DecisionForged);
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

/// A poll reads one row: it spends nothing, writes nothing and is no event, before the decision and after it.
pub async fn polls_cost_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    for stands in [PromptStatus::Waiting, PromptStatus::Approved] {
        let before = world.store.inner_row(&waiting.id).await;
        let (_, _) = (world.log.drain(), world.store.asked());
        let polls = place.often(1_000, 50);
        for _ in 0..polls {
            assert_eq!(world.status(&alice, &waiting).await, Some(stands));
        }
        assert_eq!(world.store.asked(), vec!["find"; polls]);
        assert_eq!(world.log.drain(), []);
        assert_eq!(world.store.inner_row(&waiting.id).await, before);
        if stands == PromptStatus::Waiting {
            let _ = world.approve(&alice, &waiting).await.unwrap();
        }
    }
    assert!(world.go_on(&alice, phone, &waiting).await.is_ok());
}

/// A request that is kept open ends with the decision: at once where it is made here, with the next look where another
/// process made it, and with its own patience where nobody decides.
pub async fn open_request_ends_with_the_decision(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let plan = Plan {
        prompts: Some(PROMPT),
        ..Plan::default()
    };
    let elsewhere = world.beside_planned(key_1(), &plan);
    let waiting = world.ask(&alice, phone).await;
    let prompts = world.prompts();
    let (mut looks, handle) = (0, &waiting.handle);
    let patience = prompts.settled(&alice, handle, || {
        looks += 1;
        core::future::ready(looks < 3)
    });
    assert_eq!(patience.await.unwrap(), Some(PromptStatus::Waiting));
    assert_eq!(looks, 3);

    // No pause of this one ends: the decision does.
    let forever = prompts.settled(&alice, handle, core::future::pending::<bool>);
    // Whoever is not woken fails here, and does not hang.
    let forever = timeout(Duration::from_secs(60), forever);
    let (settled, approved) = tokio::join!(forever, world.approve(&alice, &waiting));
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    assert_eq!(settled.unwrap().unwrap(), Some(PromptStatus::Approved));

    let waiting = world.ask(&alice, phone).await;
    let mut looks = 0;
    let settled = prompts.settled(&alice, &waiting.handle, || {
        looks += 1;
        async {
            let by = Approver::new(&alice).device(phone);
            let _ = elsewhere.prompts().deny(&by, &waiting.id).await;
            true
        }
    });
    assert_eq!(settled.await.unwrap(), Some(PromptStatus::Denied));
    assert_eq!(looks, 1);
    let nobody = Handle::parse(&"0".repeat(64)).unwrap();
    let settled = prompts.settled(&alice, &nobody, core::future::pending::<bool>);
    assert_eq!(settled.await.unwrap(), None);
}

/// Whoever makes up handles, or polls and goes on with them, uses up nothing of the owner's.
pub async fn made_up_handle_costs_the_owner_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    for made_up in 0..place.often(1_000, 60) {
        let handle = Handle::parse(&format!("{made_up:064x}")).unwrap();
        let status = world.prompts().status(&alice, &handle).await;
        assert_eq!(status.unwrap(), None);
        let attempt = Attempt::new(&alice, "prompt").factor(phone);
        let attempt = attempt.handle(&handle);
        let proved = world.engine.verify(&attempt, &Response::nothing()).await;
        assert_eq!(reason(proved), Reason::Unknown);
    }
    let _ = world.prompt_proof(&alice, phone).await;
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

/// Who waits with an open request hears of a report of another prompt at once.
pub async fn open_request_ends_with_a_report_of_another(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let (other, waiting) = (
        world.ask(&alice, phone).await,
        world.ask(&alice, phone).await,
    );
    let (prompts, by) = (world.prompts(), Approver::new(&alice).device(phone));
    let forever = prompts.settled(&alice, &waiting.handle, core::future::pending::<bool>);
    // Whoever is not woken fails here, and does not hang.
    let forever = timeout(Duration::from_secs(20), forever);
    let (settled, reported) = tokio::join!(forever, prompts.report(&by, &other.id));
    assert_eq!(reported.unwrap(), PromptStatus::Denied);
    assert_eq!(settled.unwrap().unwrap(), Some(PromptStatus::Over));
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
