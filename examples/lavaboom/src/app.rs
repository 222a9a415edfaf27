//! What every request shares.

use std::sync::Arc;

use contract_server::{Engine, Fault, Ground, QuietTotp};
use ott_bearer::{
    Bearers, Kind,
    token_store::ott_core::{
        Format, Limit, Policy, Purpose,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use twofa_providers::{
    HotpProvider, Limits, TotpProvider, TwoFactor,
    oath_otp::{Hotp, Reach, Totp, Window},
    token_delivery::{Template, Templates},
    yubico::YubicoRemoteProvider,
};

use yubico_validation::Validation;

use crate::{settings::Settings, validation::client, weak::WeakPasswords};

/// Invitations: one for each account, good once.
pub(crate) const INVITATION: Policy = Policy::link(Purpose::new("verify"))
    .format(Format::alphanumeric(20))
    .lifetime(TimeDelta::hours(240));

/// Tokens of 119 bits that live for the hours of the settings.
fn auth(settings: &Settings) -> Kind {
    let policy = Policy::bearer(Purpose::new("auth"), settings.lifetime());
    Kind::of(policy.format(Format::alphanumeric(20)))
}

/// A counter's code is looked for in eleven places, and one of a clock in three: of a year's guesses at an account more
/// than one in a thousand is right. `docs/known-failures.md` tells it.
const ACCEPTED_GUESS_BOUND: u64 = u64::MAX;

/// What every request shares.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    pub(crate) bearers: Bearers,
    pub(crate) two_factor: TwoFactor,
    pub(crate) weak: WeakPasswords,
    pub(crate) validation: Arc<Validation>,
}

/// The words of every message.
pub(crate) fn words() -> Result<Templates, Fault> {
    let text = "{token} is your invitation code for {application}.";
    let invitation = Template::new(&INVITATION, "Your invitation to {application}", text);
    Ok(Templates::new("Lavaboom", [invitation])?)
}

impl App {
    /// `own` is where the validation server beside the API answers.
    pub(crate) async fn new(settings: Settings, ground: Ground, own: &str) -> Result<Self, Fault> {
        let kind = auth(&settings);
        let policies = [*kind.policy(), INVITATION];
        let engine = ground
            .engine(&policies, Limit::ALLOWANCE, Some(ACCEPTED_GUESS_BOUND))
            .await?;
        let hotp = Hotp {
            look_ahead: Reach::new(10)?,
            ..Hotp::default()
        };
        let (past, future) = (Reach::new(1)?, Reach::new(1)?);
        let totp = Totp {
            window: Window { past, future },
            ..Totp::default()
        };
        let (tokens, factors) = (Arc::clone(&engine.tokens), Arc::clone(&engine.factors));
        let validation = Validation::new(&tokens, Arc::clone(&factors));
        let client = client(&settings, &engine, &validation, own).await?;
        let two_factor = TwoFactor::builder(tokens, factors)
            .provider(HotpProvider::new(hotp))
            .provider(YubicoRemoteProvider::new(client))
            .provider(QuietTotp(TotpProvider::with("Lavaboom", totp)?))
            .limits(Limits {
                pace: settings.guess_limit.pace(),
                ..Limits::default()
            })
            .accepting_guess_bound(ACCEPTED_GUESS_BOUND)
            .build()?;
        Ok(Self {
            bearers: Bearers::new(&engine.tokens, kind)?,
            weak: WeakPasswords::new(&settings.weak_passwords),
            settings,
            engine,
            two_factor,
            validation: Arc::new(validation),
        })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.engine.now()
    }

    /// Removes limits that are as good as new, factors that were removed, and what was interrupted. No token: an expired one is there until
    /// somebody comes with it, and is told.
    pub(crate) async fn tidy(&self) -> Result<(), Fault> {
        self.end_interrupted().await?;
        let now = self.now();
        let before = now.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(now);
        let limits = self.engine.tokens.limit_store();
        while limits.purge_limits(before, 500).await? == 500 {}
        while self.engine.factors.purge_factors(before, 500).await? == 500 {}
        Ok(())
    }
}
