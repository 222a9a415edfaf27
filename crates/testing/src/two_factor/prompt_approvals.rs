//! Several people approve what somebody asks, and none of them is who asks.

use twofa_providers::{
    Approver, PromptStatus, Response, SignInId, TwoFactorError,
    token_store::{
        FactorChange, FactorId, FactorStore as _,
        ott_core::{Decider, Reason, Verdict},
    },
};

use super::{
    approvers::{PAYMENT, Team, payment},
    prompt_deciders::kept,
};
use crate::{
    Place,
    asking::{APPROVAL, PROMPT, Waiting},
    subject,
    world::reason,
};

/// Each sees who asks for what and types a number of their own. One approval is too few, two are enough, and they are
/// good once.
pub async fn two_people_approve_once(place: Place) {
    let team = Team::new(place).await;
    let asked = team.ask().await;
    let bob = &team.people[0].subject;
    let prompts = team.world.prompts();
    let seen = prompts
        .look(bob, &asked.parts[0].id)
        .await
        .unwrap()
        .unwrap();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    assert_eq!(seen.asker.as_ref(), Some(&team.asker));
    assert_eq!(seen.operation, PAYMENT.iter().map(own).collect::<Vec<_>>());
    assert_eq!((seen.origin.as_str(), seen.digits), ("Firefox on Linux", 2));
    assert_eq!(prompts.pending(&team.asker).await.unwrap(), []);
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Waiting));

    let approved = team.approve(0, &asked).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Waiting));
    let early = team.take_up(&asked).await;
    assert!(matches!(early, Err(TwoFactorError::Pending)), "{early:?}");
    // One person is one, however often they say it.
    let again = team.approve(0, &asked).await;
    assert_eq!(again.unwrap(), PromptStatus::Approved);
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Waiting));

    let approved = team.approve(2, &asked).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Approved));
    assert_eq!(reason(team.approve(1, &asked).await), Reason::NotWaiting);
    let late = team.say(1, &asked, Verdict::Deny).await;
    assert_eq!(reason(late), Reason::NotWaiting);
    let approval = team.take_up(&asked).await.unwrap();
    assert_eq!(approval.subject(), &team.asker);
    let by = [bob.clone(), team.people[2].subject.clone()];
    assert_eq!(approval.approved_by(), by);
    assert_eq!(approval.operation(), seen.operation);
    assert_eq!(reason(team.take_up(&asked).await), Reason::Spent);
    for person in &team.people {
        assert_eq!(prompts.pending(&person.subject).await.unwrap(), []);
    }
}

/// Who asks is never asked, whoever names them, and nobody is asked twice. Where too few others have a device nobody is
/// asked.
pub async fn requester_is_no_approver(place: Place) {
    let team = Team::new(place).await;
    let own = team.world.device(&team.asker, "own", None).await;
    let prompts = team.world.prompts();
    let attempt = payment(&team.asker);
    let [bob, carol, _] = [0, 1, 2].map(|nth: usize| team.people[nth].subject.clone());
    let named = [
        team.asker.clone(),
        bob.clone(),
        bob.clone(),
        carol.clone(),
        subject("acme", "nobody"),
    ];
    let asked = prompts.ask_others(&attempt, &named).await.unwrap();
    let who: Vec<_> = asked.deciders.iter().map(|(who, _)| who.clone()).collect();
    assert_eq!(who, [bob.clone(), carol]);
    assert_eq!(prompts.pending(&team.asker).await.unwrap(), []);
    let part = prompts.pending(&bob).await.unwrap()[0].id;
    let by = Approver::new(&team.asker).device(own);
    let number = asked.deciders[0].1;
    let approved = prompts.approve(&by, &part, number).await;
    assert_eq!(reason(approved), Reason::Stranger);
    let sent = team.world.outbox.messages().len();
    for too_few in [&named[..3], &named[4..], &[]] {
        let refused = prompts.ask_others(&attempt, too_few).await;
        assert_eq!(reason(refused), Reason::Unknown);
    }
    assert_eq!(team.world.outbox.messages().len(), sent);
    assert_eq!(prompts.pending(&bob).await.unwrap().len(), 1);
    let nothing = attempt.operation(&[]);
    let refused = prompts.ask_others(&nothing, &named).await;
    assert!(matches!(refused, Err(TwoFactorError::Misuse(_))));
}

