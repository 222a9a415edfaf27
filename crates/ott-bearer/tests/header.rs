//! RFC 6750, RFC 9470: the header and its answers.

use ott_bearer::{
    Challenge, Credential, HeaderError, InsufficientScope, StepUpNeeded,
    token_store::ott_core::chrono::TimeDelta,
};

fn read(values: &[&[u8]]) -> Result<String, HeaderError> {
    let credential = Credential::read(values.iter().copied())?;
    assert_eq!(format!("{credential:?}"), "Credential(..)");
    Ok(credential.expose_secret().into())
}

/// RFC 6750 section 2.1: the scheme in any case, blanks, then a token of its alphabet.
#[test]
fn header_is_read_as_the_rfc_has_it() {
    for value in [
        "Bearer mF_9.B5f-4.1JqM",
        "bearer mF_9.B5f-4.1JqM",
        "BEARER   mF_9.B5f-4.1JqM ",
    ] {
        assert_eq!(read(&[value.as_bytes()]).as_deref(), Ok("mF_9.B5f-4.1JqM"));
    }
    assert_eq!(read(&[b"Bearer aA0-._~+/=="]).as_deref(), Ok("aA0-._~+/=="));
    let longest = format!("Bearer {}", "a".repeat(4_096));
    assert!(read(&[longest.as_bytes()]).is_ok());
}

/// What is no token of the scheme is told from none at all.
#[test]
fn other_headers_are_missing_or_malformed() {
    use HeaderError::{Malformed, Missing};
    assert_eq!(read(&[]), Err(Missing));
    for value in ["", "Basic YTpi", "Bearerx", "DPoP abc", "mF_9.B5f"] {
        assert_eq!(read(&[value.as_bytes()]), Err(Missing), "{value}");
    }
    let long = format!("Bearer {}", "a".repeat(4_097));
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer =",
        "Bearer a=b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearer \u{e9}",
        &long,
    ] {
        assert_eq!(read(&[value.as_bytes()]), Err(Malformed), "{value}");
    }
    assert_eq!(read(&[b"Bearer \xff"]), Err(Malformed));
    assert_eq!(read(&[b"Bearer a", b"Bearer a"]), Err(Malformed));
}

/// RFC 6750 section 3.1 and RFC 9470 section 3: status and parameters of each answer; what is quoted ends no quotes.
#[test]
fn challenges_are_written_as_the_rfcs_have_them() {
    let scope = InsufficientScope {
        scope: "mail:read mail:send".into(),
    };
    let longest = TimeDelta::minutes(5);
    let step_up = StepUpNeeded { longest };
    for (challenge, status, value) in [
        (
            Challenge::missing("Example"),
            401,
            r#"Bearer realm="Example""#,
        ),
        (
            Challenge::malformed("Example"),
            400,
            r#"Bearer realm="Example", error="invalid_request""#,
        ),
        (
            Challenge::refused("Example"),
            401,
            r#"Bearer realm="Example", error="invalid_token""#,
        ),
        (
            Challenge::insufficient("Example", &scope),
            403,
            r#"Bearer realm="Example", error="insufficient_scope", scope="mail:read mail:send""#,
        ),
        (
            Challenge::step_up("Example", &step_up),
            401,
            r#"Bearer realm="Example", error="insufficient_user_authentication", max_age="300""#,
        ),
        (
            Challenge::missing("a\"b\\c\r\nx: y\u{e9}"),
            401,
            r#"Bearer realm="a\"b\\cx: y""#,
        ),
    ] {
        assert_eq!((challenge.status(), challenge.value()), (status, value));
    }
}

/// RFC 6265 section 4.2: pairs behind `;`, in one header or several; a name that is there twice is not guessed at.
#[test]
fn cookie_is_read_by_its_whole_name_once() {
    use HeaderError::{Malformed, Missing};
    let read = |values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes());
        Credential::read_cookie(values, "__Host-session").map(|it| it.expose_secret().to_owned())
    };
    let right = Ok("aA0-._~".to_owned());
    for header in [
        "__Host-session=aA0-._~",
        "theme=dark; __Host-session=aA0-._~; x=y",
        "__Host-session2=no;__Host-session=aA0-._~",
    ] {
        assert_eq!(read(&[header]), right, "{header}");
    }
    assert_eq!(read(&["a=b", "__Host-session=aA0-._~"]), right);
    for header in ["", "session=abc", "__Host-session", "x__Host-session=abc"] {
        assert_eq!(read(&[header]), Err(Missing), "{header}");
    }
    for header in [
        "__Host-session=",
        "__Host-session=a b",
        "__Host-session=a; __Host-session=a",
    ] {
        assert_eq!(read(&[header]), Err(Malformed), "{header}");
    }
}
