//! What a client is answered: lines, and a signature over them.

use twofa_providers::{
    oath_otp::yubico::Press,
    token_store::ott_core::chrono::{DateTime, Utc},
    yubico::{ApiKey, Status},
};

use crate::request::Request;

/// An answer before it is signed. Its values are letters, digits and the time.
pub(crate) struct Answer(Vec<(&'static str, String)>);

impl Answer {
    /// A status alone.
    pub(crate) fn new(status: Status, now: DateTime<Utc>) -> Self {
        // Behind the seconds, a zero and milliseconds.
        let time = now.format("%Y-%m-%dT%H:%M:%SZ0%3f").to_string();
        Self(vec![("t", time), ("status", status.as_str().to_owned())])
    }

    /// What was asked, where the OTP was one of a known key.
    pub(crate) fn echoing(mut self, request: &Request) -> Self {
        self.0.push(("otp", request.echo.clone()));
        self.0.push(("nonce", request.nonce.clone()));
        self
    }

    /// What the key said: all servers know it.
    pub(crate) fn of(mut self, press: &Press, counters: bool) -> Self {
        self.0.push(("sl", "100".to_owned()));
        if counters {
            self.0.push(("timestamp", press.timestamp.to_string()));
            self.0.push(("sessioncounter", press.session.to_string()));
            self.0.push(("sessionuse", press.uses.to_string()));
        }
        self
    }

    /// The lines, signed where the client is known.
    pub(crate) fn to_text(&self, key: Option<&ApiKey>) -> String {
        let pairs = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<(&str, &str)> = pairs.collect();
        let h = key.map(|key| key.sign(&pairs));
        let h = h.iter().map(|h| ("h", h.as_str()));
        let mut text = String::new();
        for (name, value) in h.chain(pairs.iter().copied()) {
            text.extend([name, "=", value, "\r\n"]);
        }
        text
    }
}
