//! A prompt and its words, and what signed tokens say.

use core::time::Duration;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use token_delivery::{
    Delivery, DeliveryError, Message, PushOptions, Template, Templates,
    ott_core::{
        Destination, Policy, Purpose, RecordId,
        chrono::{DateTime, Utc},
    },
};
use token_store::ManualClock;

pub(crate) const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
pub(crate) const ID: &str = "07070707070707070707070707070707";
pub(crate) const START: i64 = 1_800_000_000;
/// Where something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn words() -> Templates {
    let words = Template::prompt(&PROMPT, "Sign in to {application}?", "Open the app.\n");
    Templates::new("Example", [words]).expect("good templates")
}

pub(crate) fn options() -> (Arc<ManualClock>, PushOptions) {
    let start = DateTime::<Utc>::from_timestamp(START, 0).expect("a time");
    let clock = Arc::new(ManualClock::new(start));
    let options = PushOptions::default()
        .tries(3, Duration::from_millis(1))
        .patience(Duration::from_secs(20))
        .clock(clock.clone());
    (clock, options)
}

pub(crate) async fn wake(push: &dyn Delivery, to: &Destination) -> Result<(), DeliveryError> {
    let id = RecordId::from_bytes([7; 16]);
    push.deliver(&Message::prompt(PROMPT.purpose(), to, &id))
        .await
}

/// What an error says of the device, the server and the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    Unregistered,
    Misconfigured,
    Refused,
    Unavailable,
}

pub(crate) fn outcome(result: &Result<(), DeliveryError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Sent,
        Err(DeliveryError::Unregistered(_)) => Outcome::Unregistered,
        Err(DeliveryError::Misconfigured { .. }) => Outcome::Misconfigured,
        Err(DeliveryError::Refused(_)) => Outcome::Refused,
        Err(DeliveryError::Unavailable(_)) => Outcome::Unavailable,
        Err(other) => panic!("{other:?}"),
    }
}

/// Header, claims, what is signed, and the signature of a token.
pub(crate) fn parts(token: &str) -> (Value, Value, String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let json = |text: &str| serde_json::from_slice(&bytes(text)).expect("JSON");
    (json(header), json(claims), signed.into(), bytes(signature))
}
