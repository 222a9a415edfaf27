//! What an e-mail address may be: the one rule for whoever takes one in and whoever sends to it.

use alloc::borrow::Cow;

use crate::{InvalidDestination, subject::is_hidden};

/// The longest address: a path of 256 bytes without its angle brackets (RFC 5321 section 4.5.3.1.3).
const LONGEST: usize = 254;
/// The longest local part, in bytes (RFC 5321 section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest label of a domain, in bytes (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// Local part and domain as a mail server takes them: the domain in ASCII, non-ASCII labels as A-labels.
pub(crate) fn parts(address: &str) -> Result<(&str, Cow<'_, str>), InvalidDestination> {
    address.chars().try_for_each(check_seen)?;
    // A mail program may decode it, wherever it stands, to another address (RFC 2047).
    if address.contains("=?") {
        return Err(InvalidDestination::EncodedWord);
    }
    address.chars().try_for_each(check_unquoted)?;
    let (local, domain) = address.split_once('@').ok_or(InvalidDestination::At)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(InvalidDestination::At);
    }
    check_local(local)?;
    let domain = ascii(domain)?;
    check_domain(&domain)?;
    // The `@` between them.
    let length = local.len().saturating_add(domain.len()).saturating_add(1);
    if address.len() > LONGEST || length > LONGEST {
        return Err(InvalidDestination::TooLong);
    }
    Ok((local, domain))
}

fn check_seen(c: char) -> Result<(), InvalidDestination> {
    if c.is_control() {
        Err(InvalidDestination::ControlCharacter)
    } else if is_hidden(c) {
        Err(InvalidDestination::HiddenCharacter)
    } else if c.is_whitespace() {
        Err(InvalidDestination::Blank)
    } else {
        Ok(())
    }
}

/// The specials of RFC 5322 section 3.2.3, apart from dot and at sign.
fn check_unquoted(c: char) -> Result<(), InvalidDestination> {
    match c {
        '(' | ')' => Err(InvalidDestination::Comment),
        '[' | ']' => Err(InvalidDestination::Literal),
        '"' | '\\' => Err(InvalidDestination::Quoted),
        ',' | ':' | ';' | '<' | '>' => Err(InvalidDestination::Separator),
        _ => Ok(()),
    }
}

/// `Dot-string` of RFC 5321 section 4.1.2, with the characters that RFC 6531 section 3.3 adds.
fn check_local(local: &str) -> Result<(), InvalidDestination> {
    if local.starts_with('-') {
        Err(InvalidDestination::LeadingDash)
    } else if local.split('.').any(str::is_empty) {
        Err(InvalidDestination::Dots)
    } else if local.len() > LONGEST_LOCAL {
        Err(InvalidDestination::TooLong)
    } else {
        Ok(())
    }
}

/// `Domain` of RFC 5321 section 4.1.2.
fn check_domain(domain: &str) -> Result<(), InvalidDestination> {
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.split('.').all(label) {
        Ok(())
    } else {
        Err(InvalidDestination::Domain)
    }
}

#[cfg(feature = "idn")]
fn ascii(domain: &str) -> Result<Cow<'_, str>, InvalidDestination> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

    if domain.is_ascii() {
        return Ok(Cow::Borrowed(domain));
    }
    let (rules, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    Uts46::new()
        .to_ascii(domain.as_bytes(), rules, hyphens, DnsLength::Verify)
        .map_err(|_| InvalidDestination::Domain)
}

#[cfg(not(feature = "idn"))]
fn ascii(domain: &str) -> Result<Cow<'_, str>, InvalidDestination> {
    if domain.is_ascii() {
        Ok(Cow::Borrowed(domain))
    } else {
        Err(InvalidDestination::NotAscii)
    }
}
