//! What the owner does about a thief.

use twofa_providers::{
    TwoFactorError,
    token_store::{FactorId, FactorState},
};

use super::{
    Answer, KINDS,
    case::{Case, NEW_PASSWORD},
};
use crate::application::{Browser, News, Step};

impl Case<'_> {
    /// Does this, if the owner gets to where it is done.
    pub(super) async fn answers(&mut self, answer: Answer) {
        match answer {
            Answer::NotMe => self.opens(self.links()).await,
            Answer::OldestLink => self.opens(self.links().take(1)).await,
            Answer::NewestLink => self.opens(self.links().last()).await,
            Answer::OneLink(kind) => {
                let of_it = self.news().find(|news| news.what == KINDS[kind].words());
                let of_it = of_it.expect("they were told of it with a link");
                self.opens([of_it.token]).await;
            }
            Answer::Operator => {
                let reset = self.app.operator_reset(&self.who, NEW_PASSWORD).await;
                reset.expect("support answers");
            }
            Answer::All => {
                self.opens(self.links()).await;
                if let Some(mut browser) = self.signed_in().await {
                    self.removes_strangers(&mut browser).await;
                    // A removal ends what proved it: the epoch is another.
                    let mut browser = self.signs_in().await.expect("signed in");
                    let renewed = self.app.renew_codes(&mut browser).await;
                    self.sheet = renewed.expect("a sheet");
                    let changed = self.app.change_password(&mut browser, NEW_PASSWORD);
                    changed.await.expect("changed");
                }
            }
            _ => {
                if let Some(mut browser) = self.signed_in().await {
                    self.answers_in(&mut browser, answer).await.expect("done");
                    self.browser = browser;
                }
            }
        }
    }

    async fn answers_in(
        &mut self,
        browser: &mut Browser,
        answer: Answer,
    ) -> Result<(), TwoFactorError> {
        match answer {
            Answer::RemoveFactor => self.removes_strangers(browser).await,
            Answer::ChangePassword => self.app.change_password(browser, NEW_PASSWORD).await?,
            Answer::ChangeAddress => {
                let present = self.app.accounts.of(&self.who).address;
                let mine = if present == self.home {
                    &self.work
                } else {
                    &self.home
                };
                let link = self.app.ask_address(browser, mine).await?;
                self.app.change_address(browser, mine, &link).await?;
            }
            Answer::Renew => self.sheet = self.app.renew_codes(browser).await?,
            Answer::SignOut => self.app.sign_out_everywhere(browser).await?,
            Answer::NotMe
            | Answer::OldestLink
            | Answer::NewestLink
            | Answer::OneLink(_)
            | Answer::Operator
            | Answer::All => {}
        }
        Ok(())
    }

    /// The links that reached one of the owner's mailboxes since the thief came.
    fn links(&self) -> impl Iterator<Item = String> + use<> {
        self.news().map(|news| news.token)
    }

    /// What came with those.
    fn news(&self) -> impl Iterator<Item = News> + use<> {
        let (home, work) = (self.home.clone(), self.work.clone());
        let news = self.app.news(self.sent).into_iter();
        let mine = news.filter(move |news| news.to == home || news.to == work);
        mine.filter(|news| !news.token.is_empty())
    }

    /// Opens links. One may have undone what the next is about.
    async fn opens(&self, links: impl IntoIterator<Item = String>) {
        for link in links {
            match self.app.not_me(&link).await {
                Ok(()) | Err(TwoFactorError::Rejected(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// Removes whatever is not in the owner's hands; and the phone, where removing is all that they do.
    async fn removes_strangers(&mut self, browser: &mut Browser) {
        let mut mine: Vec<_> = self.tablet.iter().map(|tablet| tablet.factor).collect();
        if self.has_phone() && self.cell.answer != Answer::RemoveFactor {
            mine.push(self.phone.factor);
        }
        let factors = self.app.world.engine.factors(&self.who).await;
        let factors = factors.expect("a list");
        let active = |factor: &&_| is_active(factor);
        if !factors
            .iter()
            .filter(active)
            .any(|own| mine.contains(&own.id))
        {
            // One must stay, so a new one comes first.
            let newer = self.app.start_app(browser).await.expect("started");
            let confirmed = self.app.confirm(browser, &Step::App(&newer)).await;
            confirmed.expect("confirmed");
            mine.push(newer.factor);
            self.newer = Some(newer);
        }
        for factor in factors {
            if !mine.contains(&factor.id) {
                self.removes(browser, &factor.id).await;
            }
        }
    }

    async fn removes(&mut self, browser: &mut Browser, factor: &FactorId) {
        for _ in 0..2 {
            match self.app.remove(browser, factor).await {
                // What proved it was removed just before, so they prove by something else.
                Err(TwoFactorError::ProofNeeded) => {
                    *browser = self.signs_in().await.expect("signed in");
                }
                // One that waited may have gone with another.
                Ok(()) | Err(TwoFactorError::Rejected(_)) => return,
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("they cannot prove what they are asked for");
    }

    /// A browser of the owner's that is signed in with a proof: theirs still, or by whatever they have.
    async fn signed_in(&mut self) -> Option<Browser> {
        let mut browser = self.browser.clone();
        if self.app.has_proof(&mut browser).await {
            return Some(browser);
        }
        self.signs_in().await
    }

    async fn signs_in(&mut self) -> Option<Browser> {
        let password = self.app.accounts.of(&self.who).password;
        let mut apps: Vec<_> = self.tablet.iter().chain(&self.newer).collect();
        if self.has_phone() {
            apps.push(&self.phone);
        }
        for app in apps {
            let step = Step::App(app);
            if let Ok(browser) = self.app.sign_in(&self.who, &password, &step).await {
                return Some(browser);
            }
        }
        let code = self.sheet.pop()?;
        let step = Step::Code(&code);
        self.app.sign_in(&self.who, &password, &step).await.ok()
    }

    /// Whether the owner gets in with what they have.
    pub(super) async fn owner_gets_in(&mut self) -> bool {
        if self.signs_in().await.is_some() {
            return true;
        }
        let password = self.app.accounts.of(&self.who).password;
        self.is_bare().await && self.app.first(&self.who, &password).await.is_ok()
    }

    /// Whether the account has no second step, so that the next sign-in sets one up.
    pub(super) async fn is_bare(&self) -> bool {
        let factors = self.app.world.engine.factors(&self.who).await;
        let factors = factors.expect("a list");
        let pending = FactorState::Pending;
        factors.iter().all(|factor| factor.state == pending)
    }
}

fn is_active(factor: &twofa_providers::FactorView) -> bool {
    factor.state == FactorState::Active
}
