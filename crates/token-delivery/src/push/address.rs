//! Where a push goes.

use core::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hyper::Uri;
use ott_core::Destination;
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
};

/// The address of a device at its push service. As a [`Destination`] it is kept like every other.
///
/// | text of the destination | what |
/// | --- | --- |
/// | `apns:` and hexadecimal digits | a device token of APNs |
/// | `fcm:` and the token | a registration token of FCM |
/// | `web:`, `p256dh`, `.`, `auth`, `.`, the endpoint | a subscription of a browser's |
///
/// Its `Debug` text has the service alone.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushAddress {
    /// Apple's.
    Apns(DeviceToken),
    /// Firebase's.
    Fcm(DeviceToken),
    /// A browser's.
    Web(Subscription),
}

/// The token of one device, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(pub(super) String);

/// A browser's subscription, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    pub(super) endpoint: Uri,
    /// An uncompressed point on P-256.
    pub(super) key: [u8; 65],
    pub(super) auth: [u8; 16],
}

/// Why something is no address of a push service. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPushAddress {
    /// The endpoint is no `https` address with a host and without a user.
    #[error("an endpoint is an https address of at most 1024 bytes")]
    Endpoint,
    /// `p256dh` is no point on P-256, or `auth` is not 16 bytes; both in base64url.
    #[error("the keys of a subscription are a point on P-256 and 16 bytes, in base64url")]
    Keys,
    /// The token has no such characters or no such length.
    #[error("no device token")]
    Token,
}

impl PushAddress {
    /// A device token that the app got from iOS, in hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidPushAddress::Token`].
    pub fn apns(token: &str) -> Result<Self, InvalidPushAddress> {
        let fits = (64..=200).contains(&token.len()) && token.len().is_multiple_of(2);
        if !fits || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidPushAddress::Token);
        }
        Ok(Self::Apns(DeviceToken(token.to_ascii_lowercase())))
    }

    /// A registration token that the app got from Firebase.
    ///
    /// # Errors
    /// [`InvalidPushAddress::Token`].
    pub fn fcm(token: &str) -> Result<Self, InvalidPushAddress> {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
        if !(1..=1_024).contains(&token.len()) || !token.bytes().all(belongs) {
            return Err(InvalidPushAddress::Token);
        }
        Ok(Self::Fcm(DeviceToken(token.into())))
    }

    /// What a browser's `PushSubscription.toJSON()` has: `endpoint`, `keys.p256dh`, `keys.auth`.
    ///
    /// # Errors
    /// [`InvalidPushAddress`].
    ///
    /// Specification: RFC 8291 section 3.
    pub fn web(endpoint: &str, p256dh: &str, auth: &str) -> Result<Self, InvalidPushAddress> {
        let wrong = InvalidPushAddress::Endpoint;
        if endpoint.len() > 1_024 || endpoint.contains('#') {
            return Err(wrong);
        }
        let endpoint: Uri = endpoint.parse().map_err(|_| wrong)?;
        let authority = endpoint.authority().ok_or(wrong)?;
        let named = !authority.host().is_empty() && !authority.as_str().contains('@');
        if endpoint.scheme_str() != Some("https") || !named {
            return Err(wrong);
        }
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        let key = bytes(p256dh).ok().and_then(|key| key.try_into().ok());
        let auth = bytes(auth).ok().and_then(|auth| auth.try_into().ok());
        let (Some(key), Some(auth)) = (key, auth) else {
            return Err(InvalidPushAddress::Keys);
        };
        if !is_on_curve(&key) {
            return Err(InvalidPushAddress::Keys);
        }
        Ok(Self::Web(Subscription {
            endpoint,
            key,
            auth,
        }))
    }

    /// As a factor and a message name it.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let text = match self {
            Self::Apns(token) => format!("apns:{}", token.0),
            Self::Fcm(token) => format!("fcm:{}", token.0),
            Self::Web(to) => {
                let [key, auth] =
                    [&to.key[..], &to.auth].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
                format!("web:{key}.{auth}.{}", to.endpoint)
            }
        };
        match Destination::device(text) {
            Ok(destination) => destination,
            Err(_) => unreachable!("it is ASCII without control characters, and short enough"),
        }
    }

    /// The address that a destination is; `None` for any other.
    #[must_use]
    pub fn read(destination: &Destination) -> Option<Self> {
        let (service, rest) = destination.address().split_once(':')?;
        let read = match service {
            "apns" => Self::apns(rest),
            "fcm" => Self::fcm(rest),
            "web" => {
                let (key, rest) = rest.split_once('.')?;
                let (auth, endpoint) = rest.split_once('.')?;
                Self::web(endpoint, key, auth)
            }
            _ => return None,
        };
        read.ok()
    }
}

/// Whether a key can be agreed with: it is a point on P-256, and not the one at infinity.
fn is_on_curve(key: &[u8; 65]) -> bool {
    let drawn = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    let peer = UnparsedPublicKey::new(&ECDH_P256, key);
    drawn.is_ok_and(|own| agree_ephemeral(own, &peer, |_| ()).is_ok())
}

impl fmt::Debug for PushAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apns(_) => "PushAddress(apns, ..)",
            Self::Fcm(_) => "PushAddress(fcm, ..)",
            Self::Web(_) => "PushAddress(web, ..)",
        })
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(..)")
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the example of RFC 8291 section 5 is one, and what lies beside it is none.
    #[test]
    fn keys_of_a_subscription_lie_on_the_curve() {
        let key = BASE64_URL_SAFE_NO_PAD.decode(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let mut key: [u8; 65] = key.expect("base64url").try_into().expect("65 bytes");
        assert!(is_on_curve(&key));
        key[64] ^= 1;
        assert!(!is_on_curve(&key));
        assert!(!is_on_curve(&[0; 65]));
    }
}
