//! Firebase Cloud Messaging, HTTP v1.

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use ott_core::{
    Purpose,
    chrono::{DateTime, TimeDelta, Utc},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    ANOTHER_SERVICE, PushAddress, PushConfigError, PushOptions, PushStatus, Said, address_of,
    held::{Held, Token},
    jwt::Signer,
    one_of,
    options::checked,
    tries::{Judged, Waits, Whose, misconfigured, tried},
};
use crate::{Delivery, DeliveryError, HttpClient, HttpError, HttpRequest, Message, Templates};

/// What the access token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// A token is made again so long before its end: it is good for as long as a request takes.
const BEFORE_ITS_END: TimeDelta = TimeDelta::minutes(5);

/// A refused token that is younger is not made again: another one would be refused, too.
const LEAST_AGE: TimeDelta = TimeDelta::minutes(1);

/// Where no time is named: the vendor asks for a minute at least.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

/// The longest body that is sent, in bytes: a payload is 4,096 at most.
const LONGEST: usize = 4_096;

/// Wakes devices over Firebase Cloud Messaging. Clones share it.
///
/// It authenticates as a service account: it signs a JWT (RS256), exchanges it for an access token, and keeps that until five
/// minutes before its end. A token that is refused is exchanged anew once.
///
/// Specification: `projects.messages.send` of the FCM HTTP v1 API, RFC 7523.
#[derive(Clone)]
pub struct Fcm(Arc<Inner>);

struct Inner {
    client: HttpClient,
    address: String,
    account: Account,
    held: Held,
    waits: Waits,
    options: PushOptions,
    words: Templates,
}

/// A service account, by its key file.
struct Account {
    key: Signer,
    key_id: Option<String>,
    email: String,
    token_uri: String,
}

impl Fcm {
    /// With the key file of a service account (JSON) that may send messages.
    ///
    /// # Errors
    /// [`PushConfigError`], which says what is wrong.
    pub fn new(
        account: &[u8],
        words: Templates,
        options: PushOptions,
    ) -> Result<Self, PushConfigError> {
        let file: Value =
            serde_json::from_slice(account).map_err(|_| PushConfigError::Account("no JSON"))?;
        let field = |name| file.get(name).and_then(Value::as_str);
        let needed = |name| field(name).ok_or(PushConfigError::Account(name));
        let project = needed("project_id")?;
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte);
        if project.is_empty() || !project.bytes().all(belongs) {
            return Err(PushConfigError::Account("project_id"));
        }
        let token_uri = needed("token_uri")?;
        checked(token_uri)?;
        let base = options.base("https://fcm.googleapis.com")?;
        Ok(Self(Arc::new(Inner {
            client: options.client(|client| client)?,
            address: format!("{base}/v1/projects/{project}/messages:send"),
            account: Account {
                key: Signer::rs256(needed("private_key")?.as_bytes())?,
                key_id: field("private_key_id").map(Into::into),
                email: needed("client_email")?.into(),
                token_uri: token_uri.into(),
            },
            held: Held::default(),
            waits: Waits::default(),
            options,
            words,
        })))
    }
}

