//! A renewed sheet of recovery codes: void at once, and back if the renewal was not the owner's.

use twofa_providers::{
    Attempt, News, Operator, Proof, ResetReason, Response, TwoFactorError, UNDO_WITHIN, Upkeep,
    events::RECOVERY_RESTORED,
    token_store::{
        FactorChange, FactorId, FactorState, FactorStore as _, MAX_FACTORS, Removal, StoredFactor,
        ott_core::{Reason, chrono::TimeDelta},
    },
};

use crate::{
    Meanwhile, Place, alice,
    telling::{Telling, sign_in},
    world::{App, RECOVERY, World, is_outage, reason},
};

pub(super) const ALICE: &str = "alice@example.org";

/// An owner with a phone and a sheet, which they made in the sign-in `mine`.
pub(super) async fn owner(place: Place) -> (Telling, App, Vec<String>) {
    let told = Telling::new(place, &[ALICE]).await;
    let mine = sign_in("mine");
    let phone = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &phone).await;
    let sheet = told.world.codes(&proof).await;
    let _ = told.arrived();
    (told, phone, sheet)
}

/// A new sheet, made in this sign-in, and the link of the notice that tells of it.
pub(super) async fn renewed(told: &Telling, name: &str, app: &App) -> (Vec<String>, String) {
    let proof = told.proof(&sign_in(name), app).await;
    let _ = told.arrived();
    let sheet = told.world.codes(&proof).await;
    (sheet, told.arrived().remove(0).token)
}

pub(super) async fn recovered(world: &World, code: &str) -> Result<Proof, TwoFactorError> {
    world.recover(&alice(), code).await
}

pub(super) async fn left(world: &World) -> usize {
    world.recovery.left(&alice()).await.expect("a number")
}

/// The row of the sheet that stands.
pub(super) async fn standing(world: &World) -> FactorId {
    let rows = world.store.factors(&alice()).await.expect("rows");
    let mut spare = rows.iter().filter(|row| row.state == FactorState::Spare);
    let id = spare.next().expect("a sheet").id;
    assert!(spare.next().is_none(), "one sheet stands");
    id
}

/// "This was not me" brings back the sheet that the sign-in replaced, but for the codes that were used, and the codes
/// of the newer sheet are void. The owner is told.
pub async fn disowned_renewal_brings_the_sheet_back(place: Place) {
    let (told, phone, mine) = owner(place).await;
    let world = &told.world;
    assert!(recovered(world, &mine[0]).await.is_ok());
    let (theirs, link) = renewed(&told, "theirs", &phone).await;
    let refused = recovered(world, &mine[1]).await;
    assert_eq!(reason(refused), Reason::Superseded);
    world.log.drain();
    let used = told.not_me(&link).await.unwrap();
    assert!(world.log.whats().contains(&RECOVERY_RESTORED.to_owned()));
    assert_eq!(
        (used.news, used.recovery_codes),
        (News::RecoveryRenewed, 10)
    );
    assert!(used.recovery_restored);
    let (addresses, what) = told.told();
    assert_eq!(addresses, [ALICE]);
    assert_eq!(what.as_deref(), Some(News::RecoveryRestored.words()));
    assert_eq!(left(world).await, 9);
    for code in &theirs {
        assert!(matches!(
            recovered(world, code).await,
            Err(TwoFactorError::Rejected(_))
        ));
    }
    assert_eq!(reason(recovered(world, &mine[0]).await), Reason::Spent);
    for code in &mine[1..] {
        assert!(recovered(world, code).await.is_ok());
        world.pass(TimeDelta::days(30));
    }
    assert_eq!(left(world).await, 0);
}

/// Links of one renewal that are opened at once undo it once, and none of them meets an outage.
pub async fn links_at_once_bring_one_sheet_back(place: Place) {
    for _ in 0..place.often(10, 2) {
        let (told, phone, mine) = owner(place).await;
        let (_, link) = renewed(&told, "theirs", &phone).await;
        let owner = told.world.owner();
        let undo = || owner.not_me("acme", &link);
        let (one, two, three, four) = tokio::join!(undo(), undo(), undo(), undo());
        let undone = [one, two, three, four].map(|undone| undone.expect("it is done"));
        let restored = undone.iter().filter(|undone| undone.recovery_restored);
        assert!(restored.count() >= 1);
        let _ = standing(&told.world).await;
        assert_eq!(left(&told.world).await, 10);
        assert!(recovered(&told.world, &mine[0]).await.is_ok());
    }
}

