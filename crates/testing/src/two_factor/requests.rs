//! What a request and its handle cost, and whom it asks.

use std::sync::Arc;

use twofa_providers::{
    Asked, Attempt, Descriptor, Kind, Odds, Response, Show, TwoFactor, TwoFactorError,
    token_store::{
        Answer, Tokens,
        ott_core::{Handle, Policy, Purpose, Reason, State, Subject, Verdict},
    },
};

use crate::{
    Log, Place, alice, key_1,
    provider::Told,
    subject,
    world::{World, reason},
};

const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));

/// The odds of six digits: each answer is charged to the account before the provider reads what was parked.
const SIX_DIGITS: Odds = Odds {
    code_space: 1_000_000,
    valid: 1,
};

/// An engine over the store of this world whose provider `waits` is asked, and waits for a decision.
fn waiting(world: &World, log: &Log, odds: Odds) -> (Arc<Tokens>, TwoFactor) {
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&world.store))
        .policy(&PROMPT)
        .clock(Arc::clone(&world.clock) as Arc<_>)
        .events(Arc::new(log.clone()));
    let tokens = tokens.build().unwrap().shared();
    let descriptor = Descriptor::new(Kind::RequestToken, "waits", "Prompt", "", odds);
    let told = Told::new(
        descriptor.requested(&PROMPT).of_subject(),
        |_, _| unreachable!(),
    );
    let told = told.parking(PROMPT, |ends, _| Ok(ends));
    let engine = TwoFactor::builder(Arc::clone(&tokens), Arc::clone(&world.store) as Arc<_>)
        .provider(told)
        .build()
        .unwrap();
    (tokens, engine)
}

/// Each of so many tries was charged before the store looked, and what it cost given back.
fn charged_and_given_back(world: &World, tries: usize) {
    let verbs = world.store.asked();
    for verb in ["spend", "refund"] {
        let times = verbs.iter().filter(|asked| **asked == verb).count();
        assert_eq!(times, tries, "{verb}");
    }
}

/// Somebody approves what waits still.
async fn approve(tokens: &Tokens, owner: &Subject, asked: &Asked) {
    let Some(Show::Number(number)) = asked.show else {
        panic!("no number");
    };
    let listed = tokens.list(&PROMPT, owner).await.unwrap();
    assert_eq!(listed[0].stored().state, State::Waiting);
    let number = Some(number);
    let verdict = Verdict::Approve { number };
    let decided = tokens.decide(&PROMPT, listed[0].id(), owner, verdict, b"");
    decided.await.unwrap();
}

/// A thousand polls of a waiting prompt cost nothing and are no event; then the approval proves, once. What each
/// poll is charged is given back: the network's share, and where an answer could be guessed the account's.
pub async fn prompt_that_waits_costs_nothing(place: Place) {
    for odds in [Odds::NOT_GUESSED, SIX_DIGITS] {
        polls_are_given_back(place, odds).await;
    }
}

async fn polls_are_given_back(place: Place, odds: Odds) {
    let (world, log, owner) = (World::new(place).await, Log::default(), alice());
    let (tokens, engine) = waiting(&world, &log, odds);
    let attempt = Attempt::new(&owner, "waits").network([192, 0, 2, 1].into());
    let asked = engine.request(&attempt).await.unwrap();
    let attempt = attempt.handle(asked.handle.as_ref().unwrap());
    let (_, _) = (log.drain(), world.store.asked());
    // More than any limit has.
    let polls = place.often(1_000, 110);
    for _ in 0..polls {
        let polled = engine.verify(&attempt, &Response::nothing()).await;
        let Err(error @ TwoFactorError::Pending) = polled else {
            panic!("{polled:?}");
        };
        assert_eq!(error.answer(), Answer::Conflict);
    }
    assert!(log.drain().is_empty());
    charged_and_given_back(&world, polls);
    approve(&tokens, &owner, &asked).await;
    assert!(engine.verify(&attempt, &Response::nothing()).await.is_ok());
    let again = engine.verify(&attempt, &Response::nothing()).await;
    assert_eq!(reason(again), Reason::Spent);
}

/// Whoever makes up handles uses up nothing of the owner's where an answer could be guessed, so that each try is
/// charged to the account: the owner's approval proves.
pub async fn made_up_handle_is_given_back(place: Place) {
    let (world, log, owner) = (World::new(place).await, Log::default(), alice());
    let (tokens, engine) = waiting(&world, &log, SIX_DIGITS);
    let attempt = Attempt::new(&owner, "waits").network([192, 0, 2, 1].into());
    let asked = engine.request(&attempt).await.unwrap();
    let _ = world.store.asked();
    // More than any limit has.
    let tries = place.often(1_000, 110);
    for made_up in 0..tries {
        let handle = Handle::parse(&format!("{made_up:064x}")).unwrap();
        let attempt = attempt.handle(&handle);
        let tried = engine.verify(&attempt, &Response::nothing()).await;
        assert_eq!(reason(tried), Reason::Unknown);
    }
    charged_and_given_back(&world, tries);
    approve(&tokens, &owner, &asked).await;
    let attempt = attempt.handle(asked.handle.as_ref().unwrap());
    assert!(engine.verify(&attempt, &Response::nothing()).await.is_ok());
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
