//! The header Authorization: what is read is what the grammar of RFC 6750 section 2.1 says, walked byte by byte; and what
//! is answered is one line that a parser of quoted strings reads back.
//!
//! Line ends part the values of a header that stands there several times.
#![cfg_attr(feature = "libfuzzer", no_main)]

use ott_bearer::{Challenge, Credential, HeaderError};

fuzz::fuzz_target!(|input: &[u8]| {
    let values: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let read = Credential::read(values.iter().copied());
    let read = read.map(|credential| credential.expose_secret().as_bytes());
    match values.as_slice() {
        [one] => assert_eq!(read, said(one)),
        _ => assert_eq!(read, Err(HeaderError::Malformed)),
    }
    if let Ok(realm) = core::str::from_utf8(input) {
        let challenge = Challenge::refused(realm);
        let value = challenge.value();
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let rest = value.strip_prefix("Bearer realm=\"").expect("the scheme");
        let (text, rest) = unquoted(rest);
        let kept = |c: &char| (' '..='~').contains(c);
        assert_eq!(text, realm.chars().filter(kept).collect::<String>());
        assert_eq!(rest, ", error=\"invalid_token\"");
    }
});

/// The grammar: scheme in any case, blanks, the token's alphabet, then `=`; blanks around are no part of it.
fn said(value: &[u8]) -> Result<&[u8], HeaderError> {
    let scheme: Vec<u8> = value
        .iter()
        .copied()
        .take_while(|byte| *byte != b' ')
        .collect();
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(HeaderError::Missing);
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let rest = &value[scheme.len()..];
    let from = rest.iter().take_while(|byte| blank(byte)).count();
    let behind = rest[from..]
        .iter()
        .rev()
        .take_while(|byte| blank(byte))
        .count();
    let token = &rest[from..rest.len() - behind];
    let mut padding = false;
    for (at, byte) in token.iter().enumerate() {
        match byte {
            b'=' if at > 0 => padding = true,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/'
                if !padding => {}
            _ => return Err(HeaderError::Malformed),
        }
    }
    if token.is_empty() || token.len() > 4_096 {
        return Err(HeaderError::Malformed);
    }
    Ok(token)
}

/// A quoted string (RFC 9110 section 5.6.4) behind its first quote, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut found = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (found, &text[at + 1..]),
            '\\' => found.extend(characters.next().map(|(_, c)| c)),
            c => found.push(c),
        }
    }
    panic!("it does not end: {text}");
}