impl Inner {
    async fn send(&self, body: &str) -> Result<Judged, DeliveryError> {
        let now = self.options.clock.now();
        let make = self.account.token(&self.client, now);
        let token = self.held.get(now, make).await?;
        let authorization = Zeroizing::new(format!("Bearer {}", token.text.as_str()));
        let request = HttpRequest::new("POST", &self.address, body)
            .and_then(|request| request.header("authorization", &authorization))
            .and_then(|request| request.header("content-type", "application/json"));
        let request = request.map_err(outage)?;
        let judged = match self.client.send(request).await {
            Err(error) => open(error),
            Ok(answer) => {
                let (status, wait) = (answer.status(), answer.retry_after());
                match answer.body().await {
                    Ok(body) => judge(status, &body, wait),
                    // The status says whether it was sent.
                    Err(_) => judge(status, b"", wait),
                }
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

impl Account {
    /// An access token, by RFC 7523 section 2.1.
    async fn token(&self, client: &HttpClient, now: DateTime<Utc>) -> Result<Token, DeliveryError> {
        let issued_at = now.timestamp();
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued_at,
            "exp": issued_at.saturating_add(3_600),
        });
        let assertion = self.key.sign(self.key_id.as_deref(), &claims)?;
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let body = Zeroizing::new(format!("grant_type={grant}&assertion={}", *assertion));
        let request = HttpRequest::new("POST", &self.token_uri, body.as_bytes());
        let request =
            request.and_then(|one| one.header("content-type", "application/x-www-form-urlencoded"));
        let answer = client
            .send(request.map_err(outage)?)
            .await
            .map_err(outage)?;
        let status = PushStatus {
            status: answer.status(),
            reason: Some("to the request for an access token"),
        };
        match status.status {
            200 => {}
            400..=403 => return Err(misconfigured(status)),
            _ => return Err(DeliveryError::Unavailable(status.into())),
        }
        let body = Zeroizing::new(answer.body().await.map_err(outage)?);
        let none = || DeliveryError::Unavailable("no access token in the answer".into());
        let answer: Value = serde_json::from_slice(&body).map_err(|_| none())?;
        let text = answer.get("access_token").and_then(Value::as_str);
        let seconds = answer.get("expires_in").and_then(Value::as_i64);
        let lasts = seconds.and_then(TimeDelta::try_seconds).ok_or_else(none)?;
        // One that ends sooner is used for half of its time.
        let most = lasts
            .checked_sub(&BEFORE_ITS_END)
            .ok_or_else(none)?
            .max(lasts.checked_div(2).ok_or_else(none)?);
        let renew_at = now.checked_add_signed(most).ok_or_else(none)?;
        let belongs = |byte: u8| byte.is_ascii_graphic();
        let text = text.filter(|text| !text.is_empty() && text.bytes().all(belongs));
        Ok(Token {
            text: Arc::new(Zeroizing::new(text.ok_or_else(none)?.into())),
            made_at: now,
            renew_at,
        })
    }
}

/// Every code that the vendor documents.
const CODES: [&str; 9] = [
    "INTERNAL",
    "INVALID_ARGUMENT",
    "QUOTA_EXCEEDED",
    "SENDER_ID_MISMATCH",
    "THIRD_PARTY_AUTH_ERROR",
    "UNAVAILABLE",
    "UNREGISTERED",
    "UNSPECIFIED_ERROR",
    // In the place of a code that is more exact.
    "UNAUTHENTICATED",
];

/// What an answer means. The code in `details` counts, since several share a status.
pub(super) fn judge(status: u16, body: &[u8], wait: Option<Duration>) -> Judged {
    if (200..300).contains(&status) {
        return Judged::Sent;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let details = body.pointer("/error/details").and_then(Value::as_array);
    let mut details = details.into_iter().flatten();
    let code = details.find_map(|detail| one_of(&CODES, detail.get("errorCode")));
    let reason = code.or_else(|| one_of(&CODES, body.pointer("/error/status")));
    let answer = PushStatus { status, reason };
    match (status, reason) {
        (_, Some("UNREGISTERED")) => Judged::Over(DeliveryError::Unregistered(answer.into())),
        (_, Some("THIRD_PARTY_AUTH_ERROR" | "SENDER_ID_MISMATCH")) => Judged::misconfigured(answer),
        (401, _) => Judged::Renew(misconfigured(answer)),
        (429, _) => Judged::again(answer, Some(wait.unwrap_or(QUOTA_WAIT))),
        (408 | 500.., _) => Judged::again(answer, wait),
        // A project or a right that is none; a redirect, which is not followed.
        (300..=399 | 403..=405, _) => Judged::misconfigured(answer),
        _ => Judged::refused(answer),
    }
}

/// Nobody knows whether it was sent. Once more does no harm: it takes the place of the first.
pub(super) fn open(error: HttpError) -> Judged {
    Judged::Again {
        wait: None,
        whose: Whose::Service,
        error: outage(error),
    }
}

pub(super) fn outage(error: HttpError) -> DeliveryError {
    DeliveryError::Unavailable(error.into())
}

#[async_trait]
impl Delivery for Fcm {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let inner = &*self.0;
        let PushAddress::Fcm(token) = address_of(message)? else {
            return Err(ANOTHER_SERVICE);
        };
        let said = Said::new(&inner.words, message)?;
        let lasting = inner.options.lasting.as_secs();
        let body = json!({"message": {
            "token": token.0,
            "notification": {"title": said.title, "body": said.text},
            "data": {"prompt": said.prompt},
            "android": {
                "priority": "HIGH",
                "ttl": format!("{lasting}s"),
                // A second one takes the place of the first.
                "notification": {"tag": said.prompt},
            },
        }});
        let body = body.to_string();
        if body.len() > LONGEST {
            let which = "the words are too long for a push";
            return Err(DeliveryError::Unsendable { which });
        }
        let names = ["", token.0.as_str()];
        tried(&inner.options, &inner.waits, names, || inner.send(&body)).await
    }

    fn sends(&self, _: &Purpose) -> bool {
        false
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.0.words.has_prompt(purpose)
    }
}

impl fmt::Debug for Fcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm").finish_non_exhaustive()
    }
}
