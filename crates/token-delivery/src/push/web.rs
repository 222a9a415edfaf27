//! Web Push: the browser as the device on which somebody decides.

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ott_core::Purpose;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    ANOTHER_SERVICE, PushAddress, PushConfigError, PushOptions, PushStatus, Said, address_of,
    fcm::{open, outage},
    jwt::Signer,
    seal,
    tries::{Judged, Waits, tried},
};
use crate::{Delivery, DeliveryError, HttpClient, HttpError, HttpRequest, Message, Templates};

/// How long a signed token is good, in seconds: a day at most (RFC 8292 section 2), and clocks differ.
const LASTS: i64 = 12 * 3_600;

/// Wakes browsers over the push services that they subscribed at. Clones share it.
///
/// What is sent is encrypted for the browser: its service sees neither the words nor the prompt's id. Redirects are not
/// followed.
///
/// # Security
/// Whoever registers a browser names the address that this server then posts to. It is `https`, and neither this machine's
/// nor a private network's, whatever its name leads to at that moment.
///
/// Specification: RFC 8030, RFC 8291, RFC 8292.
#[derive(Clone)]
pub struct WebPush(Arc<Inner>);

struct Inner {
    client: HttpClient,
    key: VapidKey,
    contact: String,
    waits: Waits,
    options: PushOptions,
    words: Templates,
}

/// The key by which push services recognise this server: P-256. Changing it ends every subscription.
pub struct VapidKey(Signer);

impl VapidKey {
    /// A PKCS #8 key in PEM: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
    ///
    /// # Errors
    /// [`PushConfigError::Key`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, PushConfigError> {
        Signer::es256(pem).map(Self)
    }

    /// A new key, in the form that [`VapidKey::from_pem`] reads. Write it to a file of the server's user alone.
    ///
    /// # Errors
    /// [`PushConfigError::Key`] where the operating system has no random bytes.
    pub fn generate_pem() -> Result<Zeroizing<String>, PushConfigError> {
        Signer::new_es256_pem()
    }

    /// Both halves in base64url, as other programs write them: 32 bytes, and an uncompressed point.
    ///
    /// # Errors
    /// [`PushConfigError::Key`].
    pub fn from_base64(private: &str, public: &str) -> Result<Self, PushConfigError> {
        let read = |text: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
            let bytes = bytes.map_err(|_| PushConfigError::Key("text in base64url"));
            bytes.map(Zeroizing::new)
        };
        Signer::es256_of(&read(private)?, &read(public)?).map(Self)
    }

    /// What a page gives its browser as `applicationServerKey`, in base64url.
    #[must_use]
    pub fn public(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.public())
    }
}

impl WebPush {
    /// With the server's key, and where its operator is reached: `mailto:` or `https:`.
    ///
    /// # Errors
    /// [`PushConfigError`], which says what is wrong.
    pub fn new(
        key: VapidKey,
        contact: impl Into<String>,
        words: Templates,
        options: PushOptions,
    ) -> Result<Self, PushConfigError> {
        let contact = contact.into();
        let named = contact.starts_with("mailto:") || contact.starts_with("https:");
        if !named || !contact.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PushConfigError::Name("the contact"));
        }
        let client = options.client(|client| match options.private_networks {
            true => client,
            false => client.public_only(),
        })?;
        Ok(Self(Arc::new(Inner {
            client,
            key,
            contact,
            waits: Waits::default(),
            options,
            words,
        })))
    }
}

/// What is the same in all tries of one push.
struct Sending {
    endpoint: String,
    /// Scheme and host: the audience of the token (RFC 8292 section 2).
    origin: String,
    topic: String,
    body: Vec<u8>,
}

impl Inner {
    async fn send(&self, sending: &Sending) -> Result<Judged, DeliveryError> {
        let now = self.options.clock.now().timestamp();
        let claims = json!({
            "aud": sending.origin,
            "exp": now.saturating_add(LASTS),
            "sub": self.contact,
        });
        let token = self.key.0.sign(None, &claims)?;
        let authorization = Zeroizing::new(format!("vapid t={}, k={}", *token, self.key.public()));
        let lasting = self.options.lasting.as_secs().to_string();
        let mut request =
            HttpRequest::new("POST", &sending.endpoint, sending.body.as_slice()).map_err(outage)?;
        for (name, value) in [
            ("authorization", authorization.as_str()),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", &lasting),
            ("urgency", "high"),
            // A second one takes the place of the first.
            ("topic", &sending.topic),
        ] {
            request = request.header(name, value).map_err(outage)?;
        }
        Ok(match self.client.send(request).await {
            Err(error @ HttpError::Private) => Judged::Over(DeliveryError::Refused(error.into())),
            Err(error) => open(error),
            Ok(answer) => judge(answer.status(), answer.retry_after()),
        })
    }
}

/// What an answer means. What a service says against the request or its token is a refusal and no mistake of the
/// operator's: whoever subscribed named the service.
fn judge(status: u16, wait: Option<Duration>) -> Judged {
    let answer = PushStatus {
        status,
        reason: None,
    };
    match status {
        200..=299 => Judged::Sent,
        404 | 410 => Judged::Over(DeliveryError::Unregistered(answer.into())),
        408 | 429 | 500.. => Judged::again(answer, wait),
        _ => Judged::refused(answer),
    }
}

#[async_trait]
impl Delivery for WebPush {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let inner = &*self.0;
        let PushAddress::Web(to) = address_of(message)? else {
            return Err(ANOTHER_SERVICE);
        };
        let said = Said::new(&inner.words, message)?;
        let plain = json!({"title": said.title, "body": said.text, "prompt": said.prompt});
        let plain = plain.to_string();
        if plain.len() > seal::LONGEST {
            let which = "the words are too long for a push";
            return Err(DeliveryError::Unsendable { which });
        }
        let sealed = seal::seal(&to, plain.as_bytes());
        let body = sealed.map_err(|_| DeliveryError::Unavailable("no random bytes".into()))?;
        let host = to.endpoint.authority().map_or("", |host| host.as_str());
        let sending = Sending {
            endpoint: to.endpoint.to_string(),
            origin: format!("https://{host}"),
            topic: said.prompt,
            body,
        };
        let names = [sending.origin.as_str(), &sending.endpoint];
        tried(&inner.options, &inner.waits, names, || inner.send(&sending)).await
    }

    fn sends(&self, _: &Purpose) -> bool {
        false
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.0.words.has_prompt(purpose)
    }
}

impl fmt::Debug for WebPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPush").finish_non_exhaustive()
    }
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VapidKey(..)")
    }
}
