//! "This was not me": once, for one sign-in, and for nothing beside it.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Limits, News, Response, TwoFactorError,
    token_store::{
        FactorId, FactorState,
        ott_core::{Limit, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    telling::{Telling, sign_in},
    world::{needs_proof, reason},
};

const ALICE: &str = "alice@example.org";
const WORK: &str = "alice@work.example.org";
const THIEF: &str = "thief@example.net";

async fn state(told: &Telling, factor: FactorId) -> FactorState {
    let factors = told.world.store.store().factors(&alice()).await;
    let mut factors = factors.expect("memory").into_iter();
    let found = factors.find(|stored| stored.id == factor);
    found.expect("a factor").state
}

/// "This was not me" undoes what one sign-in added, and nothing beside it.
pub async fn not_me_undoes_one_sign_in(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let engine = &told.world.engine;
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let app = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &app).await;
    let laptop = told.world.remember(&proof, "laptop").await.unwrap();
    let codes = told.world.codes(&proof).await;

    let stolen = told.proof(&theirs, &app).await;
    let burner = told.world.remember(&stolen, "burner").await.unwrap();
    let _ = told.arrived();
    let added = told.add_app(&theirs, Some(&stolen)).await;
    let other = told.add_app(&mine, Some(&proof)).await;
    let links = told.arrived();
    let used = told.not_me(&links[0].token).await.unwrap();
    assert_eq!((&used.subject, used.news), (&alice(), News::FactorAdded));
    assert_eq!(
        (used.factor, used.disabled),
        (Some(added.factor), vec![added.factor])
    );
    assert_eq!((used.sign_in.as_ref(), used.devices), (Some(&theirs), 1));

    assert_eq!(state(&told, added.factor).await, FactorState::Disabled);
    assert_eq!(state(&told, app.factor).await, FactorState::Active);
    assert_eq!(state(&told, other.factor).await, FactorState::Active);
    let known = told.world.devices().list(&alice(), None).await.unwrap();
    let known: Vec<_> = known
        .iter()
        .map(|device| (device.id, device.label.as_str()))
        .collect();
    assert_eq!(known, [(laptop.id, "laptop")]);
    assert_ne!(burner.id, laptop.id);
    assert_eq!(
        told.world.recovery.left(&alice()).await.unwrap(),
        codes.len()
    );
    // What was disowned proves nothing.
    told.world.pass(TimeDelta::seconds(30));
    let code = told.world.code(&added);
    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").factor(added.factor);
    assert!(
        engine
            .verify(&attempt, &Response::typed(&code))
            .await
            .is_err()
    );
}

/// Used once, the token is dead at every address.
pub async fn not_me_token_is_dead_everywhere_once_used(place: Place) {
    let told = Telling::new(place, &[ALICE, WORK]).await;
    let _ = told.add_app(&sign_in("f"), None).await;
    let links = told.arrived();
    assert_eq!(links.len(), 2);
    let used = told.not_me(&links[0].token).await;
    assert!(used.is_ok());
    for link in &links {
        assert_eq!(reason(told.not_me(&link.token).await), Reason::Spent);
    }
}

/// Of 32 at once from all addresses, one is taken.
pub async fn not_me_tokens_at_once_have_one_winner(place: Place) {
    let told = Arc::new(Telling::new(place, &[ALICE, WORK]).await);
    let _ = told.add_app(&sign_in("f"), None).await;
    let links = told.arrived();
    let barrier = Arc::new(Barrier::new(32));
    let mut tasks = JoinSet::new();
    for link in links.iter().cycle().take(32).cloned() {
        let (told, barrier) = (Arc::clone(&told), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            told.not_me(&link.token).await.is_ok()
        });
    }
    let won = tasks.join_all().await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
}

/// The codes that the sign-in made are void, and no others.
pub async fn codes_of_the_disowned_sign_in_are_void(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let app = told.add_app(&mine, None).await;
    let stolen = told.proof(&theirs, &app).await;
    let _ = told.arrived();
    let codes = told.world.codes(&stolen).await;
    let link = told.arrived().remove(0);
    let used = told.not_me(&link.token).await.unwrap();
    assert_eq!((used.news, used.factor), (News::RecoveryRenewed, None));
    assert_eq!(
        (used.disabled, used.sign_in),
        (vec![], Some(theirs.clone()))
    );
    assert_eq!(used.recovery_codes, 10);
    assert_eq!(state(&told, app.factor).await, FactorState::Active);
    let tried = told.world.recover(&alice(), &codes[0]).await;
    assert!(matches!(tried, Err(TwoFactorError::Rejected(_))));
    let left = told.world.recovery.left(&alice()).await;
    assert_eq!(left.unwrap(), 0);

    // A set that another sign-in made in its place stays.
    let stolen = told.proof(&theirs, &app).await;
    let _ = told.arrived();
    let _ = told.world.codes(&stolen).await;
    let link = told.arrived().remove(0);
    let proof = told.proof(&mine, &app).await;
    let codes = told.world.codes(&proof).await;
    let used = told.not_me(&link.token).await.unwrap();
    assert_eq!((used.sign_in, used.recovery_codes), (Some(theirs), 0));
    assert!(told.world.recover(&alice(), &codes[0]).await.is_ok());
}

