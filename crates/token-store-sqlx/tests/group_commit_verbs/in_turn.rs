//! Those who wait together are counted and judged one after another.

use token_store::{
    Charge, ChargedFactors as _, ChargedStore as _, FactorState, FactorStore as _, Guess,
    LimitStore as _, Spent, StoreError, TokenStore as _,
    ott_core::{Limit, LimitKey, LimitScope},
};

use crate::{
    every_verb::{FREE, Told, verb},
    fixture::{Fixture, LINK, RECOVERY, now},
    together::{end, wait_together},
};

/// What waits together is counted one after another: of eight spends five are allowed, and of eight codes in one slot one stays.
#[tokio::test]
async fn those_who_wait_together_are_counted_in_turn() {
    let fixture = Fixture::new().await;
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let charges = [charge];
    let codes: Vec<_> = (0..8).map(|_| [fixture.issue(&RECOVERY).record]).collect();
    let mut begun: Vec<_> = codes
        .iter()
        .map(|code| verb(fixture.store.insert(code)))
        .collect();
    begun.extend((0..8).map(|_| verb(fixture.store.spend(&charges, now()))));
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    let times = |what: &str| told.iter().filter(|told| told.starts_with(what)).count();
    assert_eq!(
        [times("Done"), times("Allowed"), times("Locked")],
        [8, 5, 3]
    );
    let listed = fixture
        .store
        .list(&fixture.alice, Some(RECOVERY.purpose()), now());
    let listed: Vec<_> = listed
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.id)
        .collect();
    let [last] = codes.last().unwrap();
    assert_eq!(listed, [*last.id()]);
    // Two of one id: the second changes nothing.
    let before = fixture.issue(&RECOVERY).record;
    let [one, other] = [[before.clone()], [before]];
    let mut begun = vec![
        verb(fixture.store.insert(&one)),
        verb(fixture.store.insert(&other)),
    ];
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(told, ["Done", "Collision"]);
    let found = fixture.store.find(one[0].id()).await.unwrap().unwrap();
    assert_eq!(found.state.number(), 1);
}

/// Codes of one slot that earn their next one wait together: one does, and the others are superseded.
#[tokio::test]
async fn those_who_earn_together_are_judged_in_turn() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let codes: Vec<_> = (0..4).map(|_| fixture.issue(&RECOVERY)).collect();
    let batch: Vec<_> = codes.iter().map(|code| code.record.clone()).collect();
    store.insert(&batch).await.unwrap();
    let rights: Vec<_> = codes
        .iter()
        .map(|code| fixture.right(&RECOVERY, code))
        .collect();
    let newer: Vec<_> = (0..4).map(|_| [fixture.issue(&RECOVERY).record]).collect();
    let earning = rights.iter().zip(&newer);
    let mut begun: Vec<_> = earning
        .map(|(right, earned)| verb(store.redeem_charged(right, FREE, earned, now())))
        .collect();
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    let redeems = |told: &&Told| matches!(told, Ok(told) if told.contains("Redeemed"));
    let superseded = |told: &&Told| matches!(told, Ok(told) if told.contains("Superseded"));
    assert_eq!(told.iter().filter(redeems).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(superseded).count(), 3, "{told:?}");
    let listed = store.list(&fixture.alice, Some(RECOVERY.purpose()), now());
    assert_eq!(listed.await.unwrap().len(), 1);
}

/// Two that earn one id wait together: the second fails alone, and its code is not spent.
#[tokio::test]
async fn earner_of_a_known_id_fails_alone() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let links = [fixture.insert(&LINK).await, fixture.insert(&LINK).await];
    let rights = links.each_ref().map(|link| fixture.right(&LINK, link));
    let session = [fixture.issue(&LINK).record];
    let mut begun: Vec<_> = rights
        .iter()
        .map(|right| verb(store.redeem_charged(right, FREE, &session, now())))
        .collect();
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    let redeems = |told: &&Told| matches!(told, Ok(told) if told.contains("Redeemed"));
    let twice = |told: &&Told| matches!(told, Err(StoreError::Corrupt("an id came up twice")));
    assert_eq!(told.iter().filter(redeems).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(twice).count(), 1, "{told:?}");
    let mut spent = 0;
    for link in &links {
        let found = store.find(link.record.id()).await.unwrap().unwrap();
        spent += u32::from(found.state.number() == 5);
    }
    assert_eq!(spent, 1);
}

/// Guesses that wait together are judged one after another: of eight wrong ones under a ceiling of five, five are charged, and the
/// right one behind them is refused. Of two with one code, the second is charged as a replay.
#[tokio::test]
async fn guesses_that_wait_together_are_judged_in_turn() {
    let fixture = Fixture::new().await;
    let charge = |name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let guess = |right: Option<u64>, charges| {
        let right = right.map(|counter| (factor.id, counter));
        let guess = Guess {
            right,
            charges,
            cleared: &[],
        };
        verb(fixture.store.advance_charged(guess, now()))
    };
    let (wrong, right) = ([charge("wrong")], [charge("right")]);
    let mut begun: Vec<_> = (0..8).map(|_| guess(None, &wrong)).collect();
    begun.push(guess(Some(9), &wrong));
    begun.extend((0..2).map(|_| guess(Some(9), &right)));
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    let (wrongs, others) = told.split_at(5);
    assert!(
        wrongs.iter().all(|told| told == "Answered(None)"),
        "{told:?}"
    );
    let (refused, others) = others.split_at(4);
    assert!(
        refused
            .iter()
            .all(|told| told.starts_with("Refused(Locked")),
        "{told:?}"
    );
    assert_eq!(
        others,
        ["Answered(Some(Accepted))", "Answered(Some(Replayed))"]
    );
    let mut left = 0;
    while fixture.store.spend(&right, now()).await.unwrap() == Spent::Allowed {
        left += 1;
    }
    assert_eq!(left, 4);
}
