//! The Apple Push Notification service.

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use ott_core::{
    Purpose,
    chrono::{DateTime, TimeDelta, Utc},
    rand::{TryRng as _, rngs::SysRng},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    ANOTHER_SERVICE, PushAddress, PushConfigError, PushOptions, PushStatus, Said, address_of,
    fcm::{open, outage},
    held::{Held, Token},
    jwt::Signer,
    one_of,
    tries::{Judged, Waits, misconfigured, tried},
};
use crate::{Delivery, DeliveryError, HttpClient, HttpRequest, Message, Templates};

/// A token is refused after an hour.
const RENEW_AFTER: TimeDelta = TimeDelta::minutes(45);

/// A token that is made again sooner is answered with `TooManyProviderTokenUpdates`.
const LEAST_AGE: TimeDelta = TimeDelta::minutes(20);

/// The longest payload that the service takes, in bytes.
const LONGEST: usize = 4_096;

/// Wakes devices of Apple's. Clones share it.
///
/// It keeps one connection (HTTP/2), and signs a token (JWT, ES256) every 45 minutes. One that is refused as expired is made
/// again once, and never within 20 minutes of the last.
///
/// Specification: "Sending notification requests to APNs" and "Establishing a token-based connection to APNs", Apple.
#[derive(Clone)]
pub struct Apns(Arc<Inner>);

struct Inner {
    client: HttpClient,
    base: String,
    topic: String,
    key: ApnsKey,
    held: Held,
    waits: Waits,
    options: PushOptions,
    words: Templates,
}

/// The key by which a team of developers signs.
pub struct ApnsKey {
    key: Signer,
    id: String,
    team: String,
}

impl ApnsKey {
    /// The key as it was downloaded (`AuthKey_….p8`), its id and the team's: ten characters each.
    ///
    /// # Errors
    /// [`PushConfigError::Key`], [`PushConfigError::Name`].
    pub fn new(
        pem: &[u8],
        id: impl Into<String>,
        team: impl Into<String>,
    ) -> Result<Self, PushConfigError> {
        let (id, team) = (id.into(), team.into());
        let ten =
            |text: &str| text.len() == 10 && text.bytes().all(|one| one.is_ascii_alphanumeric());
        for (text, what) in [(&id, "the key's id"), (&team, "the team's id")] {
            if !ten(text) {
                return Err(PushConfigError::Name(what));
            }
        }
        let key = Signer::es256(pem)?;
        Ok(Self { key, id, team })
    }
}

impl Apns {
    /// Where devices are reached whose app was built for development.
    pub const SANDBOX: &str = "https://api.sandbox.push.apple.com";

    /// For the app of this bundle id.
    ///
    /// # Errors
    /// [`PushConfigError`], which says what is wrong.
    pub fn new(
        key: ApnsKey,
        topic: impl Into<String>,
        words: Templates,
        options: PushOptions,
    ) -> Result<Self, PushConfigError> {
        let topic = topic.into();
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if topic.is_empty() || !topic.bytes().all(belongs) {
            return Err(PushConfigError::Name("the topic"));
        }
        Ok(Self(Arc::new(Inner {
            client: options.client(crate::HttpClientBuilder::http2)?,
            base: options.base("https://api.push.apple.com")?,
            topic,
            key,
            held: Held::default(),
            waits: Waits::default(),
            options,
            words,
        })))
    }
}

/// What is the same in all tries of one push.
struct Sending {
    path: String,
    id: String,
    expires_at: i64,
    prompt: String,
    body: String,
}

impl Inner {
    fn token(&self, now: DateTime<Utc>) -> Result<Token, DeliveryError> {
        let claims = json!({"iss": self.key.team, "iat": now.timestamp()});
        let text = self.key.key.sign(Some(&self.key.id), &claims)?;
        Ok(Token {
            text: Arc::new(text),
            made_at: now,
            renew_at: now.checked_add_signed(RENEW_AFTER).unwrap_or(now),
        })
    }

