//! Shared preferences of Android: an XML map of texts, which applications keep their accounts in.

use zeroize::Zeroizing;

use crate::ImportError;
use crate::file::File;
use crate::unlock::Unlock;
use crate::xml::{self, XmlError};

/// Elements and texts of a file.
const NODES: u32 = 1 << 20;

/// The texts of a map, by name.
///
/// The parser's own copies of texts with escapes are not wiped.
pub(crate) fn read(
    file: &File<'_>,
    unlock: &Unlock<'_>,
) -> Result<Vec<(String, Zeroizing<String>)>, ImportError> {
    let text = core::str::from_utf8(file.bytes).map_err(|_| unlock.damaged())?;
    let document = xml::parse(text, NODES).map_err(|error| match error {
        XmlError::Malformed => unlock.damaged(),
        XmlError::TooMuchWork => ImportError::TooMuchWork,
    })?;
    let root = document.root_element();
    if !root.has_tag_name("map") {
        return Err(unlock.damaged());
    }
    let texts = root.children().filter(|node| node.has_tag_name("string"));
    Ok(texts
        .filter_map(|node| {
            Some((
                node.attribute("name")?.to_owned(),
                Zeroizing::new(node.text().unwrap_or_default().to_owned()),
            ))
        })
        .collect())
}

/// Whether it looks like such a file, and names something of this application.
pub(crate) fn names(file: &File<'_>, what: &str) -> bool {
    let text = core::str::from_utf8(file.bytes).unwrap_or_default();
    text.trim_start().starts_with('<') && text.contains("<map") && text.contains(what)
}