/// Codes that somebody types while their sheet is replaced are not used up.
pub async fn replaced_codes_are_not_used_up(place: Place) {
    let (told, phone, mine) = owner(place).await;
    let (_, link) = renewed(&told, "theirs", &phone).await;
    for code in &mine {
        let refused = recovered(&told.world, code).await;
        assert_eq!(reason(refused), Reason::Superseded);
        told.world.pass(TimeDelta::minutes(10));
    }
    assert!(told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(&told.world).await, 10);
    assert!(recovered(&told.world, &mine[9]).await.is_ok());
}

/// A sheet that goes while its code is redeemed proves nothing.
pub async fn sheet_that_goes_meanwhile_proves_nothing(place: Place) {
    let (told, _, mine) = owner(place).await;
    let world = &told.world;
    let sheet = standing(world).await;
    world.store.meanwhile(Meanwhile::Removes(sheet));
    let refused = recovered(world, &mine[0]).await;
    assert_eq!(reason(refused), Reason::Superseded);
    assert!(!world.log.whats().contains(&"provider.verified".to_owned()));
}

/// A sheet that the owner made since stays, and brings no older one back.
pub async fn newer_sheet_of_the_owner_stays(place: Place) {
    let (told, phone, first) = owner(place).await;
    let (theirs, link) = renewed(&told, "theirs", &phone).await;
    let (mine, _) = renewed(&told, "mine again", &phone).await;
    let used = told.not_me(&link).await.unwrap();
    assert_eq!((used.recovery_codes, used.recovery_restored), (0, false));
    for dead in [&first[0], &theirs[0]] {
        assert!(recovered(&told.world, dead).await.is_err());
    }
    assert_eq!(left(&told.world).await, 10);
    assert!(recovered(&told.world, &mine[0]).await.is_ok());
}

/// However often a thief renews, in one sign-in or in two, and in whichever order the owner disowns them: the owner's
/// sheet is back, and none of the thief's.
pub async fn sheet_of_a_thief_stays_away(place: Place) {
    for second in ["theirs", "theirs too"] {
        for order in [[0, 1], [1, 0]] {
            let (told, phone, mine) = owner(place).await;
            let (one, first) = renewed(&told, "theirs", &phone).await;
            let (other, last) = renewed(&told, second, &phone).await;
            let links = [first, last];
            for which in order {
                let _ = told.not_me(&links[which]).await.unwrap();
            }
            let what = format!("{second}, {order:?}");
            assert_eq!(left(&told.world).await, 10, "{what}");
            for dead in [&one[0], &other[0]] {
                assert!(recovered(&told.world, dead).await.is_err(), "{what}");
            }
            assert!(recovered(&told.world, &mine[0]).await.is_ok(), "{what}");
        }
    }
}

/// A factor that a thief added in one sign-in and removed in another does not come back, whichever is disowned first.
pub async fn factor_of_a_thief_stays_away(place: Place) {
    for order in [[0, 1], [1, 0]] {
        let (told, phone, _) = owner(place).await;
        let (theirs, later) = (sign_in("theirs"), sign_in("later"));
        let stolen = told.proof(&theirs, &phone).await;
        let planted = told.add_app(&theirs, Some(&stolen)).await;
        let added = told.arrived().remove(0).token;
        let stolen = told.proof(&later, &phone).await;
        told.world.remove(&stolen, &planted.factor).await.unwrap();
        let links = [added, told.arrived().remove(0).token];
        for which in order {
            let _ = told.not_me(&links[which]).await.unwrap();
        }
        told.world.pass(TimeDelta::seconds(30));
        let owner = alice();
        let attempt = Attempt::new(&owner, "totp").factor(planted.factor);
        let code = told.world.code(&planted);
        let verified = told
            .world
            .engine
            .verify(&attempt, &Response::typed(&code))
            .await;
        assert!(
            matches!(verified, Err(TwoFactorError::Rejected(_))),
            "{order:?}"
        );
        let factors = told.world.engine.factors(&owner).await.unwrap();
        let active = factors
            .iter()
            .filter(|factor| factor.state == FactorState::Active);
        let active: Vec<_> = active.map(|factor| factor.id).collect();
        assert_eq!(active, [phone.factor], "{order:?}");
    }
}

