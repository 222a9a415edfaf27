//! An engine that tells owners: a book of addresses, and a post office that refuses on demand.

use core::{
    error::Error,
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use twofa_providers::{
    Address, Addresses, Attempt, EnrolDetails, Limits, News, Notices, Proof, Response, SignInId,
    TwoFactorError,
    token_delivery::{Delivery, DeliveryError, Message, Outbox, Template, Templates},
    token_store::ott_core::{Destination, Purpose, Subject},
};

use crate::{
    Place, alice,
    world::{App, NOT_ME, Plan, World},
};

/// Notices with a link.
pub const NEWS: Purpose = Purpose::new("news");
/// Notices without one.
pub const PLAIN: Purpose = Purpose::new("news-without-link");
/// Where the owner signs in from.
pub const HOME: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 7));

/// The application's verified addresses: the same for everybody.
#[derive(Debug, Default)]
pub struct Book {
    addresses: Mutex<Vec<Address>>,
    down: AtomicBool,
}

#[async_trait]
impl Addresses for Book {
    async fn verified(&self, _: &Subject) -> Result<Vec<Address>, Box<dyn Error + Send + Sync>> {
        if self.down.load(Ordering::Relaxed) {
            return Err("told to fail".into());
        }
        Ok(self.addresses.lock().expect("no panic").clone())
    }
}

/// Delivers to an outbox, but not to one address.
#[derive(Debug)]
struct Post {
    outbox: Outbox,
    refuses: Mutex<Option<String>>,
}

#[async_trait]
impl Delivery for Post {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let refuses = self.refuses.lock().expect("no panic").clone();
        if refuses.as_deref() == Some(message.destination().address()) {
            return Err(DeliveryError::Refused("no such mailbox".into()));
        }
        self.outbox.deliver(message).await
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.outbox.sends(purpose)
    }
}

/// A notice that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its address.
    pub to: String,
    /// All of it.
    pub text: String,
    /// The link's.
    pub token: String,
}

/// An engine that tells owners.
#[derive(Debug)]
pub struct Telling {
    /// The engine.
    pub world: World,
    book: Arc<Book>,
    post: Arc<Post>,
    read: AtomicUsize,
}

impl Telling {
    /// One in this place, with these verified addresses.
    pub async fn new(place: Place, addresses: &[&str]) -> Self {
        Self::with(place, addresses, Limits::default()).await
    }

    /// One with these limits too.
    pub async fn with(place: Place, addresses: &[&str], limits: Limits) -> Self {
        let template = Template::notice(&NEWS, "News", "{what}|{at}|{from}|\n{link}");
        let template = template.link("https://example.org/not-me");
        let plain = Template::notice(&PLAIN, "News", "{what}|{at}|{from}|");
        let templates = Templates::new("Example", [template, plain]).expect("words that fit");
        let post = Arc::new(Post {
            outbox: Outbox::new(10_000).templates(templates),
            refuses: Mutex::default(),
        });
        let book = Arc::new(Book::default());
        let notices = Notices::new(
            NEWS,
            PLAIN,
            &NOT_ME,
            Arc::clone(&post) as Arc<dyn Delivery>,
            Arc::clone(&book) as Arc<dyn Addresses>,
        );
        let plan = Plan {
            limits,
            knows_devices: true,
            trusts_devices: true,
            notices: Some(notices),
            ..Plan::default()
        };
        let world = World::planned(place, &plan).await;
        let telling = Self {
            world,
            book,
            post,
            read: AtomicUsize::new(0),
        };
        telling.verified(addresses);
        telling
    }

