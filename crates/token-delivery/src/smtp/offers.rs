//! What a server says that it can do.

use super::reply::Reply;

/// The extensions of a reply to EHLO, in capital letters; none for a server that knows only HELO.
#[derive(Default)]
pub(super) struct Offers(Vec<String>);

impl Offers {
    /// Keywords and mechanisms are read in any case (RFC 5321 section 2.4). The first line is the server's name.
    pub(super) fn read(reply: &Reply) -> Self {
        let lines = reply.lines().skip(1);
        Self(lines.map(str::to_ascii_uppercase).collect())
    }

    pub(super) fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// Whether addresses may have local parts that are not ASCII (RFC 6531).
    pub(super) fn smtputf8(&self) -> bool {
        self.has("SMTPUTF8")
    }

    /// Whether one can sign in by a mechanism. Old servers write `AUTH=LOGIN`, also beside the line of RFC 4954.
    pub(super) fn signs_in_by(&self, mechanism: &str) -> bool {
        let separators = [' ', '=', '\t'];
        let auth = self.0.iter().filter_map(|line| {
            let rest = line.strip_prefix("AUTH")?;
            rest.starts_with(separators).then_some(rest)
        });
        auth.flat_map(|rest| rest.split(separators))
            .any(|offered| offered == mechanism)
    }

    fn has(&self, keyword: &str) -> bool {
        let mut keywords = self.0.iter().map(|line| line.split_whitespace().next());
        keywords.any(|offered| offered == Some(keyword))
    }
}
