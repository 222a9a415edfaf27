//! A thief, and what they took.

use twofa_providers::{
    SignInId,
    token_store::{
        FactorId,
        ott_core::{Handle, RecordId, Subject},
    },
};

use super::Act;
use crate::{
    application::{Application, Browser, Step},
    world::App,
};

/// The password that owner and thief know.
pub(super) const PASSWORD: &str = "correct horse";

/// What a thief has.
#[derive(Debug, Default)]
pub(super) struct Thief {
    pub(super) browsers: Vec<Browser>,
    pub(super) apps: Vec<App>,
    pub(super) mailboxes: Vec<FactorId>,
    /// A code that was sent to a mailbox of theirs.
    pub(super) code: Option<Mailed>,
    pub(super) started: Vec<App>,
    pub(super) started_mailboxes: Vec<Mailed>,
    /// A link to another address of theirs.
    pub(super) address: Option<String>,
    pub(super) sheet: Vec<String>,
    pub(super) devices: Vec<RecordId>,
    /// What their trusted devices keep.
    pub(super) trusted: Vec<String>,
    pub(super) reset: Option<String>,
    /// The sign-in in which they started before there was anything to prove.
    pub(super) early: Option<SignInId>,
    /// What they copied of the owner's sheet.
    pub(super) copied: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Mailed {
    pub(super) factor: FactorId,
    pub(super) handle: Handle,
    pub(super) code: String,
}

impl Mailed {
    pub(super) fn step(&self) -> Step<'_> {
        Step::Mailed(self.factor, &self.handle, &self.code)
    }
}

impl Thief {
    /// Starts a step while the password is all there is.
    pub(super) async fn comes_early(&mut self, app: &Application, who: &Subject, act: Act) {
        if !matches!(act, Act::Start | Act::All) {
            return;
        }
        let sign_in = app.first_step(who, PASSWORD).expect("the password");
        let started = app.start_first(who, &sign_in).await;
        self.started.push(started.expect("nothing is guarded yet"));
        self.early = Some(sign_in);
    }
}
