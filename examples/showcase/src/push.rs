//! Web Push: a browser that approves is woken, also while no page of ours is open there.
//!
//! The browser brings the address of its own push service, and the factor keeps it. A prompt waits in the database until that
//! service has it, so no request waits for a push.

use core::{future::pending, time::Duration};
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::time::sleep;
use twofa_providers::{
    Prompts,
    token_delivery::{
        Delivery, DeliveryQueue, PushAddress, PushConfigError, PushOptions, QueueConfigError,
        Template, Templates, TemplatesError, VapidKey, WebPush,
    },
    token_store::{Clock, QueueStore, StoreError, ott_core::KeyRing},
};

use crate::{
    app::{App, NAME, PROMPT, Shared},
    approving::{self, Approver},
    error::AppError,
    forms::Posted,
    layout, log, private,
    said::{Said, say},
};

/// Where a device says how it is woken.
pub(crate) const PATH: &str = "/device/push";

/// How soon a push leaves, and how soon it is tried again after an outage of the database.
const EVERY: Duration = Duration::from_millis(500);
/// Dead pushes that are dropped at once.
const AT_ONCE: u32 = 100;

/// How browsers are woken.
#[derive(Clone, Debug)]
pub struct Push {
    /// Where push services reach the operator: `mailto:` or `https:`.
    pub contact: String,
    /// The file of the key by which they recognise this server, in PEM. It is made if there is none.
    pub key: PathBuf,
    /// How pushes are sent.
    pub options: PushOptions,
}

/// Why no browser can be woken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The contact or the key does not fit.
    #[error("browsers cannot be woken")]
    Config(#[from] PushConfigError),
    /// The key file cannot be used.
    #[error("the key file for pushes cannot be used")]
    Key(#[source] io::Error),
    /// The queue does not fit.
    #[error(transparent)]
    Queue(#[from] QueueConfigError),
    /// The words are wrong.
    #[error(transparent)]
    Words(#[from] TemplatesError),
}

/// Wakes browsers.
pub(crate) struct Waking {
    queue: Arc<DeliveryQueue>,
    /// What a page gives its browser, in base64url.
    key: String,
}

impl Waking {
    /// Pushes of a device that is gone end at `prompts`.
    pub(crate) fn new(
        push: &Push,
        store: Arc<dyn QueueStore>,
        keys: KeyRing,
        clock: Arc<dyn Clock>,
        prompts: &Prompts,
    ) -> Result<Self, PushError> {
        let vapid = VapidKey::from_pem(&read_or_create(&push.key)?)?;
        let key = vapid.public();
        let words = Template::prompt(
            &PROMPT,
            "Sign in to {application}?",
            "Somebody is trying to sign in. Open this to answer.",
        );
        let words = Templates::new(NAME, [words])?;
        let options = push.options.clone().clock(Arc::clone(&clock));
        let web = WebPush::new(vapid, push.contact.as_str(), words, options)?;
        let queue = DeliveryQueue::builder(store, keys, web)
            .policy(&PROMPT)
            .clock(clock)
            .undelivered(prompts.clone());
        Ok(Self {
            queue: Arc::new(queue.build()?),
            key,
        })
    }

    pub(crate) fn delivery(&self) -> Arc<dyn Delivery> {
        Arc::clone(&self.queue) as Arc<_>
    }

    /// Hands over what is due, and says how much that was.
    async fn work(&self) -> Result<u64, StoreError> {
        let worked = self.queue.work().await?;
        if worked.dead > 0 {
            // A prompt is answered within minutes or not at all: nobody sends a dead one back.
            for letter in self.queue.dead(None, AT_ONCE).await? {
                log::complain(&format!("a push was given up: {}", letter.reason));
                self.queue.discard(&letter.id).await?;
            }
        }
        Ok(worked.taken)
    }
}

/// Hands over what waits, for as long as it is awaited: four at a time, since one ends with the slowest push service of what
/// it took, which anybody may name.
pub(crate) async fn keep_waking(app: &App) {
    let Some(waking) = &app.waking else {
        return pending().await;
    };
    tokio::join!(keep(waking), keep(waking), keep(waking), keep(waking));
}

async fn keep(waking: &Waking) {
    loop {
        match waking.work().await {
            Ok(0) => sleep(EVERY).await,
            Ok(_) => {}
            Err(error) => {
                log::outage(&error);
                sleep(EVERY).await;
            }
        }
    }
}

/// The choice, which the page's script shows where this browser can be woken.
pub(crate) fn form(waking: &Waking, csrf: &str) -> Markup {
    html! {
        form #notify .card hidden method="post" action=(PATH) data-key=(waking.key) {
            (layout::csrf(csrf))
            @for name in ["endpoint", "p256dh", "auth"] { input type="hidden" name=(name) value=""; }
            p { "This browser can tell you that somebody signs in, also while this page is closed." }
            div.row {
                button value="on" { "Notify me here" }
                button.quiet value="off" hidden { "Stop notifications" }
            }
        }
    }
}

/// What a browser's subscription has; nothing where it has none any more.
#[derive(Deserialize)]
pub(crate) struct Subscribed {
    endpoint: String,
    p256dh: String,
    auth: String,
}

/// The device names its address, or that it has none.
pub(crate) async fn subscribe(
    State(app): Shared,
    approver: Approver,
    Posted(subscribed): Posted<Subscribed>,
) -> Result<Response, AppError> {
    let Some(device) = approver.device() else {
        return Err(AppError::BadRequest(
            "This browser is no device of the account yet: answer its first request.",
        ));
    };
    let Subscribed {
        endpoint,
        p256dh,
        auth,
    } = subscribed;
    let to = if endpoint.is_empty() {
        None
    } else {
        let address = PushAddress::web(&endpoint, &p256dh, &auth);
        let address = address.map_err(|_| {
            AppError::BadRequest("This browser named no push service that can be used.")
        })?;
        Some(address.destination())
    };
    let told = app.prompts.push_to(&approver.subject, &device, to.as_ref());
    told.await?;
    let said = Said::done(match to {
        Some(_) => "This browser tells you when somebody signs in.",
        None => "This browser tells you nothing any more. Open this page when you sign in.",
    });
    Ok(say(Redirect::to(approving::PATH), said).into_response())
}

/// The key in this file, which is made if there is none: of the server's user alone, like the key file of tokens.
fn read_or_create(path: &Path) -> Result<Vec<u8>, PushError> {
    let mut file = fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(path) {
        Ok(mut file) => {
            let pem = VapidKey::generate_pem()?;
            let written = file
                .write_all(pem.as_bytes())
                .and_then(|()| file.sync_all());
            written.map_err(PushError::Key)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(PushError::Key(error)),
    }
    private::check(path).map_err(PushError::Key)?;
    fs::read(path).map_err(PushError::Key)
}