/// The sign-in that asks decides nothing, though it is somebody else's by name.
pub async fn asking_sign_in_approves_no_part(place: Place) {
    let team = Team::new(place).await;
    let (this, other) = (SignInId::new("1").unwrap(), SignInId::new("2").unwrap());
    let asked = team.try_ask(&payment(&team.asker).sign_in(&this)).await;
    let asked = asked.unwrap();
    let person = &team.people[0];
    let by = Approver::new(&person.subject).device(person.device);
    let (prompts, part) = (team.world.prompts(), asked.parts[0]);
    let (asking, own) = (by.sign_in(&this), by.sign_in(&other));
    let said = prompts.approve(&asking, &part.id, part.number).await;
    assert_eq!(reason(said), Reason::Stranger);
    let said = prompts.approve(&own, &part.id, part.number).await;
    assert_eq!(said.unwrap(), PromptStatus::Approved);
}

/// What was approved is good for its own asker, sign-in, operation and epoch.
pub async fn approval_of_several_is_bound(place: Place) {
    let team = Team::new(place).await;
    let (this, other) = (SignInId::new("1").unwrap(), SignInId::new("2").unwrap());
    let attempt = payment(&team.asker).sign_in(&this).epoch(1);
    let asked = team.try_ask(&attempt).await.unwrap();
    for nth in 0..2 {
        let person = &team.people[nth];
        let by = Approver::new(&person.subject).device(person.device);
        let (prompts, part) = (team.world.prompts(), asked.parts[nth]);
        let own = by.sign_in(&other);
        let _ = prompts.approve(&own, &part.id, part.number).await.unwrap();
    }
    let right = attempt.handle(&asked.handle);
    let bob = &team.people[0].subject;
    let theirs = payment(bob).sign_in(&this).epoch(1).handle(&asked.handle);
    let (prompts, deciders) = (team.world.prompts(), team.deciders());
    for wrong in [
        right.sign_in(&other),
        right.operation(&[("pay", "12.50"), ("to", "Eve")]),
        right.epoch(2),
        theirs,
    ] {
        let taken = prompts.take_up(&wrong, &deciders).await;
        let why = reason(taken);
        assert!(
            matches!(why, Reason::Mismatch | Reason::Unknown | Reason::Revoked),
            "{why:?}"
        );
    }
    // It is no sign-in of whoever asked, either.
    let taken = team.world.engine.verify(&right, &Response::nothing()).await;
    assert!(taken.is_err());
    let _ = prompts.take_up(&right, &deciders).await.unwrap();
}

/// Who may not approve any more as it is taken up, and whose device went, is not counted.
pub async fn approver_who_left_is_not_counted(place: Place) {
    for what in ["left", "device"] {
        let team = Team::new(place).await;
        let asked = team.ask().await;
        for nth in 0..2 {
            let _ = team.approve(nth, &asked).await.unwrap();
        }
        let mut deciders = team.deciders();
        if what == "left" {
            deciders.remove(0);
        } else {
            let change = FactorChange::Disable;
            let gone = team.world.store.update(&team.people[0].device, &change);
            assert!(gone.await.unwrap());
        }
        let attempt = payment(&team.asker).handle(&asked.handle);
        let taken = team.world.prompts().take_up(&attempt, &deciders).await;
        assert_eq!(reason(taken), Reason::Revoked, "{what}");
    }
}