/// A renewal is undone for a week. Then the older sheet's row goes, and with the next renewal its codes.
pub async fn renewal_is_undone_for_a_week(place: Place) {
    let (told, phone, mine) = owner(place).await;
    let world = &told.world;
    let (theirs, _) = renewed(&told, "theirs", &phone).await;
    world.pass(UNDO_WITHIN);
    // A later link of the same sign-in, when the first one's week is over.
    let proof = told.proof(&sign_in("theirs"), &phone).await;
    let _ = told.arrived();
    let _ = told.add_app(&sign_in("theirs"), Some(&proof)).await;
    let link = told.arrived().remove(0).token;
    let used = told.not_me(&link).await.unwrap();
    assert_eq!((used.recovery_codes, used.recovery_restored), (10, false));
    for dead in [&mine[0], &theirs[0]] {
        assert!(recovered(world, dead).await.is_err());
    }
    assert_eq!(left(world).await, 0);
    // The owner's older sheet; the thief's was ended just now.
    let purged = Upkeep::new(&world.engine).purge_factors(10).await;
    assert_eq!(purged.unwrap(), 1);
    let _ = renewed(&told, "mine again", &phone).await;
    let kept = world.tokens.list(&RECOVERY, &alice()).await.unwrap();
    assert_eq!(kept.len(), 10, "only codes of sheets that can come back");
}

/// A reset takes every sheet off for good, also those that a link could have brought back.
pub async fn reset_ends_every_sheet(place: Place) {
    let (told, phone, mine) = owner(place).await;
    let (theirs, link) = renewed(&told, "theirs", &phone).await;
    let operator = Operator::new(&told.world.engine);
    let reset = operator.reset(&alice(), ResetReason::Lost).await.unwrap();
    assert_eq!(reset.recovery_codes, 10);
    let rows = told.world.store.factors(&alice()).await.expect("rows");
    assert!(rows.iter().all(|row| row.state == FactorState::Removed));
    assert!(!told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(&told.world).await, 0);
    for dead in [&mine[0], &theirs[0]] {
        assert!(recovered(&told.world, dead).await.is_err());
    }
}

/// A sheet is no factor: it is not listed, renamed or removed as one, and a first factor is one beside it.
pub async fn sheet_is_no_factor(place: Place) {
    let (told, phone, mine) = owner(place).await;
    let (world, owner) = (&told.world, alice());
    let sheet = standing(world).await;
    let proof = told.proof(&sign_in("mine"), &phone).await;
    assert_eq!(world.engine.factors(&owner).await.unwrap().len(), 1);
    let renamed = world.rename(&proof, &sheet, "sheet").await;
    assert_eq!(reason(renamed), Reason::Unknown);
    assert_eq!(reason(world.remove(&proof, &sheet).await), Reason::Unknown);
    // It keeps no last factor from staying, and nobody from a first one.
    let removed = world.remove(&proof, &phone.factor).await;
    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    world.remove_last_too(&proof, &phone.factor).await.unwrap();
    let newer = world.confirmed(&owner, None).await;
    assert_eq!(left(world).await, 10);
    assert!(recovered(world, &mine[0]).await.is_ok());
    let _ = world.proof(&owner, &newer).await;
}

/// An outage on the way leaves the sheet that was there, and the next renewal leaves one.
pub async fn renewal_that_fails_leaves_the_sheet(place: Place) {
    for verb in ["factors", "insert_factor", "insert", "remove"] {
        let (told, phone, mine) = owner(place).await;
        let world = &told.world;
        let proof = told.proof(&sign_in("mine"), &phone).await;
        let fresh = world.engine.fresh(&alice(), None, &proof).await.unwrap();
        world.store.fail(verb);
        assert!(is_outage(&world.recovery.renew(&fresh).await), "{verb}");
        world.store.recover();
        if verb == "insert" {
            // The sheet of the codes that were not stored went with them.
            let _ = standing(world).await;
        }
        assert!(recovered(world, &mine[0]).await.is_ok(), "{verb}");
        let newer = world.codes(&proof).await;
        assert_eq!(left(world).await, 10, "{verb}");
        assert!(recovered(world, &mine[1]).await.is_err(), "{verb}");
        assert!(recovered(world, &newer[0]).await.is_ok(), "{verb}");
        let _ = standing(world).await;
    }
}

