//! What a browser does to an account, and what ends things.

use twofa_providers::{
    AddressChange, EnrolDetails, Operator, ResetReason, TwoFactorError,
    token_store::{
        FactorId, Revoke,
        ott_core::{Binding, OwnedBinding, RecordId, Subject},
    },
};

use super::{ADDRESS, Application, RESET, Step, session::Browser};
use crate::{telling::to, world::App};

impl Application {
    /// Starts an authenticator app.
    ///
    /// # Errors
    /// The engine's; a browser that is not signed in is refused, here and below.
    pub async fn start_app(&self, browser: &mut Browser) -> Result<App, TwoFactorError> {
        self.by_proof(browser, async |visit, fresh| {
            let epoch = self.accounts.of(&visit.subject).epoch;
            let details = EnrolDetails::new(&visit.subject, "somebody");
            let details = details.epoch(epoch).sign_in(&visit.sign_in);
            let engine = &self.world.engine;
            let enrolled = engine.enrol("totp", &details, "app", Some(fresh)).await?;
            Ok(App::new(&enrolled))
        })
        .await
    }

    /// Starts a mailbox.
    ///
    /// # Errors
    /// The engine's.
    pub async fn start_mailbox(
        &self,
        browser: &mut Browser,
        address: &str,
    ) -> Result<FactorId, TwoFactorError> {
        self.by_proof(browser, async |visit, fresh| {
            let (address, epoch) = (to(address), self.accounts.of(&visit.subject).epoch);
            let details = EnrolDetails::new(&visit.subject, "somebody").destination(&address);
            let details = details.epoch(epoch).sign_in(&visit.sign_in);
            let engine = &self.world.engine;
            let enrolled = engine.enrol("email", &details, "mailbox", Some(fresh));
            Ok(enrolled.await?.factor)
        })
        .await
    }

    /// Confirms what was started.
    ///
    /// # Errors
    /// The engine's.
    pub async fn confirm(&self, browser: &Browser, step: &Step<'_>) -> Result<(), TwoFactorError> {
        let visit = self.visit(browser).await?;
        let confirmed = self.confirm_in(&visit.subject, &visit.sign_in, step);
        confirmed.await.map(drop)
    }

    /// Removes a factor. Whoever has what was removed may have sessions, so all others end.
    ///
    /// # Errors
    /// The engine's.
    pub async fn remove(
        &self,
        browser: &mut Browser,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        self.ending_others(browser, async |_, fresh| {
            self.world.engine.remove(fresh, factor).await
        })
        .await
    }

    /// Renames a factor.
    ///
    /// # Errors
    /// The engine's.
    pub async fn rename(
        &self,
        browser: &mut Browser,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        self.by_proof(browser, async |_, fresh| {
            self.world.engine.rename(fresh, factor, label).await
        })
        .await
    }

    /// A new sheet of recovery codes.
    ///
    /// # Errors
    /// The engine's.
    pub async fn renew_codes(&self, browser: &mut Browser) -> Result<Vec<String>, TwoFactorError> {
        self.by_proof(browser, async |_, fresh| {
            let sheet = self.world.recovery.renew(fresh).await?;
            Ok(sheet.expose_secrets().map(str::to_owned).collect())
        })
        .await
    }

    /// Remembers this browser's device.
    ///
    /// # Errors
    /// The engine's.
    pub async fn remember(&self, browser: &mut Browser) -> Result<RecordId, TwoFactorError> {
        self.by_proof(browser, async |_, fresh| {
            let remembered = self.world.devices().remember(fresh, "device").await?;
            Ok(remembered.id)
        })
        .await
    }

    /// Trusts this browser's device: what it keeps.
    ///
    /// # Errors
    /// The engine's.
    pub async fn trust(&self, browser: &mut Browser) -> Result<String, TwoFactorError> {
        self.by_proof(browser, async |visit, fresh| {
            let trusted = self.world.trusted();
            let device = trusted.trust(fresh, &visit.sign_in, "device").await?;
            Ok(device.token.expose_secret().to_owned())
        })
        .await
    }

    /// Mails a link to another address: what it holds.
    ///
    /// # Errors
    /// The engine's.
    pub async fn ask_address(
        &self,
        browser: &mut Browser,
        address: &str,
    ) -> Result<String, TwoFactorError> {
        self.by_proof(browser, async |visit, _| {
            let (address, epoch) = (to(address), self.accounts.of(&visit.subject).epoch);
            let binding = Binding::subject(&visit.subject).epoch(epoch);
            let binding = binding.destination(&address);
            let issued = self.world.tokens.issue(&ADDRESS, &binding).await?;
            Ok(issued.token.expose_secret().to_owned())
        })
        .await
    }

