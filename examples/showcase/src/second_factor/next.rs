//! Where a new proof leads to.

use core::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

/// Where a new proof leads to: back to what asked for it, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Account,
    Add,
    Address,
    Recovery,
}

impl Next {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::Add => "/account/add",
            Self::Address => "/account/address",
            Self::Recovery => "/account/recovery",
        }
    }

    /// What an address on the way there ends with.
    pub(super) const fn query(self) -> &'static str {
        match self {
            Self::Account => "",
            Self::Add => "?next=add",
            Self::Address => "?next=address",
            Self::Recovery => "?next=recovery",
        }
    }

    /// Where the proof is asked for.
    pub(crate) fn prove_path(self) -> String {
        format!("/account/prove{}", self.query())
    }
}

impl<S: Sync> FromRequestParts<S> for Next {
    type Rejection = Infallible;

    /// Anything else in the address leads to the account's page: it names no place of its own.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(match parts.uri.query() {
            Some("next=add") => Self::Add,
            Some("next=address") => Self::Address,
            Some("next=recovery") => Self::Recovery,
            _ => Self::Account,
        })
    }
}
