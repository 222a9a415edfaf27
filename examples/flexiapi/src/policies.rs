//! How each kind of token behaves, as the settings have it.

use twofa_providers::token_store::ott_core::{
    Format, Lookup, Matching, Policy, Purpose, SlotRule, Start, chrono::TimeDelta,
};

use crate::settings::{Settings, minutes};

/// Creation, recovery and request tokens: 77 bits.
const THIRTEEN: Format = Format::alphanumeric(13);
/// Four digits. What is drawn has no zero in front; what is typed may, and is wrong.
pub(crate) const PIN: Format = Format::builder("0123456789", 4).build();

/// What the contract asks for is weaker than our laws: four digits, each tried three times. What limits guesses is that
/// an account is blocked after five codes, which the figure of the policies does not see: to them the tries have no pace.
/// Until an administrator unblocks it, an account stands 15 guesses, one in 600. `docs/known-failures.md` lists it.
pub(crate) const ACCEPTED_GUESS_BOUND: u64 = 9_460_800_000_000_000_003;

/// A bearer of the accounts file: it has no end.
pub(crate) const GIVEN_KEY: Policy =
    Policy::bearer(Purpose::new("given-api-key"), TimeDelta::days(1)).until_revoked();
/// What the owner of a phone that is to change, or of a new address, is sent.
pub(crate) const PHONE_CODE: Purpose = Purpose::new("phone-change");
pub(crate) const EMAIL_CODE: Purpose = Purpose::new("email-change");
pub(crate) const RECOVERY_CODE: Purpose = Purpose::new("account-recovery");

/// Every policy of the server.
#[derive(Clone, Copy)]
pub(crate) struct Policies {
    pub(crate) request: Policy,
    pub(crate) creation: Policy,
    pub(crate) recovery: Policy,
    pub(crate) pairing: Policy,
    pub(crate) api_key: Policy,
    pub(crate) phone_code: Policy,
    pub(crate) email_code: Policy,
    pub(crate) recovery_code: Policy,
}

/// How long a pairing token lives, attached or not.
pub(crate) const PAIRING_LIFE: TimeDelta = TimeDelta::minutes(5);

impl Policies {
    pub(crate) fn new(settings: &Settings) -> Self {
        let short = |purpose, life| {
            let policy = Policy::link(Purpose::new(purpose)).format(THIRTEEN);
            let policy = policy.accepting_short_tokens().slot(SlotRule::Nothing);
            until(policy.requests(None), life)
        };
        let code = |purpose, life: core::num::NonZeroU32| {
            Policy::code(purpose)
                .format(PIN)
                .lifetime(TimeDelta::minutes(life.get().into()))
                .lookup(Lookup::ByHandle { attempts: 3 })
                .paced(None)
                .spending_allowance(false)
                .requests(None)
        };
        let api_key = Policy::bearer(Purpose::new("paired-api-key"), TimeDelta::days(1))
            .format(Format::alphanumeric(40))
            .slot(SlotRule::Subject)
            .until_revoked();
        Self {
            request: short(
                "creation-request",
                settings.account_creation_request_token_expiration_minutes,
            )
            .start(waiting(false)),
            creation: short(
                "account-creation",
                settings.account_creation_token_expiration_minutes,
            ),
            recovery: short(
                "account-recovery-token",
                settings.account_recovery_token_expiration_minutes,
            ),
            pairing: Policy::link(Purpose::new("pairing"))
                .format(Format::alphanumeric(32))
                .slot(SlotRule::Nothing)
                .requests(None)
                .lifetime(PAIRING_LIFE)
                .start(waiting(true)),
            api_key: match minutes(settings.api_key_expiration_minutes) {
                Some(idle) => api_key.idle(idle),
                None => api_key,
            },
            phone_code: code(PHONE_CODE, settings.phone_change_code_expiration_minutes),
            email_code: code(EMAIL_CODE, settings.email_change_code_expiration_minutes),
            recovery_code: code(RECOVERY_CODE, settings.recovery_code_expiration_minutes),
        }
    }

    pub(crate) const fn all(&self) -> [Policy; 9] {
        [
            GIVEN_KEY,
            self.request,
            self.creation,
            self.recovery,
            self.pairing,
            self.api_key,
            self.phone_code,
            self.email_code,
            self.recovery_code,
        ]
    }
}

const fn waiting(binds_subject: bool) -> Start {
    Start::Waiting {
        number: Matching::Nothing,
        binds_subject,
    }
}

fn until(policy: Policy, life: u32) -> Policy {
    match minutes(life) {
        Some(life) => policy.lifetime(life),
        None => policy.until_revoked(),
    }
}
