//! Factors and codes of another system: what was confirmed there verifies, and a rerun changes nothing.

use twofa_providers::{
    Attempt, Existing, Import, Imported, Response, TwoFactorError, UNDO_WITHIN,
    oath_otp::{Secret, Totp},
    token_store::{
        Clock as _, FactorState, FactorStore as _, Given,
        ott_core::{Binding, IssueOptions, Reason, chrono::TimeDelta},
    },
};

use super::sheets::{ALICE, left, recovered, renewed};
use crate::{
    Place, alice, subject,
    telling::{Telling, sign_in},
    world::{RECOVERY, World, reason},
};

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

/// Imported codes are on no sheet: they end with the first one that is made, and are back if that was not the owner.
pub async fn imported_codes_come_back(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner) = (&told.world, alice());
    let phone = told.add_app(&sign_in("mine"), None).await;
    let texts = [
        "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF",
        "GGGG-HHHH-IIII-JJJJ-KKKK-LLLL",
    ];
    let binding = Binding::subject(&owner);
    let adopted = world
        .tokens
        .issue_given(&RECOVERY, &binding, &texts, IssueOptions::default())
        .await;
    assert!(matches!(adopted, Ok(Given::New(_))));
    assert_eq!(left(world).await, 2);
    let (theirs, link) = renewed(&told, "theirs", &phone).await;
    assert_eq!(left(world).await, 10);
    assert_eq!(reason(recovered(world, texts[0]).await), Reason::Superseded);
    assert!(told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(world).await, 2);
    assert!(recovered(world, &theirs[0]).await.is_err());
    assert!(recovered(world, texts[0]).await.is_ok());
}

/// Codes that were imported end for good a week after a sheet took their place, as a replaced sheet does.
pub async fn imported_codes_end_after_a_week(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner) = (&told.world, alice());
    let phone = told.add_app(&sign_in("mine"), None).await;
    let text = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF";
    let binding = Binding::subject(&owner);
    let adopted = world
        .tokens
        .issue_given(&RECOVERY, &binding, &[text], IssueOptions::default())
        .await;
    assert!(matches!(adopted, Ok(Given::New(_))));
    let _ = renewed(&told, "theirs", &phone).await;
    world.pass(UNDO_WITHIN);
    let (_, link) = renewed(&told, "theirs", &phone).await;
    assert!(!told.not_me(&link).await.unwrap().recovery_restored);
    assert_eq!(left(world).await, 0);
    assert!(recovered(world, text).await.is_err());
}
