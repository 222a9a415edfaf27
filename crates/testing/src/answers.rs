//! The errors that a handler ends with, for the adapters of web frameworks.

use async_trait::async_trait;
use ott_bearer::{
    Bearers, BoxError, Door, InsufficientScope, Kind, New, NewError, Standing, StepUpNeeded,
};
use ott_flows::FlowError;
use token_store::{
    Answer, MemoryStore, StoreError, Tokens, TokensError,
    ott_core::{
        KeyId, KeyRing, OwnedBinding, Purpose, Reason, Rejected, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use twofa_providers::TwoFactorError;

/// When [`Throttled`](TwoFactorError::Throttled) ends, and what `Retry-After` says of it.
pub const LATER: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn later() -> Option<DateTime<Utc>> {
    Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(784_111_777))
}

/// Each name that [`fail`] knows, with its status and how what is recorded of it ends, if anything is.
pub const ERRORS: [(&str, u16, Option<&str>); 24] = [
    ("factor refused", 401, None),
    ("factor waits", 409, None),
    ("factor needs a proof", 403, None),
    ("factor throttled", 429, None),
    ("factor down", 503, Some("unavailable: no route")),
    ("factor misused", 500, Some("misuse: a slip")),
    ("token refused", 401, None),
    ("token waits", 409, None),
    ("token throttled", 429, None),
    ("token without its key", 503, Some("lacks key 7")),
    ("token down", 503, Some("did not answer in time")),
    ("token misused", 500, Some("misuse: a slip")),
    ("flow ended", 401, None),
    ("flow unmet", 409, None),
    ("flow full", 503, Some("the queue is full")),
    ("flow misused", 500, Some("misuse: a slip")),
    ("store down", 503, Some("unavailable: no route")),
    ("store misused", 500, Some("a slip")),
    ("bearer too old", 403, None),
    ("bearer without scope", 403, None),
    ("bearer ends too late", 409, None),
    ("bearer one too many", 409, None),
    ("bearer not kept", 503, Some("did not answer in time")),
    ("answer", 401, None),
];

/// Ends with the error of this name by `?`, as a handler does.
///
/// # Errors
/// Always, with a name of [`ERRORS`].
pub fn fail<A>(name: &str) -> Result<(), A>
where
    A: From<Answer> + From<FlowError> + From<InsufficientScope> + From<NewError>,
    A: From<Rejected>
        + From<StepUpNeeded>
        + From<StoreError>
        + From<TokensError>
        + From<TwoFactorError>,
{
    let (retry_at, retry_after) = (later(), None);
    match name {
        "factor refused" => Err(TwoFactorError::from(Reason::Spent))?,
        "factor waits" => Err(TwoFactorError::Pending)?,
        "factor needs a proof" => Err(TwoFactorError::ProofNeeded)?,
        "factor throttled" => Err(TwoFactorError::Throttled {
            retry_at,
            retry_after,
        })?,
        "factor down" => Err(TwoFactorError::Unavailable("no route".into()))?,
        "factor misused" => Err(TwoFactorError::Misuse("a slip"))?,
        "token refused" => Err(Rejected::new(Reason::Mismatch))?,
        "token waits" => Err(TokensError::Rejected(Rejected::new(Reason::Pending)))?,
        "token throttled" => Err(TokensError::Throttled {
            retry_at,
            retry_after,
        })?,
        "token without its key" => Err(TokensError::KeyMissing(KeyId(7)))?,
        "token down" => Err(TokensError::Unavailable(StoreError::Timeout))?,
        "token misused" => Err(TokensError::Misuse("a slip"))?,
        "flow ended" => Err(FlowError::Ended)?,
        "flow unmet" => Err(FlowError::Unmet("a check"))?,
        "flow full" => Err(FlowError::Full)?,
        "flow misused" => Err(FlowError::Misuse("a slip"))?,
        "store down" => Err(StoreError::unavailable("no route"))?,
        "store misused" => Err(StoreError::Misuse("a slip"))?,
        "bearer too old" => Err(StepUpNeeded {
            longest: TimeDelta::minutes(10),
        })?,
        "bearer without scope" => Err(InsufficientScope {
            scope: "mail:send".into(),
        })?,
        "bearer ends too late" => Err(NewError::End)?,
        "bearer one too many" => Err(NewError::TooMany)?,
        "bearer not kept" => Err(NewError::Tokens(StoreError::Timeout.into()))?,
        "answer" => Err(Answer::Refused)?,
        other => panic!("no error is called {other}"),
    }
    Ok(())
}

/// Accounts that cannot be loaded.
struct Down;

#[async_trait]
impl Standing for Down {
    async fn binding(&self, _: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        Err("no route".into())
    }
}

/// A door that cannot load the account of a token, and the header with that token. What is recorded of it ends with
/// `no route`.
pub async fn door_that_is_down() -> (Door, String) {
    let kind = Kind::session(Purpose::new("session"));
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens = tokens.policy(kind.policy()).build().unwrap().shared();
    let bearers = Bearers::new(&tokens, kind).unwrap();
    let alice = Subject::new("", "4711").unwrap();
    let issued = bearers.issue(&New::of(&alice)).await.unwrap();
    let header = format!("Bearer {}", issued.token.expose_secret());
    let bearers = bearers.standing(std::sync::Arc::new(Down));
    (Door::new(bearers, "Example"), header)
}

/// Whether a door's outage is one record, with its cause.
pub fn is_outage(recorded: &[(tracing::Level, String)]) -> bool {
    matches!(recorded, [(_, line)] if line.starts_with("status=503 ") && line.ends_with("no route\""))
}