/// A sheet whose row somebody edited keeps its codes, and "this was not me" goes on without it.
pub async fn edited_sheet_stops_no_link(place: Place) {
    let (told, phone, _) = owner(place).await;
    let (_, link) = renewed(&told, "theirs", &phone).await;
    let sheet = standing(&told.world).await;
    let rows = told.world.store.factors(&alice()).await.unwrap();
    let row = rows.iter().find(|row| row.id == sheet).expect("a row");
    let broken = FactorChange::Seal {
        old: row.sealed.clone(),
        new: vec![0; 40],
    };
    assert!(told.world.store.update(&sheet, &broken).await.unwrap());
    let used = told.not_me(&link).await.unwrap();
    assert_eq!((used.recovery_codes, used.recovery_restored), (0, false));
}

/// Whoever renews for days, as often as they may, fills no list of rows: what they replace after that comes back, too.
pub async fn renewals_for_days_hide_no_sheet(place: Place) {
    let (told, phone, _) = owner(place).await;
    let world = &told.world;
    let theirs = sign_in("theirs");
    let began = world.tokens.now();
    for _ in 0..place.often(3_000, 15) {
        if world.tokens.now() - began > TimeDelta::days(6) {
            break;
        }
        let proof = told.proof(&theirs, &phone).await;
        match world.try_codes(&proof).await {
            Ok(_) => {}
            Err(TwoFactorError::Throttled { retry_after, .. }) => {
                world.pass(retry_after.expect("a time"));
            }
            Err(error) => panic!("{error}"),
        }
    }
    world.pass(TimeDelta::hours(2));
    let (mine, _) = renewed(&told, "mine again", &phone).await;
    let (last, link) = renewed(&told, "theirs", &phone).await;
    assert!(recovered(world, &mine[0]).await.is_err());
    assert!(told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(world).await, 10);
    assert!(recovered(world, &mine[0]).await.is_ok());
    assert!(recovered(world, &last[0]).await.is_err());
}

/// Where not every row is listed, no code is taken for one of a sheet that is gone.
pub async fn crowded_list_forgets_no_code(place: Place) {
    let (told, phone, _) = owner(place).await;
    let world = &told.world;
    let rows = world.store.factors(&alice()).await.expect("rows");
    let own = rows.iter().find(|row| row.id == phone.factor);
    let own = own.expect("the phone");
    for number in 0..MAX_FACTORS {
        let mut id = [0xcc; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let removed = StoredFactor {
            id: FactorId::from_bytes(id),
            state: FactorState::Removed,
            created_at: own.created_at - TimeDelta::days(1),
            removal: Some(Removal {
                from: FactorState::Active,
                by: Vec::new(),
                at: own.created_at,
            }),
            ..own.clone()
        };
        assert!(world.store.insert_factor(&removed).await.expect("a row"));
    }
    let _ = renewed(&told, "theirs", &phone).await;
    let kept = world.tokens.list(&RECOVERY, &alice()).await.unwrap();
    assert_eq!(kept.len(), 20);
    assert_eq!(left(world).await, 10);
}

/// A renewal that another one overtakes says so, and shows no codes that are void.
pub async fn overtaken_renewal_shows_no_codes(place: Place) {
    let (told, phone, _) = owner(place).await;
    let world = &told.world;
    let proof = told.proof(&sign_in("mine"), &phone).await;
    let held = world.store.hold_insert();
    let overtaking = async {
        held.reached().await;
        let codes = world.codes(&proof).await;
        held.go_on();
        codes
    };
    let (overtaken, codes) = tokio::join!(world.try_codes(&proof), overtaking);
    assert_eq!(reason(overtaken), Reason::Superseded);
    assert_eq!(left(world).await, 10);
    assert!(recovered(world, &codes[0]).await.is_ok());
}

/// A sheet that the owner replaced does not come back in place of the one that a thief replaced.
pub async fn sheet_of_before_the_last_stays_void(place: Place) {
    let (told, phone, first) = owner(place).await;
    let world = &told.world;
    let _ = renewed(&told, "mine again", &phone).await;
    let last = standing(world).await;
    let (_, link) = renewed(&told, "theirs", &phone).await;
    let rows = world.store.factors(&alice()).await.unwrap();
    let row = rows.iter().find(|row| row.id == last).expect("a row");
    let broken = FactorChange::Seal {
        old: row.sealed.clone(),
        new: vec![0; 40],
    };
    assert!(world.store.update(&last, &broken).await.unwrap());
    assert!(!told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(world).await, 0);
    assert!(recovered(world, &first[0]).await.is_err());
}