    /// These are the application's verified addresses from now on, and were from the beginning.
    pub fn verified(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| Address::new(to(address)));
        self.list(addresses.collect());
    }

    /// The application lists these addresses from now on.
    pub fn list(&self, addresses: Vec<Address>) {
        *self.book.addresses.lock().expect("no panic") = addresses;
    }

    /// Whether the application's addresses are an outage from now on.
    pub fn addresses_down(&self, down: bool) {
        self.book.down.store(down, Ordering::Relaxed);
    }

    /// Refuses messages to this address from now on.
    pub fn refuse(&self, address: Option<&str>) {
        *self.post.refuses.lock().expect("no panic") = address.map(str::to_owned);
    }

    /// Whether every delivery is an outage from now on.
    pub fn delivery_down(&self, down: bool) {
        if down {
            self.post.outbox.fail();
        } else {
            self.post.outbox.recover();
        }
    }

    /// What arrived since the last call.
    pub fn arrived(&self) -> Vec<Arrived> {
        let all = self.post.outbox.messages();
        let read = self.read.swap(all.len(), Ordering::Relaxed);
        let new = all.iter().skip(read);
        new.map(|sent| Arrived {
            to: sent.destination().address().to_owned(),
            text: sent.expose_text().expect("templates").to_owned(),
            token: sent.expose_token().to_owned(),
        })
        .collect()
    }

    /// Whom what arrived since the last call reached, and the one clause that it told them all.
    pub fn told(&self) -> (Vec<String>, Option<String>) {
        let arrived = self.arrived();
        let mut what: Vec<_> = arrived
            .iter()
            .filter_map(|arrived| arrived.text.split('|').next())
            .collect();
        what.dedup();
        assert!(what.len() <= 1, "{what:?}");
        let what = what.first().map(|what| (*what).to_owned());
        (
            arrived.into_iter().map(|arrived| arrived.to).collect(),
            what,
        )
    }

    /// Confirms a new authenticator app, from here, in a sign-in of this name.
    pub async fn add_app(&self, flow: &SignInId, proof: Option<&Proof>) -> App {
        let owner = alice();
        let details = EnrolDetails::new(&owner, "alice@example.org").sign_in(flow);
        let enrolled = self
            .world
            .enrol_with("totp", &details, "phone", proof)
            .await;
        let app = App::new(&enrolled.expect("enrolled"));
        let attempt = Attempt::new(&owner, "totp")
            .factor(app.factor)
            .network(HOME)
            .sign_in(flow);
        let code = self.world.code(&app);
        let response = Response::typed(&code);
        let confirmed = self.world.engine.confirm(&attempt, &response).await;
        let _ = confirmed.expect("confirmed");
        app
    }

    /// A proof, from here, in a sign-in of this name.
    pub async fn proof(&self, flow: &SignInId, app: &App) -> Proof {
        self.world
            .pass(twofa_providers::token_store::ott_core::chrono::TimeDelta::seconds(30));
        let owner = alice();
        let attempt = Attempt::new(&owner, "totp")
            .factor(app.factor)
            .network(HOME)
            .sign_in(flow);
        let code = self.world.code(app);
        let response = Response::typed(&code);
        let verified = self.world.engine.verify(&attempt, &response).await;
        verified.expect("the right code")
    }

    /// Uses the link to its end.
    ///
    /// # Errors
    /// The engine's.
    pub async fn not_me(&self, token: &str) -> Result<twofa_providers::NotMe, TwoFactorError> {
        let owner = self.world.owner();
        let used = owner.not_me("acme", token).await?;
        owner.redeem_not_me(&used).await?;
        Ok(used)
    }
}

/// A destination by e-mail.
pub fn to(address: &str) -> Destination {
    Destination::email(address).expect("an address")
}

/// The name of a sign-in.
pub fn sign_in(name: &str) -> SignInId {
    SignInId::new(name).expect("a name")
}

/// Nobody was told.
pub const NOBODY: (Vec<String>, Option<String>) = (Vec::new(), None);

/// These addresses, told this: as [`Telling::told`] says it.
#[must_use]
pub fn all(addresses: &[&str], news: News) -> (Vec<String>, Option<String>) {
    let mut addresses: Vec<_> = addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    addresses.sort();
    (addresses, Some(news.words().to_owned()))
}