    /// Changes the address to the one that got the link.
    ///
    /// # Errors
    /// The engine's.
    pub async fn change_address(
        &self,
        browser: &mut Browser,
        address: &str,
        link: &str,
    ) -> Result<(), TwoFactorError> {
        let changing = self.ending_others(browser, async |visit, _| {
            let (who, tokens) = (&visit.subject, &self.world.tokens);
            let account = self.accounts.of(who);
            let destination = to(address);
            let binding = Binding::subject(who).epoch(account.epoch);
            let binding = binding.destination(&destination).into_owned();
            let load = async |_| Ok(Some(binding));
            let redeemed = tokens.redeem_by_itself(&ADDRESS, "acme", link, load);
            let _ = redeemed.await?;
            let at = tokens.now();
            self.accounts.set_address(who, address, &visit.sign_in, at);
            Ok(account.address)
        });
        let old = changing.await?;
        let visit = self.visit(browser).await?;
        let (old, new) = (to(&old), to(address));
        let change = AddressChange {
            subject: &visit.subject,
            old: Some(&old),
            new: Some(&new),
            network: None,
            sign_in: Some(&visit.sign_in),
        };
        self.world.owner().address_changed(&change).await;
        Ok(())
    }

    /// Changes the password.
    ///
    /// # Errors
    /// The engine's.
    pub async fn change_password(
        &self,
        browser: &mut Browser,
        password: &str,
    ) -> Result<(), TwoFactorError> {
        self.ending_others(browser, async |visit, _| {
            self.accounts.set_password(&visit.subject, password);
            Ok(())
        })
        .await
    }

    /// Signs every other browser out, and whoever has a copy of this one's cookies.
    ///
    /// # Errors
    /// The engine's.
    pub async fn sign_out_everywhere(&self, browser: &mut Browser) -> Result<(), TwoFactorError> {
        self.ending_others(browser, async |_, _| Ok(())).await
    }

    /// Mails a link for a forgotten password to the account's address: what it holds. Anyone may ask.
    ///
    /// # Errors
    /// The engine's.
    pub async fn ask_reset(&self, who: &Subject) -> Result<String, TwoFactorError> {
        let account = self.accounts.of(who);
        let address = to(&account.address);
        let binding = Binding::subject(who).epoch(account.epoch);
        let binding = binding.destination(&address);
        let issued = self.world.tokens.issue(&RESET, &binding).await?;
        Ok(issued.token.expose_secret().to_owned())
    }

    /// Takes such a link, after which the password would be another one. It signs nobody in, and takes no second
    /// step off.
    ///
    /// # Errors
    /// The engine's.
    pub async fn take_reset(&self, who: &Subject, link: &str) -> Result<(), TwoFactorError> {
        let load = async |_| Ok(Some(self.at_home(who)));
        let tokens = &self.world.tokens;
        let taken = tokens.redeem_by_itself(&RESET, "acme", link, load);
        let _ = taken.await?;
        Ok(())
    }

    /// To a person at their present address, under their present epoch.
    fn at_home(&self, who: &Subject) -> OwnedBinding {
        let account = self.accounts.of(who);
        let address = to(&account.address);
        let binding = Binding::subject(who).epoch(account.epoch);
        binding.destination(&address).into_owned()
    }

    /// "This was not me": the engine undoes what is the engine's, and the application what is its own.
    ///
    /// # Errors
    /// The engine's.
    pub async fn not_me(&self, link: &str) -> Result<(), TwoFactorError> {
        let owner = self.world.owner();
        let not_me = owner.not_me("acme", link).await?;
        let (who, sign_in) = (&not_me.subject, not_me.sign_in.as_ref());
        self.end_sessions_of(who, sign_in).await?;
        // Nobody knows who asked for a link, and whoever needs one asks again.
        for purpose in [RESET.purpose(), ADDRESS.purpose()] {
            let links = Revoke::purpose(who, purpose);
            self.world.tokens.revoke(&links).await?;
        }
        if sign_in.is_some_and(|sign_in| self.accounts.restore_address(who, sign_in)) {
            self.accounts.raise_epoch(who);
        }
        owner.redeem_not_me(&not_me).await
    }

    /// Support staff made sure who asks: the account begins anew, with a password that was handed over and the
    /// address with which it began.
    ///
    /// # Errors
    /// The engine's.
    pub async fn operator_reset(
        &self,
        who: &Subject,
        password: &str,
    ) -> Result<(), TwoFactorError> {
        self.accounts.restore_first_address(who);
        self.accounts.set_password(who, password);
        self.accounts.raise_epoch(who);
        let operator = Operator::new(&self.world.engine);
        operator.reset(who, ResetReason::Compromised).await?;
        Ok(())
    }
}
