//! RFC 7009 and RFC 7662 as JSON and forms.

#![cfg(feature = "serde")]

use ott_bearer::{Introspection, TokenRequest};
use serde_json::json;

/// RFC 7662 section 2.2: of a token that is not active nothing else is told; absent members are left out.
#[test]
fn introspection_has_the_members_of_the_rfc() {
    let inactive = serde_json::to_value(Introspection::inactive()).unwrap();
    assert_eq!(inactive, json!({"active": false}));
    let told = Introspection {
        active: true,
        scope: Some("mail:read".into()),
        token_type: Some("Bearer"),
        exp: Some(1_790_000_000),
        iat: Some(1_780_000_000),
        sub: Some("4711".into()),
        jti: Some("id".into()),
        auth_time: Some(1_780_000_000),
        amr: vec!["pwd".into(), "otp".into()],
    };
    let expected = json!({
        "active": true, "scope": "mail:read", "token_type": "Bearer", "exp": 1_790_000_000, "iat": 1_780_000_000,
        "sub": "4711", "jti": "id", "auth_time": 1_780_000_000, "amr": ["pwd", "otp"],
    });
    assert_eq!(serde_json::to_value(told).unwrap(), expected);
}

/// RFC 7009 section 2.1: a token, and a hint that may be absent; nothing of the token is printed.
#[test]
fn token_request_is_read_and_prints_nothing() {
    let read: TokenRequest = serde_json::from_value(json!({"token": "secret"})).unwrap();
    assert_eq!(
        (read.token.as_str(), read.token_type_hint.as_deref()),
        ("secret", None)
    );
    let hinted = json!({"token": "secret", "token_type_hint": "access_token"});
    let read: TokenRequest = serde_json::from_value(hinted).unwrap();
    assert_eq!(read.token_type_hint.as_deref(), Some("access_token"));
    assert!(!format!("{read:?}").contains("secret"));
    assert!(serde_json::from_value::<TokenRequest>(json!({})).is_err());
}