/// A factor that was disabled before is wiped too.
pub async fn factor_disabled_before_is_wiped_too(place: Place) {
    let limits = Limits {
        ceiling: Limit::ceiling(1),
        ..Limits::default()
    };
    let told = Telling::with(place, &[ALICE], limits).await;
    let (world, owner) = (&told.world, alice());
    let _ = world.confirmed_email(&owner, THIEF, None).await;
    let link = told.arrived().remove(0);
    assert_eq!(link.to, ALICE);
    let factor = world.engine.factors(&owner).await.unwrap()[0].id;
    for _ in 0..2 {
        let requested = world.engine.request(&Attempt::new(&owner, "email")).await;
        let Ok(requested) = requested else { break };
        let handle = requested.handle.expect("a flow");
        let attempt = Attempt::new(&owner, "email").handle(&handle);
        let wrong = Response::typed("000000");
        let _ = world.engine.verify(&attempt, &wrong).await;
    }
    assert_eq!(state(&told, factor).await, FactorState::Disabled);
    assert!(told.arrived().iter().any(|arrived| arrived.to == THIEF));
    let used = told.not_me(&link.token).await.unwrap();
    assert_eq!(used.disabled, [factor]);
    assert_eq!(told.told().0, [ALICE]);
}

/// What a sign-in added and removed itself is not brought back.
pub async fn factor_of_that_sign_in_is_not_brought_back(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let f = sign_in("f");
    let first = told.add_app(&f, None).await;
    let proof = told.proof(&f, &first).await;
    let second = told.add_app(&f, Some(&proof)).await;
    let links = told.arrived();
    told.world.remove(&proof, &second.factor).await.unwrap();
    let used = told.not_me(&links[1].token).await.unwrap();
    assert_eq!(
        (used.factor, used.disabled),
        (Some(second.factor), vec![first.factor])
    );
    assert_eq!(state(&told, second.factor).await, FactorState::Removed);
}

/// A disowned address is told nothing more.
pub async fn disowned_address_is_told_nothing_more(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let app = told.add_app(&mine, None).await;
    let stolen = told.proof(&theirs, &app).await;
    let _ = told.arrived();
    let factor = told
        .world
        .confirmed_email(&alice(), THIEF, Some(&stolen))
        .await;
    let links = told.arrived();
    assert!(links.iter().any(|link| link.to == THIEF));
    let link = links.iter().find(|link| link.to == ALICE).unwrap();
    let used = told.not_me(&link.token).await.unwrap();
    assert_eq!(used.disabled, [factor]);
    let (addresses, what) = told.told();
    assert_eq!(addresses, [ALICE]);
    assert_eq!(what.as_deref(), Some(News::FactorDisabled.words()));
    let proof = told.proof(&mine, &app).await;
    let _ = told.world.codes(&proof).await;
    assert_eq!(told.told().0, [ALICE]);
    // Nor when its row goes.
    told.world.remove(&proof, &factor).await.unwrap();
    assert_eq!(told.told().0, [ALICE]);
}

/// A disowned only factor guards the account.
pub async fn disowned_only_factor_guards_the_account(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let _ = told.add_app(&sign_in("theirs"), None).await;
    let used = told.not_me(&told.arrived()[0].token).await.unwrap();
    assert_eq!(used.disabled.len(), 1);
    assert!(needs_proof(
        &told.world.try_enrol(&alice(), "again", None).await
    ));
}

/// What is no such token is refused, and spends none.
pub async fn text_that_is_no_link_spends_none(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let f = sign_in("f");
    let app = told.add_app(&f, None).await;
    let link = told.arrived().remove(0);
    let owner = told.world.owner();
    assert_eq!(
        reason(owner.not_me("other", &link.token).await),
        Reason::Unknown
    );
    let proof = told.proof(&f, &app).await;
    let device = told.world.remember(&proof, "laptop").await.unwrap();
    let codes = told.world.codes(&proof).await;
    let twisted: String = link.token.chars().rev().collect();
    for token in [
        device.token.expose_secret(),
        &codes[0],
        &twisted,
        "",
        "STOP",
        &"A".repeat(1 << 20),
    ] {
        assert!(owner.not_me("acme", token).await.is_err());
    }
    assert!(owner.not_me("acme", &link.token).await.is_ok());
}

