//! Where a person wanted to go: the closed set of places that a sign-in or a new proof leads back to.

use core::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use twofa_providers::token_store::FactorId;

/// Where a sign-in or a new proof leads to: back to what asked for it, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Account,
    Activity,
    Add,
    Address,
    Devices,
    Password,
    Recovery,
    Remove(FactorId),
    Rename(FactorId),
}

/// What an address has behind its `next=` for the places without a parameter of their own.
const NAMED: [(&str, &str, Next); 6] = [
    ("activity", "/activity", Next::Activity),
    ("add", "/account/add", Next::Add),
    ("address", "/account/address", Next::Address),
    ("devices", "/devices", Next::Devices),
    ("password", "/account/password", Next::Password),
    ("recovery", "/account/recovery", Next::Recovery),
];

impl Next {
    pub(crate) fn path(self) -> String {
        match self {
            Self::Account => "/account".into(),
            Self::Remove(factor) => format!("/account/remove?factor={factor}"),
            Self::Rename(factor) => format!("/account/rename?factor={factor}"),
            named => NAMED
                .iter()
                .find(|(_, _, next)| *next == named)
                .map_or_else(|| "/account".into(), |(_, path, _)| (*path).into()),
        }
    }

    /// What an address on the way there ends with.
    pub(crate) fn query(self) -> String {
        match self {
            Self::Account => String::new(),
            Self::Remove(factor) => format!("?next=remove-{factor}"),
            Self::Rename(factor) => format!("?next=rename-{factor}"),
            named => NAMED
                .iter()
                .find(|(_, _, next)| *next == named)
                .map_or_else(String::new, |(name, ..)| format!("?next={name}")),
        }
    }

    /// What the person is about to do there, for the page that asks for a proof first.
    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::Account | Self::Activity | Self::Devices => "Before you change how you sign in",
            Self::Add => "Before you add another second step",
            Self::Address => "Before you change your address",
            Self::Password => "Before you change your password",
            Self::Recovery => "Before you see to your recovery codes",
            Self::Remove(_) => "Before you remove a second step",
            Self::Rename(_) => "Before you rename a second step",
        }
    }

    /// Where the proof is asked for.
    pub(crate) fn prove_path(self) -> String {
        format!("/account/prove{}", self.query())
    }

    /// Where somebody signs in first.
    pub(crate) fn sign_in_path(self) -> String {
        format!("/sign-in{}", self.query())
    }

    /// What this address carries behind `next=`. Anything else leads to the account's page: it names
    /// no place of its own.
    fn carried(uri: &Uri) -> Self {
        // The only parameter there, and once.
        let query = uri.query().unwrap_or_default();
        let name = query.strip_prefix("next=").unwrap_or_default();
        let factor = |prefix| FactorId::parse(name.strip_prefix(prefix)?);
        let named = NAMED.iter().find(|(known, ..)| *known == name);
        named
            .map(|(.., next)| *next)
            .or_else(|| factor("remove-").map(Self::Remove))
            .or_else(|| factor("rename-").map(Self::Rename))
            .unwrap_or(Self::Account)
    }

    /// The place that was wanted by who opens this address, or sends a form to it.
    pub(crate) fn wanted(uri: &Uri) -> Self {
        let factor = || FactorId::parse(parameter(uri, "factor")?);
        match uri.path() {
            "/account/remove" => factor().map_or(Self::Account, Self::Remove),
            "/account/rename" => factor().map_or(Self::Account, Self::Rename),
            path => NAMED
                .iter()
                .find(|(_, place, _)| is_below(path, place))
                .map_or_else(|| Self::carried(uri), |(.., next)| *next),
        }
    }
}

fn is_below(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

impl<S: Sync> FromRequestParts<S> for Next {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::carried(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place is carried whole, and nothing that is none leads anywhere but to the account.
    #[test]
    fn next_is_one_of_a_closed_set() {
        let factor = FactorId::from_bytes([7; 16]);
        let mut all: Vec<_> = NAMED.iter().map(|(.., next)| *next).collect();
        all.extend([Next::Account, Next::Remove(factor), Next::Rename(factor)]);
        for next in all {
            let carried: Uri = next.sign_in_path().parse().expect("an address");
            assert_eq!(Next::carried(&carried), next);
            let wanted: Uri = next.path().parse().expect("an address");
            assert_eq!(Next::wanted(&wanted), next);
        }
        for strange in [
            "/sign-in?next=//evil.example",
            "/sign-in?next=https://evil.example",
            "/sign-in?next=remove-1",
            "/sign-in?next=",
            "/sign-in?next=add&next=x",
            "/sign-in?xnext=add",
            "/account/remove",
            "/account/remove?factor=1",
            "/nothing",
        ] {
            let strange: Uri = strange.parse().expect("an address");
            assert_eq!(Next::wanted(&strange), Next::Account, "{strange}");
        }
    }
}