    async fn send(&self, sending: &Sending) -> Result<Judged, DeliveryError> {
        let now = self.options.clock.now();
        let token = self.held.get(now, async { self.token(now) }).await?;
        let authorization = Zeroizing::new(format!("bearer {}", token.text.as_str()));
        let address = format!("{}{}", self.base, sending.path);
        let expires_at = sending.expires_at.to_string();
        let mut request =
            HttpRequest::new("POST", &address, sending.body.as_str()).map_err(outage)?;
        for (name, value) in [
            ("authorization", authorization.as_str()),
            ("apns-topic", &self.topic),
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            ("apns-expiration", &expires_at),
            ("apns-id", &sending.id),
            // A second one takes the place of the first.
            ("apns-collapse-id", &sending.prompt),
            ("content-type", "application/json"),
        ] {
            request = request.header(name, value).map_err(outage)?;
        }
        let judged = match self.client.send(request).await {
            Err(error) => open(error),
            Ok(answer) => {
                let (status, wait) = (answer.status(), answer.retry_after());
                let body = match status {
                    200 => Vec::new(),
                    _ => answer.body().await.unwrap_or_default(),
                };
                judge(status, &body, wait)
            }
        };
        Ok(match judged {
            Judged::Renew(error) if !self.held.forget(&token, now, LEAST_AGE).await => {
                Judged::Over(error)
            }
            judged => judged,
        })
    }
}

/// Every reason that the vendor documents.
const REASONS: [&str; 31] = [
    "BadCertificate",
    "BadCertificateEnvironment",
    "BadCollapseId",
    "BadDeviceToken",
    "BadEnvironmentKeyIdInToken",
    "BadExpirationDate",
    "BadMessageId",
    "BadPath",
    "BadPriority",
    "BadTopic",
    "DeviceTokenNotForTopic",
    "DuplicateHeaders",
    "ExpiredProviderToken",
    "ExpiredToken",
    "Forbidden",
    "IdleTimeout",
    "InternalServerError",
    "InvalidProviderToken",
    "InvalidPushType",
    "MethodNotAllowed",
    "MissingDeviceToken",
    "MissingProviderToken",
    "MissingTopic",
    "PayloadEmpty",
    "PayloadTooLarge",
    "ServiceUnavailable",
    "Shutdown",
    "TooManyProviderTokenUpdates",
    "TooManyRequests",
    "TopicDisallowed",
    "Unregistered",
];
/// A newer one of the same kind as the key's environment.
const UNRELATED: &str = "UnrelatedKeyIdInToken";

/// What an answer means.
pub(super) fn judge(status: u16, body: &[u8], wait: Option<Duration>) -> Judged {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = body.get("reason");
    let reason = one_of(&REASONS, reason).or_else(|| one_of(&[UNRELATED], reason));
    let answer = PushStatus { status, reason };
    match (status, reason) {
        (200, _) => Judged::Sent,
        (410, _) | (400, Some("BadDeviceToken")) => {
            Judged::Over(DeliveryError::Unregistered(answer.into()))
        }
        (401 | 403, Some("ExpiredProviderToken")) => Judged::Renew(misconfigured(answer)),
        (400, Some("IdleTimeout")) | (408 | 429 | 500.., _) => Judged::again(answer, wait),
        (413, _) => Judged::refused(answer),
        // All others say that the request or its credentials are wrong: nothing that a device has to do with.
        _ => Judged::misconfigured(answer),
    }
}

#[async_trait]
impl Delivery for Apns {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let inner = &*self.0;
        let PushAddress::Apns(token) = address_of(message)? else {
            return Err(ANOTHER_SERVICE);
        };
        let said = Said::new(&inner.words, message)?;
        let body = json!({
            "aps": {"alert": {"title": said.title, "body": said.text}, "sound": "default"},
            "prompt": said.prompt,
        });
        let body = body.to_string();
        if body.len() > LONGEST {
            let which = "the words are too long for a push";
            return Err(DeliveryError::Unsendable { which });
        }
        let lasting = i64::try_from(inner.options.lasting.as_secs()).unwrap_or(i64::MAX);
        let sending = Sending {
            path: format!("/3/device/{}", token.0),
            id: uuid()?,
            expires_at: inner
                .options
                .clock
                .now()
                .timestamp()
                .saturating_add(lasting),
            prompt: said.prompt,
            body,
        };
        let names = ["", token.0.as_str()];
        tried(&inner.options, &inner.waits, names, || inner.send(&sending)).await
    }

    fn sends(&self, _: &Purpose) -> bool {
        false
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.0.words.has_prompt(purpose)
    }
}

/// RFC 9562 section 5.4.
fn uuid() -> Result<String, DeliveryError> {
    let mut bytes = [0; 16];
    let drawn = SysRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| DeliveryError::Unavailable(error.into()))?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    Ok(parts.join("-"))
}

impl fmt::Debug for Apns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apns").finish_non_exhaustive()
    }
}

impl fmt::Debug for ApnsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApnsKey(..)")
    }
}