/// A token of "this was not me" is good for a week.
pub async fn not_me_token_is_good_for_a_week(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let _ = told.add_app(&sign_in("f"), None).await;
    let _ = told
        .world
        .confirmed(&crate::subject("acme", "bob"), None)
        .await;
    let links = told.arrived();
    told.world
        .pass(TimeDelta::days(7) - TimeDelta::microseconds(1));
    assert!(told.not_me(&links[0].token).await.is_ok());
    told.world.pass(TimeDelta::microseconds(1));
    assert_eq!(reason(told.not_me(&links[1].token).await), Reason::Expired);
}

/// More news void no earlier link.
pub async fn news_void_no_earlier_link(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let f = sign_in("f");
    let app = told.add_app(&f, None).await;
    let first = told.arrived().remove(0);
    let proof = told.proof(&f, &app).await;
    for _ in 0..3 {
        let _ = told.world.codes(&proof).await;
    }
    assert!(told.not_me(&first.token).await.is_ok());
}

/// After an outage the link is good, and the rest is undone.
pub async fn link_is_good_after_an_outage(place: Place) {
    for verb in ["find", "update", "factors", "list", "revoke", "redeem"] {
        let told = Telling::new(place, &[ALICE]).await;
        let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
        let app = told.add_app(&mine, None).await;
        let stolen = told.proof(&theirs, &app).await;
        let _ = told.world.remember(&stolen, "burner").await.unwrap();
        let _ = told.world.codes(&stolen).await;
        let _ = told.arrived();
        let added = told.add_app(&theirs, Some(&stolen)).await;
        let link = told.arrived().remove(0);
        told.world.store.fail(verb);
        assert!(
            crate::world::is_outage(&told.not_me(&link.token).await),
            "{verb}"
        );
        told.world.store.recover();
        // What was not concerned was done all the same.
        let disabled = state(&told, added.factor).await == FactorState::Disabled;
        assert_eq!(disabled, !matches!(verb, "find" | "update"), "{verb}");
        let used = told.not_me(&link.token).await.unwrap();
        assert_eq!(used.disabled, [added.factor], "{verb}");
        assert_eq!(used.sign_in.as_ref(), Some(&theirs));
        assert_eq!(state(&told, added.factor).await, FactorState::Disabled);
        assert_eq!(told.world.recovery.left(&alice()).await.unwrap(), 0);
        let known = told.world.devices().list(&alice(), None).await.unwrap();
        assert_eq!(known, [], "{verb}");
        assert_eq!(told.told().0, [ALICE], "told once: {verb}");
        assert_eq!(reason(told.not_me(&link.token).await), Reason::Spent);
    }
}

/// What could not be voided or forgotten is an outage.
pub async fn disowning_that_fails_is_an_outage(place: Place) {
    for codes in [true, false] {
        let told = Telling::new(place, &[ALICE]).await;
        let f = sign_in("f");
        let app = told.add_app(&f, None).await;
        let proof = told.proof(&f, &app).await;
        let link = told.arrived().remove(0);
        if codes {
            let _ = told.world.codes(&proof).await;
        } else {
            let device = told.world.remember(&proof, "laptop").await;
            let _ = device.unwrap();
        }
        told.world.store.fail("revoke");
        assert!(crate::world::is_outage(&told.not_me(&link.token).await));
        told.world.store.recover();
        let used = told.not_me(&link.token).await.unwrap();
        let undone = if codes { (10, 0) } else { (0, 1) };
        assert_eq!((used.recovery_codes, used.devices), undone);
    }
}

/// Until the sessions are ended, the link is good.
pub async fn link_is_good_until_sessions_are_ended(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let _ = told.add_app(&sign_in("f"), None).await;
    let link = told.arrived().remove(0);
    let owner = told.world.owner();
    for _ in 0..2 {
        let used = owner.not_me("acme", &link.token).await.unwrap();
        assert_eq!(used.sign_in, Some(sign_in("f")));
    }
    let used = owner.not_me("acme", &link.token).await.unwrap();
    owner.redeem_not_me(&used).await.unwrap();
    assert_eq!(reason(owner.redeem_not_me(&used).await), Reason::Spent);
    let again = owner.not_me("acme", &link.token).await;
    assert_eq!(reason(again), Reason::Spent);
}
