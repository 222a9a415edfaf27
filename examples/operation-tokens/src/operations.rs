//! The fourteen operations, as types and as rules.

use std::sync::Arc;

use async_trait::async_trait;
use contract_server::Documents;
use ott_flows::{
    Asked, BoxError, Check, FlowsBuilder, Hold, Operation, Parameters, Rules, Stage,
    ready::{
        ChangeAddress, ChangePhrase, ProveAddress, ProveOther, RecoverAddress, RecoverPassword,
        Register, RemoveFactor, TOO_SOON,
    },
    token_store::{
        TokenStore,
        ott_core::{Channel, Policy, Purpose},
    },
};

use crate::{
    settings::Settings,
    user::{KeyKind, User, user},
};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident $purpose:literal)+) => {
        $($(#[$doc])*
        pub(crate) struct $name;

        impl Operation for $name {
            const PURPOSE: Purpose = Purpose::new($purpose);
            type After = ();
        })+
    };
}

// The others come with `ott_flows::ready`.
operations! {
    /// 2. The second step of a sign-in.
    SignIn "login"
    /// 6. Another password.
    ChangePassword "password-changing"
    /// 7. An e-mail address more.
    AddEmail "user-key-adding-email"
    /// 8. A phone number more.
    AddPhone "user-key-adding-phone"
    /// 11. A key less.
    RemoveKey "user-key-removing"
    /// 13. An anti-phishing code.
    AddPhrase "anti-phishing-adding"
}

/// The purposes of all fourteen.
pub(crate) const PURPOSES: [Purpose; 14] = [
    Register::PURPOSE,
    SignIn::PURPOSE,
    RecoverPassword::PURPOSE,
    ProveOther::PURPOSE,
    RecoverAddress::PURPOSE,
    ChangePassword::PURPOSE,
    AddEmail::PURPOSE,
    AddPhone::PURPOSE,
    ProveAddress::PURPOSE,
    ChangeAddress::PURPOSE,
    RemoveKey::PURPOSE,
    ChangePhrase::PURPOSE,
    AddPhrase::PURPOSE,
    RemoveFactor::PURPOSE,
];

/// The policy of a purpose's tokens: six digits, as the contract has them.
pub(crate) fn policy(settings: &Settings, purpose: Purpose) -> Policy {
    let code = Policy::code(purpose)
        .lifetime(settings.token_lifetime())
        .spending_allowance(false);
    settings.flows().policy(code)
}

/// What is asked of an account, of the operation's parameters, and of whether MFA is switched on.
type Test = fn(&User, &Parameters, bool) -> bool;

/// A precondition that looks at the account's document.
struct Needs {
    documents: Arc<Documents>,
    mfa: bool,
    test: Test,
}

#[async_trait]
impl Check for Needs {
    async fn met(&self, asked: &Asked<'_>) -> Result<bool, BoxError> {
        let user = user(&mut self.documents.anywhere(), asked.subject.id()).await?;
        // Before the effect the document itself is changed by comparing.
        let applies = asked.stage == Stage::Apply;
        Ok(user.is_some_and(|user| applies || (self.test)(&user, asked.parameters, self.mfa)))
    }
}

/// The kind of the key that an operation is about, or of the factor: MFA by that key.
pub(crate) fn kind(parameters: &Parameters) -> Option<KeyKind> {
    let channel = parameters.channel().map(KeyKind::by);
    channel.or_else(|| KeyKind::read(parameters.factor()?))
}

fn of_kind(
    user: &User,
    parameters: &Parameters,
    test: impl FnOnce(&User, KeyKind) -> bool,
) -> bool {
    kind(parameters).is_some_and(|kind| test(user, kind))
}

pub(crate) fn has_key(user: &User, parameters: &Parameters, _: bool) -> bool {
    of_kind(user, parameters, |user, kind| user.key(kind).is_some())
}

pub(crate) fn lacks_key(user: &User, parameters: &Parameters, _: bool) -> bool {
    of_kind(user, parameters, |user, kind| user.key(kind).is_none())
}

