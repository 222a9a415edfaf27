//! The showcase reads of a form what `form_urlencoded` reads, if it comes with this visit's hidden
//! field and holds one line of text in each field; and of cookies the one it asked for.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use showcase_input::{FormFault, cookie, fields, form, is_form};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    kind: &'a str,
    token: Token,
    body: &'a [u8],
    fields: Vec<(Name, &'a str)>,
    cookies: Vec<&'a [u8]>,
    value: &'a str,
}

/// The hidden field of this visit: always 64 hexadecimal digits.
#[derive(Arbitrary, Debug)]
struct Token([u8; 32]);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    Code,
    Csrf,
    Email,
    Guarded,
    Label,
    Other,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Sent {
    email: String,
    code: String,
    label: Option<String>,
}

fuzz::fuzz_target!(|input: Input<'_>| {
    let said = input.kind.split(';').next().unwrap_or_default();
    assert_eq!(
        is_form(Some(input.kind)),
        said.trim() == "application/x-www-form-urlencoded"
    );
    assert!(!is_form(None));

    let token: String = input
        .token
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    checked(input.body, &token);

    let mut body = form_urlencoded::Serializer::new(String::new());
    for (name, value) in input.fields.iter().take(8) {
        match name {
            Name::Code => body.append_pair("code", value),
            Name::Csrf => body.append_pair("csrf", value),
            Name::Email => body.append_pair("email", value),
            Name::Guarded => body.append_pair("csrf", &token),
            Name::Label => body.append_pair("label", value),
            Name::Other => body.append_pair("other", value),
        };
    }
    checked(body.finish().as_bytes(), &token);

    cookies(&input);
});

/// Reads a body both ways.
fn checked(body: &[u8], token: &str) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let all = |name: &str| {
        let named = pairs.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let strange = |value: &str| value.chars().any(|c| c.is_control() || c == '\u{fffd}');
    let expected = match (&*all("csrf"), &*all("email"), &*all("code"), &*all("label")) {
        ([csrf], ..) if csrf != token => Err(FormFault::Forged),
        ([], ..) | ([_, _, ..], ..) => Err(FormFault::Forged),
        _ if pairs.iter().any(|(_, value)| strange(value)) => Err(FormFault::Strange),
        (_, [email], [code], label @ ([] | [_])) => Ok(Sent {
            email: email.clone(),
            code: code.clone(),
            label: label.first().cloned(),
        }),
        _ => Err(FormFault::Incomplete),
    };
    assert_eq!(form::<Sent>(body, token), expected, "{body:?}");

    // What is shown again is what was sent: each field once, in lines of text, beside a hidden field.
    let word = |name: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        !name.is_empty() && name.chars().all(plain)
    };
    let once =
        |(name, value): &(String, String)| word(name) && all(name).len() == 1 && !strange(value);
    let whole = all("csrf").len() == 1 && pairs.iter().all(once);
    assert_eq!(fields(body), whole.then_some(pairs.clone()), "{body:?}");
}

fn cookies(input: &Input<'_>) {
    use axum_extra::extract::cookie::Cookie;

    // Whatever else the browser sends, a cookie of ours comes back as it was set, by its own name.
    let mut headers = axum::http::HeaderMap::new();
    for line in input.cookies.iter().take(4) {
        if let Ok(value) = axum::http::HeaderValue::from_bytes(line) {
            headers.append(axum::http::header::COOKIE, value);
        }
    }
    let jar = CookieJar::from_headers(&headers);
    for name in ["session", "half", "flow", "visit"] {
        let named = |prefix: &str| {
            let name = format!("{prefix}{name}=");
            // Names may be escaped too.
            let lines = input.cookies.iter().map(|line| {
                percent_encoding::percent_decode(line)
                    .decode_utf8_lossy()
                    .into_owned()
            });
            lines
                .into_iter()
                .any(|line| line.replace([' ', '\t'], "").contains(&name))
        };
        assert!(cookie(&jar, false, name).is_none() || named(""));
        // Without the prefix that binds it to this host, a cookie over TLS is nobody's.
        assert!(cookie(&jar, true, name).is_none() || named("__Host-"));
    }

    let ours = Cookie::new("__Host-session", input.value.to_owned());
    if let Ok(line) = axum::http::HeaderValue::from_str(&ours.encoded().to_string()) {
        headers.append(axum::http::header::COOKIE, line);
        let jar = CookieJar::from_headers(&headers);
        assert_eq!(cookie(&jar, true, "session").as_deref(), Some(input.value));
    }
}
