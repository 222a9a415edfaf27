//! Operations that most applications have, each a few lines over the same engine.
//!
//! Each is a type with its [`Rules`] and the parameters of its token; add what only the application knows: switches and
//! checks. What a change may do is said by its type, and nothing else is:
//!
//! | operation | begun by | its token goes to | then |
//! | --- | --- | --- | --- |
//! | [`Register`] | anyone | the new address | an account with that address is made |
//! | [`ProveAddress`], then [`ChangeAddress`] | who is signed in | the old address, then the new one | the new one takes the old one's place |
//! | [`RecoverPassword`] | anyone | a verified address | the password is set; second factors stay and are asked for at the next sign-in |
//! | [`ProveOther`], then [`RecoverAddress`] | anyone | an address of the other kind, then the new one | the new one takes the lost one's place |
//! | [`RemoveFactor`] | who is signed in | a verified address | the factor that is named is removed |
//! | [`ChangePhrase`] | who is signed in | a verified e-mail address | the anti-phishing code is set |
//! | [`DeleteAccount`] | who is signed in | a verified address | the account is deleted |
//! | [`Pay`] | who is signed in | a verified address | the amount that the token names goes to the payee that it names |
//!
//! [`Hold::DEFAULT`] stands before what changes how a person who is signed in signs in, or ends their account: 48 hours after a
//! recovery, 24 after a change.

use token_store::ott_core::{Channel, Destination, Policy, Purpose};

use crate::{Check, Hold, Operation, Parameters, Proof, Rules};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident $purpose:literal $after:ty, $rules:expr;)+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Operation for $name {
            const PURPOSE: Purpose = Purpose::new($purpose);
            type After = $after;
        }

        impl $name {
            /// Its rules, to which an application adds its own switches and checks. `hold` is [`Hold::DEFAULT`], or what
            /// takes its place.
            #[must_use]
            pub fn rules(policy: Policy, hold: Hold) -> Rules {
                let rules: fn(Policy, Hold) -> Rules = $rules;
                rules(policy, hold)
            }
        })+
    };
}

operations! {
    /// Somebody without an account proves an address. Whether somebody has it is told where the account is made, to
    /// whoever reads its mail.
    Register "register" (), |policy, _| Rules::open(policy);
    /// The address that is to be changed is proved first.
    ProveAddress "prove-address" (), held;
    /// Then the new one.
    ChangeAddress "change-address" Proof<ProveAddress>, held;
    /// A password was forgotten. Nothing but the password is set: second factors stay.
    RecoverPassword "recover-password" (), |policy, _| Rules::open(policy);
    /// An address was lost: one of another kind is proved.
    ProveOther "prove-other-address" (),
        |policy, _| Rules::open(policy).check_silently("another kind", OtherKind);
    /// Then the new one.
    RecoverAddress "recover-address" Proof<ProveOther>, |policy, _| Rules::open(policy);
    /// A second factor is taken away.
    RemoveFactor "remove-factor" (), held;
    /// The anti-phishing code is set: by e-mail alone.
    ChangePhrase "change-phrase" (), |policy, _| Rules::new(policy).channels(&[Channel::Email]);
    /// An account is deleted.
    DeleteAccount "delete-account" (), held;
    /// A payment is confirmed: amount and payee are in the token.
    Pay "pay" (), |policy, _| Rules::new(policy);
}

fn held(policy: Policy, hold: Hold) -> Rules {
    Rules::new(policy).check(TOO_SOON, hold)
}

const CHANNEL: &str = "channel";
const ADDRESS: &str = "address";
const FACTOR: &str = "factor";
const AMOUNT: &str = "amount";
const PAYEE: &str = "payee";

/// The name of the check by which a [`Hold`] refuses.
pub const TOO_SOON: &str = "after a recovery or a change this has to wait";

/// The kind of address that an operation is about: parameters of [`ProveAddress`] and [`ProveOther`], where it is the lost one's.
#[must_use]
pub const fn about(channel: Channel) -> [(&'static str, &'static str); 1] {
    [(CHANNEL, channel.as_str())]
}

/// The new address, for what comes after [`about`]: parameters of [`ChangeAddress`] and [`RecoverAddress`].
#[must_use]
pub fn new_address(address: &Destination) -> [(&'static str, &str); 1] {
    [(ADDRESS, address.address())]
}

/// Parameters of [`Register`].
#[must_use]
pub fn address(address: &Destination) -> [(&'static str, &str); 2] {
    [
        (CHANNEL, address.channel().as_str()),
        (ADDRESS, address.address()),
    ]
}

/// Parameters of [`RemoveFactor`]: the factor's id.
#[must_use]
pub const fn factor(id: &str) -> [(&'static str, &str); 1] {
    [(FACTOR, id)]
}

/// Parameters of [`Pay`]: what the person is shown and confirms, and what then happens.
#[must_use]
pub const fn payment<'a>(amount: &'a str, payee: &'a str) -> [(&'static str, &'a str); 2] {
    [(AMOUNT, amount), (PAYEE, payee)]
}

impl Parameters {
    /// The kind of address that the operation is about.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        let name = self.get(CHANNEL)?;
        let channels = [Channel::Email, Channel::Phone];
        channels.into_iter().find(|known| known.as_str() == name)
    }

    /// The new address, which the token went to.
    #[must_use]
    pub fn address(&self) -> Option<Destination> {
        let address = self.get(ADDRESS)?;
        match self.channel()? {
            Channel::Email => Destination::email(address).ok(),
            _ => Destination::phone(address).ok(),
        }
    }

    /// The id of the factor that is to be removed.
    #[must_use]
    pub fn factor(&self) -> Option<&str> {
        self.get(FACTOR)
    }

    /// The amount and the payee that were confirmed.
    #[must_use]
    pub fn payment(&self) -> Option<(&str, &str)> {
        Some((self.get(AMOUNT)?, self.get(PAYEE)?))
    }
}

/// The token does not go to the kind of address that was lost.
#[derive(Clone, Copy)]
struct OtherKind;

#[async_trait::async_trait]
impl Check for OtherKind {
    async fn met(&self, asked: &crate::Asked<'_>) -> Result<bool, crate::BoxError> {
        let lost = asked.parameters.channel();
        let to = asked.destination.map(Destination::channel);
        Ok(lost.is_some() && to.is_none_or(|to| Some(to) != lost))
    }
}
