//! What a validation server said, and whether it is to be believed. No I/O.

use super::protocol::{ApiKey, Status};

/// What was asked, as an answer has to repeat it.
pub(super) struct Question<'a> {
    pub(super) otp: &'a str,
    pub(super) nonce: &'a str,
    pub(super) key: Option<&'a ApiKey>,
}

/// Why an answer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No answer of the protocol: no status or several, one that nobody knows, a name that stands there twice.
    #[error("a validation server's answer cannot be read")]
    Malformed,
    /// It answers another request: a stale or a copied answer.
    #[error("a validation server answered another request")]
    Foreign,
    /// Its signature is wrong, or missing.
    #[error("a validation server's answer has no right signature")]
    Unsigned,
}

impl Question<'_> {
    /// The status of an answer that is ours.
    ///
    /// The signature is checked first, over everything that stands there. An OTP and a nonce have to be those of the
    /// question wherever they stand, and have to stand where the answer is OK.
    pub(super) fn read(&self, text: &str) -> Result<Status, Fault> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let pairs = lines.map(|line| line.split_once('=').ok_or(Fault::Malformed));
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
        let value = |name| pairs.iter().find(|(own, _)| *own == name);
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| matches!(two, [a, b] if a == b)) {
            return Err(Fault::Malformed);
        }
        if let Some(key) = self.key {
            let (_, h) = value("h").ok_or(Fault::Unsigned)?;
            let signed: Vec<_> = pairs
                .iter()
                .copied()
                .filter(|(name, _)| *name != "h")
                .collect();
            key.verify(&signed, h).map_err(|_| Fault::Unsigned)?;
        }
        let (_, status) = value("status").ok_or(Fault::Malformed)?;
        let status = Status::parse(status).ok_or(Fault::Malformed)?;
        for (name, asked) in [("otp", self.otp), ("nonce", self.nonce)] {
            match value(name) {
                Some((_, repeated)) if *repeated == asked => {}
                None if status != Status::Ok => {}
                _ => return Err(Fault::Foreign),
            }
        }
        Ok(status)
    }
}
