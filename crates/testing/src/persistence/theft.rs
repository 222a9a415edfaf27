//! What a thief does, and what they have of it in the end.

use std::collections::BTreeSet;

use twofa_providers::{
    AddressChange, SignInId, TwoFactorError,
    token_store::{FactorId, ott_core::RecordId},
};

use super::{
    Act, Left, Way,
    case::Case,
    thief::{Mailed, PASSWORD},
};
use crate::application::{Browser, Step};

impl Case<'_> {
    /// The thief gets in as far as they can.
    pub(super) async fn gets_in(&mut self) {
        let browser = match self.cell.way {
            Way::StolenPhone | Way::OnlyPhone | Way::RelayedCode => {
                let step = Step::App(&self.phone);
                self.app.sign_in(&self.who, PASSWORD, &step).await
            }
            Way::StolenSheet => {
                // They copied it, so the owner has what is left of it, too.
                let code = self.sheet.remove(0);
                self.thief.copied.clone_from(&self.sheet);
                let step = Step::Code(&code);
                self.app.sign_in(&self.who, PASSWORD, &step).await
            }
            Way::BorrowedSession => Ok(self.browser.clone()),
            Way::PasswordAlone => return,
        };
        self.thief.browsers.push(browser.expect("they get in"));
    }

    /// The thief does this, if they are in.
    pub(super) async fn acts(&mut self, act: Act) {
        if matches!(act, Act::AskReset | Act::All) && self.thief.browsers.is_empty() {
            // Anyone may.
            self.asks_reset().await;
        }
        let Some(mut browser) = self.thief.browsers.pop() else {
            return self.tries_without_a_step().await;
        };
        let acted = match act {
            Act::All => self.does_all(&mut browser).await,
            _ => self.does(&mut browser, act).await,
        };
        acted.expect("nobody stopped them yet");
        // First: what they started, they started here.
        self.thief.browsers.insert(0, browser);
    }

    /// What takes a step is refused to the password alone.
    async fn tries_without_a_step(&self) {
        if let Ok(sign_in) = self.app.first_step(&self.who, PASSWORD) {
            let started = self.app.start_first(&self.who, &sign_in).await;
            assert!(matches!(started, Err(TwoFactorError::ProofNeeded)));
        }
    }

    async fn does_all(&mut self, browser: &mut Browser) -> Result<(), TwoFactorError> {
        self.does(browser, Act::Add).await?;
        self.proves_again(browser).await?;
        for act in [Act::Renew, Act::Rename, Act::Remove] {
            self.does(browser, act).await?;
        }
        let phone = self.phone.factor;
        self.proves_again(browser).await?;
        self.app.remove(browser, &phone).await?;
        for act in [
            Act::ChangeAddress,
            Act::Remember,
            Act::Trust,
            Act::Start,
            Act::AskReset,
        ] {
            self.proves_again(browser).await?;
            self.does(browser, act).await?;
        }
        Ok(())
    }

    /// By their own app: it proves when the owner's are gone, and under each epoch.
    async fn proves_again(&self, browser: &mut Browser) -> Result<(), TwoFactorError> {
        match self.thief.apps.last() {
            Some(added) => self.app.step_up(browser, &Step::App(added)).await,
            None => Ok(()),
        }
    }

    async fn does(&mut self, browser: &mut Browser, act: Act) -> Result<(), TwoFactorError> {
        let app = self.app;
        match act {
            Act::Add => {
                let added = app.start_app(browser).await?;
                app.confirm(browser, &Step::App(&added)).await?;
                let mailed = self.starts_mailbox(browser).await?;
                app.confirm(browser, &mailed.step()).await?;
                let step = Step::App(&added);
                let by_it = match self.cell.way {
                    Way::BorrowedSession => None,
                    _ => Some(app.sign_in(&self.who, PASSWORD, &step).await?),
                };
                self.thief.code = Some(self.asks_code(browser, mailed.factor).await?);
                self.thief.mailboxes.push(mailed.factor);
                self.thief.apps.push(added);
                self.thief.browsers.extend(by_it);
            }
            Act::Start => {
                self.thief.started.push(app.start_app(browser).await?);
                let mailed = self.starts_mailbox(browser).await?;
                self.thief.started_mailboxes.push(mailed);
                let elsewhere = format!("other-{}", self.lair);
                let link = app.ask_address(browser, &elsewhere).await?;
                self.thief.address = Some(link);
            }
            Act::Remove => match &self.tablet {
                Some(tablet) => app.remove(browser, &tablet.factor).await?,
                None if self.cell.act == Act::Remove => {
                    let removed = app.remove(browser, &self.phone.factor).await;
                    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
                }
                // The phone's turn comes.
                None => {}
            },
            Act::Rename => {
                let renamed = self.tablet.as_ref().unwrap_or(&self.phone);
                app.rename(browser, &renamed.factor, "phone").await?;
            }
            Act::Renew => self.thief.sheet = app.renew_codes(browser).await?,
            Act::ChangeAddress => {
                let link = app.ask_address(browser, &self.lair).await?;
                app.change_address(browser, &self.lair, &link).await?;
            }
            Act::Remember => self.thief.devices.push(app.remember(browser).await?),
            Act::Trust => self.trusts(browser).await?,
            Act::AskReset => self.asks_reset().await,
            Act::All => {}
        }
        Ok(())
    }

    /// A recovery code trusts no device.
    async fn trusts(&mut self, browser: &mut Browser) -> Result<(), TwoFactorError> {
        let trusted = self.app.trust(browser).await;
        if self.cell.way == Way::StolenSheet && self.cell.act == Act::Trust {
            assert!(matches!(trusted, Err(TwoFactorError::ProofNeeded)));
            return Ok(());
        }
        let token = trusted?;
        if self.cell.way != Way::BorrowedSession {
            let by_it = self
                .app
                .sign_in_trusted(&self.who, PASSWORD, &token)
                .await?;
            self.thief.browsers.push(by_it);
        }
        self.thief.trusted.push(token);
        Ok(())
    }

    async fn asks_reset(&mut self) {
        let link = self.app.ask_reset(&self.who).await;
        self.thief.reset = Some(link.expect("anyone may"));
    }

    async fn starts_mailbox(&self, browser: &mut Browser) -> Result<Mailed, TwoFactorError> {
        let factor = self.app.start_mailbox(browser, &self.lair).await?;
        self.asks_code(browser, factor).await
    }

    async fn asks_code(
        &self,
        browser: &Browser,
        factor: FactorId,
    ) -> Result<Mailed, TwoFactorError> {
        let requested = self.app.request(&self.who, &browser.sign_in, factor);
        let (handle, code) = requested.await?;
        Ok(Mailed {
            factor,
            handle,
            code,
        })
    }

    /// What works of all that the thief has.
    pub(super) async fn thief_has(&mut self) -> BTreeSet<Left> {
        let mut left = BTreeSet::new();
        let mut has = |what, there| {
            if there {
                left.insert(what);
            }
        };
        let mine = self.app.accounts.of(&self.who).address == self.lair;
        has(Left::Address, mine);
        has(Left::News, self.reads_news().await);
        let mut browsers = core::mem::take(&mut self.thief.browsers);
        for browser in &mut browsers {
            has(Left::Session, self.app.is_signed_in(browser).await);
            has(Left::Proof, self.app.has_proof(browser).await);
        }
        for device in &self.thief.devices {
            has(Left::Device, self.is_known(device).await);
        }
        for token in &self.thief.trusted {
            has(Left::Trust, self.is_trusted(token).await);
        }
        let sign_in = match (&self.thief.early, browsers.first()) {
            (Some(early), _) => early.clone(),
            (None, Some(browser)) => browser.sign_in.clone(),
            (None, None) => SignInId::new("nobody").expect("a name"),
        };
        if let Some(mailed) = self.thief.code.take() {
            has(Left::Code, self.proves(&sign_in, &mailed.step()).await);
        }
        for app in &self.thief.apps {
            let step = Step::App(app);
            has(Left::Factor, self.proves(&sign_in, &step).await);
        }
        for factor in &self.thief.mailboxes {
            let asked = self.app.request(&self.who, &sign_in, *factor).await;
            if let Ok((handle, code)) = asked {
                let step = Step::Mailed(*factor, &handle, &code);
                has(Left::Factor, self.proves(&sign_in, &step).await);
            }
        }
        if let Some(code) = self.thief.sheet.pop() {
            has(Left::Sheet, self.proves(&sign_in, &Step::Code(&code)).await);
        }
        has(Left::SignsIn, self.signs_in_anew().await);
        for app in &self.thief.started {
            has(
                Left::Pending,
                self.confirms(&sign_in, &Step::App(app)).await,
            );
        }
        for mailed in &self.thief.started_mailboxes {
            has(Left::Pending, self.confirms(&sign_in, &mailed.step()).await);
        }
        if let Some(link) = &self.thief.reset {
            let taken = self.app.take_reset(&self.who, link).await;
            has(Left::Reset, taken.is_ok());
        }
        // Last, since it raises the epoch.
        if let Some(link) = &self.thief.address {
            let elsewhere = format!("other-{}", self.lair);
            for browser in &mut browsers {
                let changed = self.app.change_address(browser, &elsewhere, link);
                has(Left::Address, changed.await.is_ok());
            }
        }
        left
    }

    async fn proves(&self, sign_in: &SignInId, step: &Step<'_>) -> bool {
        let verified = self.app.verify_in(&self.who, sign_in, step);
        verified.await.is_ok()
    }

    async fn confirms(&self, sign_in: &SignInId, step: &Step<'_>) -> bool {
        let confirmed = self.app.confirm_in(&self.who, sign_in, step);
        confirmed.await.is_ok()
    }

    async fn is_known(&self, device: &RecordId) -> bool {
        let epoch = self.app.accounts.of(&self.who).epoch;
        let known = self.app.world.devices().list(&self.who, Some(epoch)).await;
        let known = known.expect("a list");
        known.iter().any(|known| known.id == *device)
    }

    async fn is_trusted(&self, token: &str) -> bool {
        let epoch = Some(self.app.accounts.of(&self.who).epoch);
        let (engine, trusted) = (&self.app.world.engine, self.app.world.trusted());
        let found = trusted.recognise(engine, &self.who, epoch, token);
        found.await.expect("the store answers").is_some()
    }

    /// Whether news goes to the thief alone, lets them disown it, or goes to them though they are out.
    async fn reads_news(&self) -> bool {
        let before = self.app.sent();
        let any = AddressChange {
            subject: &self.who,
            old: None,
            new: None,
            network: None,
            sign_in: None,
        };
        self.app.world.owner().address_changed(&any).await;
        let news = self.app.news(before);
        assert!(!news.is_empty(), "somebody is told");
        let (theirs, mine): (Vec<_>, Vec<_>) = news.iter().partition(|news| news.to == self.lair);
        let linked = theirs.iter().any(|news| !news.token.is_empty());
        mine.is_empty() || linked || (!theirs.is_empty() && !self.is_told_at_the_lair().await)
    }

    /// Whether the account has an address of the thief's: its own, or a mailbox that they added.
    async fn is_told_at_the_lair(&self) -> bool {
        let factors = self.app.world.engine.factors(&self.who).await;
        let factors = factors.expect("a list");
        let added = |id: &FactorId| factors.iter().any(|factor| factor.id == *id);
        self.app.accounts.of(&self.who).address == self.lair
            || self.thief.mailboxes.iter().any(added)
    }

    /// Whether they get in by the password and whatever they stole or added.
    async fn signs_in_anew(&self) -> bool {
        if self.cell.way == Way::BorrowedSession {
            // They never knew the password.
            return false;
        }
        for token in &self.thief.trusted {
            let browser = self.app.sign_in_trusted(&self.who, PASSWORD, token);
            if browser.await.is_ok() {
                return true;
            }
        }
        let mut steps: Vec<_> = self.thief.apps.iter().map(Step::App).collect();
        match self.cell.way {
            Way::StolenPhone | Way::OnlyPhone => steps.push(Step::App(&self.phone)),
            Way::StolenSheet => {
                steps.extend(self.thief.copied.first().map(|code| Step::Code(code)))
            }
            _ => {}
        }
        steps.extend(self.thief.sheet.last().map(|code| Step::Code(code)));
        for step in &steps {
            let browser = self.app.sign_in(&self.who, PASSWORD, step).await;
            if browser.is_ok() {
                return true;
            }
        }
        self.is_bare().await && self.app.first(&self.who, PASSWORD).await.is_ok()
    }
}
