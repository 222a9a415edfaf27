//! Tokens that are carried: sessions, personal access tokens, app passwords and API keys.
//!
//! ```
//! use ott_bearer::token_store::ott_core::{KeyRing, Purpose, Subject};
//! use ott_bearer::{Bearers, Kind, New, scopes, token_store::{MemoryStore, Tokens}};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }
//! const ACCESS: Kind = Kind::access_token(Purpose::new("access-token"), "exa_pat_");
//!
//! let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(ACCESS.policy());
//! let bearers = Bearers::<Mail>::new(&tokens.build()?.shared(), ACCESS)?;
//! let alice = Subject::new("", "4711")?;
//! let issued = bearers.issue(&New::of(&alice).named("laptop").scope(Mail::Read)).await?;
//! let text = issued.token.expose_secret(); // shown once
//! let bearer = bearers.authenticate("", text).await?;
//! assert!(bearer.needs(&[Mail::Read]).is_ok() && bearer.needs(&[Mail::Send]).is_err());
//! bearers.revoke(&alice, bearer.id()).await?;
//! assert!(bearers.authenticate("", text).await.is_err());
//! # Ok(()) }
//! ```
//!
//! A [`Kind`] says how the tokens of one purpose behave, [`Bearers`] issues, authenticates, lists, rotates and revokes
//! them, a [`Bearer`] is what an authenticated token says. Around HTTP there is no framework: a [`Door`] goes from the header
//! to the token or to the answer, [`Introspection`] and [`TokenRequest`] are RFC 7662 and RFC 7009 as plain data.
//!
//! # What it guarantees
//!
//! * A token of one kind, tenant or subject is worth nothing for another. A public id proves nothing.
//! * A revoked or expired token is refused from then on. With a cache, which is off by default, another process
//!   refuses it after the stated staleness at the latest, this one at once: [`Caching`] says of what that holds.
//! * A rotated token lives for the stated overlap and not longer, nor longer than the newer one, and is rotated once, however
//!   many try at once. One that is revoked meanwhile has no overlap.
//! * What a token may do, who made it, how they proved themselves and until when it lives never changes: whoever
//!   edits a row has it refused.
//! * A scope that the application does not know any more grants nothing.
//! * An outage is [`TokensError`](token_store::TokensError) and never a refusal.
//! * No token stands in a row, an event, an error or a `Debug` text. Of a cached one there is a digest.
//!
//! # What it does not
//!
//! * A bearer token is good for whoever has it. Send it over TLS alone, and keep it out of URLs.
//! * Names, scopes, proofs and networks of a token stand in clear in its row.
//! * The last use is written down once a minute at most, or in a quarter of the idle time where that is shorter.
//! * There is no list of all tokens of a tenant. [`Standing`] says how all of them end at once.
//! * A list, a page and "revoke all" read every live token of the owner: [`Kind::at_most`] bounds them, where people make
//!   tokens by hand. Of sessions there are as many as sign-ins.
//! * It sends nothing. [`Bearers::take_notices`] says what there is to tell.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `serde` | `Serialize` of [`Introspection`] |
//! | `tracing` | a [`Door`] records outages and mistakes, as `Answer::traced` does |
//!
//! # Specifications
//!
//! RFC 6750 (the header and its answers), RFC 6749 section 3.3 (scopes), RFC 7009 (revocation), RFC 7662
//! (introspection), RFC 8176 (how somebody proved themselves), RFC 9470 (step-up). The bytes of a token's details are in
//! `docs/formats.md`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admitted;
mod bearer;
mod bearers;
mod cache;
mod details;
mod door;
mod earning;
mod forgetting;
mod header;
mod introspection;
mod kind;
mod new;
mod notes;
mod page;
mod proved;
mod reply;
mod revoking;
mod rotate;
mod scanning;
mod scope;
mod standing;

// What tokens there are.
pub use kind::Kind;
pub use scope::{NoScope, Scope, Scopes, check_scope_names};
pub use standing::{BoxError, OwnerAlone, Standing};

// Issuing, authenticating, revoking.
pub use bearers::Bearers;
pub use cache::Caching;
pub use earning::Earning;
pub use new::{Issued, New, NewError};
pub use page::{Cursor, Page};

// What an authenticated token says.
pub use bearer::{Bearer, Facts, Granted, InsufficientScope, Needs};
pub use proved::{Proved, StepUpNeeded};

// Around HTTP.
pub use admitted::{Admitted, Network, SESSION_COOKIE};
pub use door::{Door, Refused};
pub use header::{Challenge, Credential, HeaderError};
pub use introspection::{Introspection, TokenRequest};
pub use reply::Reply;
pub use scanning::{Registration, registration};

pub use token_store;
