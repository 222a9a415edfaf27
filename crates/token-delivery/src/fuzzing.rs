//! What reads answers, for fuzz targets: no part of the interface.

/// What an answer of FCM's and one of APNs' is taken for, in a word, and all that an error then says.
#[must_use]
pub fn pushed(status: u16, body: &[u8]) -> [(&'static str, String); 2] {
    crate::push::judged(status, body)
}

/// What a gateway's answer names, where it says that the message was taken: under a rule that reads `/status`, and the
/// name of the message at `/id`.
#[must_use]
pub fn taken(status: u16, body: &[u8], wait: Option<u64>) -> Option<Option<String>> {
    crate::gateway::taken(status, body, wait)
}

/// Code and number of lines of a whole SMTP reply; `None` for what is none.
#[must_use]
pub fn smtp_reply(bytes: &[u8]) -> Option<(u16, usize)> {
    crate::smtp::whole_reply(bytes)
}
