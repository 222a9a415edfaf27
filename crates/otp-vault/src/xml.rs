//! XML that anybody may have made.
//!
//! The parser's work grows with the square of three things: the attributes of one element, the namespaces in scope and the
//! sections of one text. Each is counted before it parses.

use roxmltree::{Document, ParsingOptions};

/// Attributes of one element.
const ATTRIBUTES: usize = 256;
/// Declarations of namespaces in a document.
const NAMESPACES: usize = 256;
/// CDATA sections of a document.
const SECTIONS: usize = 64;
/// Elements inside of one another.
const DEPTH: usize = 128;

/// Why nothing was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XmlError {
    /// Not well-formed, or with a document type.
    Malformed,
    /// More of something than is read.
    TooMuchWork,
}

/// Parses a document of at most `nodes` elements and texts. No document type is read, and so no entity but the five of
/// XML itself.
pub(crate) fn parse(text: &str, nodes: u32) -> Result<Document<'_>, XmlError> {
    weigh(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: nodes,
        ..Default::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => XmlError::TooMuchWork,
        _ => XmlError::Malformed,
    })
}

/// Looks at brackets and quotes alone, which is exact for XML up to where it ends to be XML.
fn weigh(text: &str) -> Result<(), XmlError> {
    let (mut depth, mut namespaces, mut sections): (usize, usize, usize) = (0, 0, 0);
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            behind(comment, "-->")
        } else if let Some(section) = tag.strip_prefix("![CDATA[") {
            sections = sections.saturating_add(1);
            behind(section, "]]>")
        } else if let Some(instruction) = tag.strip_prefix('?') {
            behind(instruction, "?>")
        } else if tag.starts_with('!') {
            return Err(XmlError::Malformed);
        } else {
            let (inside, behind) = element(tag);
            if inside.starts_with('/') {
                depth = depth.saturating_sub(1);
            } else if !inside.ends_with('/') {
                depth = depth.saturating_add(1);
            }
            if inside.matches('=').count() > ATTRIBUTES && attributes(inside) > ATTRIBUTES {
                return Err(XmlError::TooMuchWork);
            }
            namespaces = namespaces.saturating_add(inside.matches("xmlns").count());
            behind
        };
        if depth > DEPTH || namespaces > NAMESPACES || sections > SECTIONS {
            return Err(XmlError::TooMuchWork);
        }
    }
    Ok(())
}

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, behind)| behind)
}

/// What stands between the brackets of an element, and what stands behind it. Quotes may hold brackets.
fn element(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => {
                let behind = text.get(at.saturating_add(1)..).unwrap_or_default();
                return (text.get(..at).unwrap_or_default(), behind);
            }
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    (text, "")
}

/// How many values in quotes there are.
fn attributes(inside: &str) -> usize {
    let (mut quote, mut count) = (None, 0_usize);
    for byte in inside.bytes() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => {
                quote = None;
                count = count.saturating_add(1);
            }
            _ => {}
        }
    }
    count
}