/// A whole that was approved or denied without its people is told as forged: a row, or somebody with the server's keys, decides for nobody.
pub async fn whole_without_its_people_is_forged(place: Place) {
    for what in ["approved", "one", "denied", "part"] {
        let team = Team::new(place).await;
        let asked = team.ask().await;
        let id = team
            .world
            .tokens
            .list(&APPROVAL, &team.asker)
            .await
            .unwrap()[0]
            .stored()
            .id;
        let by = Decider::System("approvers".into());
        let (tokens, approves) = (&team.world.tokens, Verdict::Approve { number: None });
        let bob = &team.people[0];
        if what == "one" {
            let _ = team.approve(0, &asked).await.unwrap();
        }
        if what == "part" {
            // One that no device made, beside one that was.
            let _ = team.approve(1, &asked).await.unwrap();
            let part = asked.parts[0];
            let verdict = Verdict::Approve {
                number: part.number,
            };
            let data = kept(1, part.number, bob.device, &[7; 64]);
            let decided = tokens.decide(&PROMPT, &part.id, &bob.subject, verdict, &data);
            let _ = decided.await.unwrap();
        }
        let data = match what {
            // In the name of a part, with what nobody said.
            "denied" => [
                &asked.parts[0].id.as_bytes()[..],
                &kept(2, None, FactorId::from_bytes([7; 16]), &[]),
            ]
            .concat(),
            _ => Vec::new(),
        };
        let verdict = match what {
            "denied" => Verdict::Deny,
            _ => approves,
        };
        let decided = tokens.decide(&APPROVAL, &id, by, verdict, &data).await;
        let _ = decided.unwrap();
        let taken = reason(team.take_up(&asked).await);
        match what {
            "approved" | "one" => assert_eq!(taken, Reason::Revoked, "{what}"),
            _ => assert_eq!(taken, Reason::DecisionForged, "{what}"),
        }
    }
}

/// Who asks others rings nobody more often than the pace says, is paced as well, and uses up nobody's sign-ins. What rings nobody is listed.
pub async fn others_are_rung_within_a_pace(place: Place) {
    let team = Team::new(place).await;
    let rung = |team: &Team| {
        let sent = team.world.outbox.messages();
        let bob = sent
            .iter()
            .filter(|sent| sent.destination().address() == "bob");
        bob.count()
    };
    let before = rung(&team);
    for _ in 0..5 {
        let _ = team.ask().await;
    }
    let refused = team.try_ask(&payment(&team.asker)).await;
    assert!(matches!(refused, Err(TwoFactorError::Throttled { .. })));
    assert_eq!(rung(&team), before + 5);
    let other = Team {
        asker: subject("acme", "erin"),
        ..team
    };
    let asked = other.ask().await;
    assert_eq!(rung(&other), before + 5);
    for nth in 0..2 {
        let _ = other.approve(nth, &asked).await.unwrap();
    }
    let _ = other.take_up(&asked).await.unwrap();
    let bob = &other.people[0];
    let _ = other.world.prompt_proof(&bob.subject, bob.device).await;
}

/// What an outage left undone is done when the same person says the same again, or as it is taken up.
pub async fn part_is_said_again_after_an_outage(place: Place) {
    let team = Team::new(place).await;
    let asked = team.ask().await;
    let _ = team.approve(0, &asked).await.unwrap();
    let part = asked.parts[1];
    let (person, verdict) = (
        &team.people[1],
        Verdict::Approve {
            number: part.number,
        },
    );
    // As if its process had ended after the part and before the whole.
    let data = kept(1, part.number, person.device, &[]);
    let tokens = &team.world.tokens;
    let decided = tokens.decide(&PROMPT, &part.id, &person.subject, verdict, &data);
    let _ = decided.await.unwrap();
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Waiting));
    let again = team.approve(1, &asked).await;
    assert_eq!(again.unwrap(), PromptStatus::Approved);
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Approved));
    let _ = team.take_up(&asked).await.unwrap();

    let asked = team.ask().await;
    team.world.store.fail("spend");
    let denied = team.say(2, &asked, Verdict::Deny).await;
    assert!(matches!(denied, Err(TwoFactorError::Unavailable(_))));
    team.world.store.recover();
    assert_eq!(team.status(&asked).await, Some(PromptStatus::Denied));
    let again = team.say(2, &asked, Verdict::Deny).await;
    assert_eq!(again.unwrap(), PromptStatus::Denied);
    let refused = team.try_ask(&payment(&team.asker)).await;
    assert!(matches!(refused, Err(TwoFactorError::Throttled { .. })));
}

/// What several are asked is found under its own policy alone: no device takes the whole for a prompt.
pub async fn whole_is_no_prompt(place: Place) {
    let team = Team::new(place).await;
    let own = team.world.device(&team.asker, "own", None).await;
    let asked = team.ask().await;
    let prompts = team.world.prompts();
    let status = prompts.status(&team.asker, &asked.handle).await;
    assert_eq!(status.unwrap(), None);
    let waiting = Waiting {
        handle: asked.handle,
        number: None,
        id: asked.parts[0].id,
    };
    let taken = team.world.go_on(&team.asker, own, &waiting).await;
    assert_eq!(reason(taken), Reason::Unknown);
}
