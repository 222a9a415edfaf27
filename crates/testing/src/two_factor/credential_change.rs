//! What is on its way when credentials change is worth nothing afterwards.

use twofa_providers::{
    Attempt, Proof, Response, TwoFactorError,
    token_store::{
        FactorChange, FactorId, FactorStore as _,
        ott_core::{Handle, Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    world::{App, World, reason},
};

const OLD: &str = "alice@example.org";
const NEW: &str = "alice@example.net";

/// An account with an app and an address, a sheet of codes, and a code in the mail.
struct Account {
    world: World,
    owner: Subject,
    app: App,
    mail: FactorId,
    sheet: Vec<String>,
    flow: Handle,
    mailed: String,
}

impl Account {
    async fn new(place: Place) -> Self {
        let (world, owner) = (World::new(place).await, alice());
        let app = world.confirmed(&owner, None).await;
        let proof = world.proof(&owner, &app).await;
        let mail = world.confirmed_email(&owner, OLD, Some(&proof)).await;
        let sheet = world.codes(&proof).await;
        let attempt = Attempt::new(&owner, "email").factor(mail).epoch(1);
        let requested = world.engine.request(&attempt).await.expect("sent");
        let flow = requested.handle.expect("a flow");
        let mailed = world.sent();
        Self {
            world,
            owner,
            app,
            mail,
            sheet,
            flow,
            mailed,
        }
    }

    async fn proof(&self) -> Proof {
        self.world.proof(&self.owner, &self.app).await
    }

    /// The code in the mail, under this epoch.
    async fn by_mail(&self, epoch: u64) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(&self.owner, "email")
            .factor(self.mail)
            .epoch(epoch)
            .handle(&self.flow);
        let typed = Response::typed(&self.mailed);
        self.world.engine.verify(&attempt, &typed).await
    }
}

/// Without a change the code in the mail counts.
pub async fn mailed_code_counts_without_a_change(place: Place) {
    let account = Account::new(place).await;
    assert!(account.by_mail(1).await.is_ok());
}

/// A new password voids the code in the mail, and not the printed sheet.
pub async fn new_password_voids_the_mailed_code(place: Place) {
    let account = Account::new(place).await;
    assert_eq!(reason(account.by_mail(2).await), Reason::Mismatch);
    let code = &account.sheet[0];
    assert!(account.world.recover(&account.owner, code).await.is_ok());
}

/// A new address voids the code that was sent to the old one.
pub async fn new_address_voids_the_code_to_the_old_one(place: Place) {
    let account = Account::new(place).await;
    let (world, owner) = (&account.world, &account.owner);
    let proof = account.proof().await;
    let new = world.confirmed_email(owner, NEW, Some(&proof)).await;
    world.remove(&proof, &account.mail).await.unwrap();
    assert_eq!(reason(account.by_mail(1).await), Reason::Unknown);
    // Nor is it good for the new address.
    let attempt = Attempt::new(owner, "email")
        .factor(new)
        .epoch(1)
        .handle(&account.flow);
    let typed = Response::typed(&account.mailed);
    let verified = world.engine.verify(&attempt, &typed).await;
    assert_eq!(reason(verified), Reason::Mismatch);
}

/// A removed app and a disabled address prove nothing any more.
pub async fn removed_and_disabled_prove_nothing(place: Place) {
    let account = Account::new(place).await;
    let (world, owner) = (&account.world, &account.owner);
    let proof = account.proof().await;
    let other = world.enrol(owner, Some(&proof)).await;
    let confirmed = world.confirm(owner, &other, &world.code(&other)).await;
    assert!(confirmed.is_ok());
    let engine = &world.engine;
    world.remove(&proof, &account.app.factor).await.unwrap();
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&account.app);
    if code != world.code(&other) {
        let attempt = Attempt::new(owner, "totp").factor(account.app.factor);
        let verified = engine.verify(&attempt, &Response::typed(&code)).await;
        assert_eq!(reason(verified), Reason::Unknown);
        assert_eq!(reason(world.verify(owner, &code).await), Reason::Mismatch);
    }
    let disable = FactorChange::Disable;
    assert!(world.store.update(&account.mail, &disable).await.unwrap());
    assert_eq!(reason(account.by_mail(1).await), Reason::Unknown);
}

/// A new sheet voids the old one.
pub async fn sheet_voids_the_one_before(place: Place) {
    let account = Account::new(place).await;
    let (world, owner) = (&account.world, &account.owner);
    let new = world.codes(&account.proof().await).await;
    for old in account.sheet.iter().take(5) {
        assert_eq!(reason(world.recover(owner, old).await), Reason::Superseded);
    }
    assert!(world.recover(owner, &new[0]).await.is_ok());
}
