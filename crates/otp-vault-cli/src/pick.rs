//! Which account a query means.

use otp_vault::Entry;

use crate::failure::Failure;
use crate::input::visible;

/// The place of the one account that a query means: a part of `issuer:account`, case aside.
///
/// A name that is the whole query wins over those that only hold it, so that each account can be named.
pub(crate) fn pick(entries: &[Entry], query: &str) -> Result<usize, Failure> {
    let query = query.to_lowercase();
    let (mut whole, mut part) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let name = entry.name().to_lowercase();
        if name == query {
            whole.push((index, entry));
        } else if name.contains(&query) {
            part.push((index, entry));
        }
    }
    let found = if whole.is_empty() { part } else { whole };
    match found.as_slice() {
        [] => Err(Failure::NoMatch),
        [(index, _)] => Ok(*index),
        several => {
            let names = several
                .iter()
                .map(|(_, entry)| format!("  {}", visible(&entry.name())));
            Err(Failure::Ambiguous(
                several.len(),
                names.collect::<Vec<_>>().join("\n"),
            ))
        }
    }
}
