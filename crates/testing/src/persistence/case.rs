//! One cell, played on one account.

use std::collections::BTreeSet;

use twofa_providers::token_store::ott_core::{Subject, chrono::TimeDelta};

use super::{
    Cell, Left, Way,
    thief::{PASSWORD, Thief},
};
use crate::{
    application::{Application, Browser, Step},
    subject,
    world::App,
};

/// The password that the owner takes then.
pub(super) const NEW_PASSWORD: &str = "battery staple";

/// An account, its owner and its thief.
#[derive(Debug)]
pub struct Case<'a> {
    pub(super) app: &'a Application,
    pub(super) cell: Cell,
    pub(super) who: Subject,
    /// Where the owner reads mail.
    pub(super) home: String,
    /// Where they read mail, too.
    pub(super) work: String,
    /// Where the thief does.
    pub(super) lair: String,
    pub(super) phone: App,
    pub(super) tablet: Option<App>,
    pub(super) sheet: Vec<String>,
    /// The owner's browser.
    pub(super) browser: Browser,
    /// An app that the owner set up since.
    pub(super) newer: Option<App>,
    pub(super) thief: Thief,
    /// What was sent before the thief came.
    pub(super) sent: usize,
}

impl<'a> Case<'a> {
    /// An account with a phone, a tablet and a sheet; its owner is signed in by the tablet, or by the phone where that
    /// is the only step. Its number is new.
    pub async fn new(app: &'a Application, number: usize, cell: Cell) -> Self {
        let who = subject("acme", &number.to_string());
        let home = format!("owner{number}@example.org");
        app.accounts.register(&who, PASSWORD, &home);
        let mut thief = Thief::default();
        if cell.way == Way::PasswordAlone {
            // Before there is anything to prove, the password alone starts a step.
            thief.comes_early(app, &who, cell.act).await;
        }
        let (phone, mut browser) = app.first(&who, PASSWORD).await.expect("enrolled");
        let mut tablet = None;
        if cell.way != Way::OnlyPhone {
            let second = app.start_app(&mut browser).await.expect("started");
            let confirmed = app.confirm(&browser, &Step::App(&second)).await;
            confirmed.expect("confirmed");
            tablet = Some(second);
        }
        let sheet = app.renew_codes(&mut browser).await.expect("a sheet");
        let step = Step::App(tablet.as_ref().unwrap_or(&phone));
        let browser = app.sign_in(&who, PASSWORD, &step).await.expect("signed in");
        Self {
            app,
            cell,
            home,
            work: format!("owner{number}@work.example.org"),
            lair: format!("thief{number}@example.net"),
            phone,
            tablet,
            sheet,
            browser,
            newer: None,
            thief,
            sent: app.sent(),
            who,
        }
    }

    /// Plays it, and says what is left.
    pub async fn play(mut self) -> BTreeSet<Left> {
        self.gets_in().await;
        self.acts(self.cell.act).await;
        self.app.world.pass(TimeDelta::seconds(1));
        self.answers(self.cell.answer).await;
        self.left().await
    }

    async fn left(&mut self) -> BTreeSet<Left> {
        // The owner first: what the thief tries then changes the account.
        let owner_out = !self.owner_gets_in().await;
        let mut left = self.thief_has().await;
        if owner_out {
            left.insert(Left::OwnerOut);
        }
        left
    }

    /// Whether the phone is in the owner's hands.
    pub(super) fn has_phone(&self) -> bool {
        !matches!(self.cell.way, Way::StolenPhone | Way::OnlyPhone)
    }
}
