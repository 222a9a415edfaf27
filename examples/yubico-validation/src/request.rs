//! What a client asks, and what is wrong with it by its form alone. No framework, no store.

use core::time::Duration;

use twofa_providers::{
    oath_otp::yubico::Otp,
    yubico::{ApiKey, Status},
};

/// The parameters of a query, decoded.
pub(crate) struct Query(Vec<(String, String)>);

/// A request whose form is right.
pub(crate) struct Request {
    /// What is asked about.
    pub(crate) otp: Otp,
    /// The OTP as it is echoed.
    pub(crate) echo: String,
    /// What makes the answer this request's own.
    pub(crate) nonce: String,
    /// Whether the counters are asked for.
    pub(crate) timestamp: bool,
    /// How long the client waits for other servers.
    pub(crate) timeout: Option<Duration>,
}

impl Query {
    /// Reads the part of an address behind the question mark.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// A parameter that is there and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// The client that asks, as far as the query names one.
    pub(crate) fn client(&self) -> Option<u64> {
        let id = self.get("id").filter(|id| is_number(id))?;
        // No client has a number above all of them.
        Some(id.parse().unwrap_or(u64::MAX)).filter(|id| *id > 0)
    }

    /// Checks the form of everything, in the order of the protocol's reference server.
    pub(crate) fn check(&self) -> Result<Request, Status> {
        use Status::{BadOtp, MissingParameter};
        if self.names_one_twice() {
            return Err(MissingParameter);
        }
        let nonce = self.get("nonce").ok_or(MissingParameter)?;
        if !self.get("sl").is_none_or(is_level) {
            return Err(MissingParameter);
        }
        let timeout = self.get("timeout").map_or(Ok(None), seconds)?;
        let typed = self.get("otp").ok_or(BadOtp)?;
        let otp = Otp::parse(typed).map_err(|_| BadOtp)?;
        // Whoever has no public id cannot be looked for.
        if !(1..=8).contains(&otp.public_id().as_bytes().len()) {
            return Err(BadOtp);
        }
        self.client().ok_or(MissingParameter)?;
        if !(16..=40).contains(&nonce.len()) || !is_plain(nonce) {
            return Err(MissingParameter);
        }
        Ok(Request {
            echo: match is_plain(typed) {
                true => typed.to_owned(),
                false => otp.to_modhex().expose_secret().to_owned(),
            },
            otp,
            nonce: nonce.to_owned(),
            timestamp: self.get("timestamp") == Some("1"),
            timeout,
        })
    }

    /// Whether the signature, where there is one, is this client's over everything else.
    pub(crate) fn check_signature(&self, key: &ApiKey) -> Result<(), Status> {
        let (signatures, rest): (Vec<_>, Vec<_>) = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .partition(|(name, _)| *name == "h");
        for (_, h) in signatures {
            // Clients that do not escape it send a plus, which a form reads as a blank.
            let checked = key.verify(&rest, &h.replace(' ', "+"));
            checked.map_err(|_| Status::BadSignature)?;
        }
        Ok(())
    }

    /// A parameter that stands there twice would be signed as one and read as another.
    fn names_one_twice(&self) -> bool {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        names.len() != all
    }
}

/// `fast`, `secure`, or a percentage.
fn is_level(text: &str) -> bool {
    let percentage = || is_number(text) && text.parse().is_ok_and(|level: u8| level <= 100);
    matches!(text, "fast" | "secure") || percentage()
}

/// None for 0, which bounds nothing.
fn seconds(text: &str) -> Result<Option<Duration>, Status> {
    let seconds = text.parse().ok().filter(|_| is_number(text));
    let seconds = seconds.ok_or(Status::MissingParameter)?;
    Ok((seconds > 0).then_some(Duration::from_secs(seconds)))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What may be echoed: with a line end, a text could forge a status.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
