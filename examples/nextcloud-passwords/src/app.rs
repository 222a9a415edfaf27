//! What every request shares: the engine, its policies, the sessions.

use core::hash::{Hash as _, Hasher as _};
use std::{hash::DefaultHasher, sync::Arc};

use contract_server::{Attempts, Engine, Fault, Ground, Notifications, QuietTotp, Sessions};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use twofa_providers::{
    CodeProvider, Limits, PromptLimits, Prompts, RecoveryCodes, TotpProvider, TwoFactor,
    oath_otp::{Reach, Totp, Window},
    token_delivery::{Template, Templates},
    token_store::ott_core::{
        Format, Limit, Lookup, Matching, Policy, Purpose, SlotRule, Start, chrono::TimeDelta,
    },
};

use crate::settings::Settings;

/// App tokens and backup codes. Their texts are given, and named by a keyed digest: nothing here knows how they were
/// drawn. App tokens live until they are destroyed.
pub(crate) const APP_TOKEN: Policy =
    Policy::bearer(Purpose::new("app-token"), TimeDelta::days(1)).until_revoked();
pub(crate) const BACKUP_CODE: Policy = Policy::recovery(Purpose::new("backup-code"))
    .format(Format::LINK)
    .slot(SlotRule::Nothing);
/// What a user is told of their account.
pub(crate) const LOCKED: Purpose = Purpose::new("account-locked");
pub(crate) const NOTIFICATION: Purpose = Purpose::new("notification");
const MAIL_CODE: Purpose = Purpose::new("mail-code");
const SESSION: Purpose = Purpose::new("session");

/// So many users get a code by mail at once; some share a place, by chance.
const MAILING: usize = 64;

/// The provider of notifications, as its app calls it.
pub(crate) const NOTIFIER: &str = "twofactor_nextcloud_notification";

/// What the contract asks for is weaker than our laws: its count of failures is the one thing that refuses a guess, and
/// an app token is not refused by that. A code of the app is right at seven of a million (three steps either way); a
/// notification shows no number. So no figure is a bound, and each is accepted: `docs/known-failures.md` tells it.
const ACCEPTED_GUESS_BOUND: u64 = u64::MAX;

/// What every request shares.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    pub(crate) two_factor: TwoFactor,
    pub(crate) notifications: Notifications,
    pub(crate) sessions: Sessions<Kept>,
    pub(crate) attempts: Attempts,
    mailing: [Mutex<()>; MAILING],
    pub(crate) https: bool,
}

/// What is kept of a session beside its token.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Kept {
    pub(crate) authorised: bool,
    /// The flow's handle of the newest code by mail.
    pub(crate) mail: Option<String>,
    /// The newest code for a reset.
    pub(crate) reset: Option<String>,
}

/// The words of every message.
pub(crate) fn words() -> Result<Templates, Fault> {
    let code = "{token} is your code for {application}. It is good once, and for a few minutes.";
    let locked = "{what} ({at}). If that was not you, change your password.";
    let mail = Policy::code(MAIL_CODE);
    let words = [
        Template::new(&mail, "Your code for {application}", code),
        Template::notice(&LOCKED, "News about your account", locked),
    ];
    Ok(Templates::new("Passwords", words)?)
}

impl App {
    pub(crate) async fn new(
        settings: Settings,
        ground: Ground,
        https: bool,
    ) -> Result<Self, Fault> {
        let seconds = |lifetime: core::num::NonZeroU32| TimeDelta::seconds(lifetime.get().into());
        let session = Policy::bearer(SESSION, TimeDelta::days(1)).until_revoked();
        let session = session.idle(settings.session_idle());
        // A wrong try spends no code; how often one may try is the account's matter.
        let mail_code = Policy::code(MAIL_CODE)
            .lifetime(seconds(settings.mail_code_lifetime_seconds))
            .lookup(Lookup::ByHandle { attempts: u16::MAX });
        // The contract's notification shows no number.
        let notification = Policy::prompt(NOTIFICATION)
            .lifetime(seconds(settings.notification_lifetime_seconds))
            .start(Start::Waiting {
                number: Matching::Nothing,
                binds_subject: false,
            });
        let policies = [APP_TOKEN, BACKUP_CODE, session, mail_code, notification];
        let allowance = settings.guess_allowance.allowance();
        let engine = ground
            .engine(&policies, allowance, Some(ACCEPTED_GUESS_BOUND))
            .await?;
        let (tokens, factors) = (&engine.tokens, &engine.factors);

        let prompts = Prompts::accepting_no_number(tokens, Arc::clone(factors), &notification)?
            .id(NOTIFIER)
            .words("Nextcloud Notification", "Approve it on another device")
            // The contract has one limit, over all providers; a denial keeps nothing away. So many are for requests at once
            // whose clocks were read half a minute apart.
            .limits(PromptLimits::new(
                36_500,
                TimeDelta::milliseconds(1),
                36_500,
            ));
        let (past, future) = (Reach::new(3)?, Reach::new(3)?);
        let totp = Totp {
            window: Window { past, future },
            ..Totp::default()
        };
        let send = settings.send_limit.pace();
        let two_factor = TwoFactor::builder(Arc::clone(tokens), Arc::clone(factors))
            .provider(QuietTotp(TotpProvider::with("Passwords", totp)?))
            .prompts(&prompts)
            .provider(CodeProvider::email(
                &mail_code,
                Arc::clone(&engine.delivery),
            )?)
            .recovery_codes(&RecoveryCodes::new(
                tokens,
                Arc::clone(factors),
                &BACKUP_CODE,
            )?)
            .limits(Limits {
                pace: settings.guess_limit.pace(),
                ceiling: Limit::ceiling(settings.guess_ceiling.get()),
                requests: send,
                destination: send,
                ..Limits::default()
            })
            .accepting_guess_bound(ACCEPTED_GUESS_BOUND)
            .build()?;
        let origin = "Nextcloud Passwords";
        Ok(Self {
            notifications: Notifications::new(prompts, notification, NOTIFIER, origin),
            sessions: Sessions::new(session),
            attempts: Attempts(settings.failed_attempts),
            mailing: [const { Mutex::const_new(()) }; MAILING],
            settings,
            engine,
            two_factor,
            https,
        })
    }

    /// One code by mail at a time for a user: the one that goes out last is the one that its session keeps.
    /// Held within one request, in this process: docs/adr/0118 says what two processes cost.
    pub(crate) async fn mailing(&self, user: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        user.hash(&mut hasher);
        let places = u64::try_from(MAILING).ok()?;
        let place = usize::try_from(hasher.finish().checked_rem(places)?).ok()?;
        Some(self.mailing.get(place)?.lock().await)
    }

    /// Removes what is dead.
    pub(crate) async fn tidy(&self) -> Result<(), Fault> {
        let unused = self.settings.session_unused();
        self.engine.purge(unused).await?;
        self.sessions.tidy(&self.engine, unused).await?;
        self.notifications.tidy(&self.engine).await
    }
}