pub(crate) fn has_other_key(user: &User, parameters: &Parameters, _: bool) -> bool {
    of_kind(user, parameters, |user, kind| {
        user.key(kind.other()).is_some()
    })
}

pub(crate) fn mfa_is_off(user: &User, parameters: &Parameters, mfa: bool) -> bool {
    !mfa || of_kind(user, parameters, |user, kind| !user.mfa(kind))
}

pub(crate) fn mfa_is_on(user: &User, parameters: &Parameters, _: bool) -> bool {
    of_kind(user, parameters, User::mfa)
}

const HAS: &str = "There is no such key";
const LACKS: &str = "There is such a key already";
const LAST: &str = "This is the last key";
const MFA_OFF: &str = "Disable MFA for this key first";
const MFA_ON: &str = "MFA is not enabled for this key";

/// Every operation with its rules.
pub(crate) fn add<S: TokenStore + ?Sized>(
    flows: FlowsBuilder<S>,
    documents: &Arc<Documents>,
    settings: &Settings,
) -> FlowsBuilder<S> {
    let (mfa, phishing) = (
        settings.multifactorAuthSystemEnabled,
        settings.antiPhishingCodeEnabled,
    );
    let needs = |test: Test| Needs {
        documents: Arc::clone(documents),
        mfa,
        test,
    };
    let own = |purpose| Rules::new(policy(settings, purpose));
    let changing = |purpose| own(purpose).check(TOO_SOON, settings.hold());
    let ready = |rules: fn(Policy, Hold) -> Rules, purpose| {
        rules(policy(settings, purpose), settings.hold())
    };
    flows
        .operation::<Register>(ready(Register::rules, Register::PURPOSE))
        .operation::<SignIn>(
            own(SignIn::PURPOSE)
                .switch(move || mfa)
                .check(MFA_ON, needs(mfa_is_on)),
        )
        .operation::<RecoverPassword>(ready(RecoverPassword::rules, RecoverPassword::PURPOSE))
        .operation::<ProveOther>(
            ready(ProveOther::rules, ProveOther::PURPOSE)
                .switch(move || mfa)
                .check_silently(HAS, needs(has_key)),
        )
        .operation::<RecoverAddress>(
            ready(RecoverAddress::rules, RecoverAddress::PURPOSE).switch(move || mfa),
        )
        .operation::<ChangePassword>(changing(ChangePassword::PURPOSE))
        .operation::<AddEmail>(changing(AddEmail::PURPOSE).check(LACKS, needs(lacks_key)))
        .operation::<AddPhone>(changing(AddPhone::PURPOSE).check(LACKS, needs(lacks_key)))
        .operation::<ProveAddress>(
            ready(ProveAddress::rules, ProveAddress::PURPOSE)
                .check(HAS, needs(has_key))
                .check(MFA_OFF, needs(mfa_is_off)),
        )
        .operation::<ChangeAddress>(
            ready(ChangeAddress::rules, ChangeAddress::PURPOSE)
                .check(HAS, needs(has_key))
                .check(MFA_OFF, needs(mfa_is_off)),
        )
        .operation::<RemoveKey>(
            changing(RemoveKey::PURPOSE)
                .check(HAS, needs(has_key))
                .check(LAST, needs(has_other_key))
                .check(MFA_OFF, needs(mfa_is_off)),
        )
        .operation::<ChangePhrase>(
            ready(ChangePhrase::rules, ChangePhrase::PURPOSE)
                .switch(move || phishing)
                .check(
                    "There is no anti-phishing code",
                    needs(|user, _, _| user.phrase.is_some()),
                ),
        )
        .operation::<AddPhrase>(
            own(AddPhrase::PURPOSE)
                .channels(&[Channel::Email])
                .switch(move || phishing)
                .check(
                    "There is an anti-phishing code already",
                    needs(|user, _, _| user.phrase.is_none()),
                ),
        )
        .operation::<RemoveFactor>(
            ready(RemoveFactor::rules, RemoveFactor::PURPOSE)
                .switch(move || mfa)
                .check(MFA_ON, needs(mfa_is_on)),
        )
}
