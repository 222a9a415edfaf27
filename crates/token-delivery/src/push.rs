//! What wakes a device on which somebody decides: FCM, APNs, Web Push.

mod address;
mod apns;
mod fcm;
mod held;
mod jwt;
mod options;
mod seal;
mod tries;
mod web;

use async_trait::async_trait;
use ott_core::{Channel, Purpose};
use serde_json::Value;

use crate::{Delivery, DeliveryError, Message, Templates};

pub use address::{DeviceToken, InvalidPushAddress, PushAddress, Subscription};
pub use apns::{Apns, ApnsKey};
pub use fcm::Fcm;
pub use options::{PushConfigError, PushOptions};
pub use web::{VapidKey, WebPush};

/// What a push service answered: its status and the name of its reason, where that is one that its vendor documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the push service answered {status} {}", .reason.unwrap_or_default())]
pub struct PushStatus {
    /// The status.
    pub status: u16,
    /// The reason.
    pub reason: Option<&'static str>,
}

/// Sends each prompt over the service that its address names: see [`PushAddress`].
///
/// ```no_run
/// use token_delivery::{Apns, ApnsKey, Push, PushOptions, VapidKey, WebPush};
/// use token_delivery::{Template, Templates, ott_core::*};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
/// let words = Template::prompt(&PROMPT, "Sign in to {application}?", "Open the app to answer.");
/// let words = Templates::new("Example", [words])?;
/// let key = ApnsKey::new(&std::fs::read("AuthKey_ABC123DEFG.p8")?, "ABC123DEFG", "DEF123GHIJ")?;
/// let key_of_server = VapidKey::from_pem(&std::fs::read("vapid.pem")?)?;
/// let push = Push::default()
///     .apns(Apns::new(key, "org.example.app", words.clone(), PushOptions::default())?)
///     .web(WebPush::new(key_of_server, "mailto:admin@example.org", words, PushOptions::default())?);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Push {
    apns: Option<Apns>,
    fcm: Option<Fcm>,
    web: Option<WebPush>,
}

impl Push {
    /// Devices of Apple's go this way.
    #[must_use]
    pub fn apns(mut self, apns: Apns) -> Self {
        self.apns = Some(apns);
        self
    }

    /// Devices with an app of Firebase's go this way.
    #[must_use]
    pub fn fcm(mut self, fcm: Fcm) -> Self {
        self.fcm = Some(fcm);
        self
    }

    /// Browsers go this way.
    #[must_use]
    pub fn web(mut self, web: WebPush) -> Self {
        self.web = Some(web);
        self
    }

    fn all(&self) -> impl Iterator<Item = &dyn Delivery> {
        let apns = self.apns.as_ref().map(|one| one as &dyn Delivery);
        let fcm = self.fcm.as_ref().map(|one| one as &dyn Delivery);
        let web = self.web.as_ref().map(|one| one as &dyn Delivery);
        apns.into_iter().chain(fcm).chain(web)
    }
}

#[async_trait]
impl Delivery for Push {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let service = match address_of(message)? {
            PushAddress::Apns(_) => self.apns.as_ref().map(|one| one as &dyn Delivery),
            PushAddress::Fcm(_) => self.fcm.as_ref().map(|one| one as &dyn Delivery),
            PushAddress::Web(_) => self.web.as_ref().map(|one| one as &dyn Delivery),
        };
        match service {
            Some(service) => service.deliver(message).await,
            None => Err(ANOTHER_SERVICE),
        }
    }

    /// A push carries no token and no news.
    fn sends(&self, _: &Purpose) -> bool {
        false
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        let mut all = self.all().peekable();
        all.peek().is_some() && all.all(|service| service.sends_prompts(purpose))
    }
}

const ANOTHER_SERVICE: DeliveryError = DeliveryError::Unsendable {
    which: "the device is reached over another push service",
};

/// What a push says.
struct Said {
    title: String,
    text: String,
    /// The prompt's public id: 32 hexadecimal digits.
    prompt: String,
}

impl Said {
    fn new(words: &Templates, message: &Message<'_>) -> Result<Self, DeliveryError> {
        let Some(prompt) = message.waiting() else {
            let which = "a push names a prompt, and carries no token and no news";
            return Err(DeliveryError::Unsendable { which });
        };
        let rendered = words.render(message)?;
        Ok(Self {
            title: rendered.subject().into(),
            text: rendered.expose_text().trim_end().into(),
            prompt: prompt.to_string(),
        })
    }
}

fn address_of(message: &Message<'_>) -> Result<PushAddress, DeliveryError> {
    let to = message.destination();
    if to.channel() != Channel::Device {
        let channel = to.channel();
        return Err(DeliveryError::WrongChannel { channel });
    }
    PushAddress::read(to).ok_or(DeliveryError::Unsendable {
        which: "the device has no address of a push service",
    })
}

/// The text of `names` that this value is: what a server says is never repeated.
fn one_of(names: &[&'static str], value: Option<&Value>) -> Option<&'static str> {
    let value = value.and_then(Value::as_str)?;
    names.iter().copied().find(|name| *name == value)
}

/// What an answer of FCM's and one of APNs' is taken for.
#[cfg(feature = "fuzzing")]
pub(crate) fn judged(status: u16, body: &[u8]) -> [(&'static str, String); 2] {
    use tries::Judged;

    let judged = [
        fcm::judge(status, body, None),
        apns::judge(status, body, None),
    ];
    judged.map(|judged| {
        let word = match &judged {
            Judged::Sent => "sent",
            Judged::Over(DeliveryError::Unregistered(_)) => "unregistered",
            Judged::Over(_) => "over",
            Judged::Again { .. } => "again",
            Judged::Renew(_) => "renew",
        };
        (word, format!("{judged:?}"))
    })
}
