//! Whose a name or an address is.
//!
//! A claim is a document that holds an account's id. It counts while the account has what is claimed, and for an hour
//! beside: so long has whoever claims it to write it into their account. Any other one is nobody's, and the first to come
//! takes it.

use contract_server::DocumentError;
use ott_bearer::token_store::ott_core::chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{app::App, user::User};

const NAME: &str = "name";
const EMAIL: &str = "email";

/// How long a claim is its own that its account does not have.
const ALONE: TimeDelta = TimeDelta::hours(1);

/// A claim as it rests.
#[derive(Deserialize, Serialize)]
struct Claimed {
    user: String,
    /// Microseconds since 1970.
    at: i64,
}

/// What somebody claims who registers or moves.
pub(crate) enum Claim<'a> {
    Email(&'a str),
    Name(&'a str),
}

impl Claim<'_> {
    fn is_of(&self, user: &User) -> bool {
        match self {
            Self::Email(email) => user.alt_email.as_deref() == Some(*email),
            Self::Name(name) => user.name == *name,
        }
    }
}

impl App {
    /// Claims a name or an address for an account that is there; says whether it is its own, or was nobody's.
    pub(crate) async fn claim(&self, what: &Claim<'_>, user: &str) -> Result<bool, DocumentError> {
        let (kind, id) = self.claim_id(what);
        let documents = &self.engine.documents;
        loop {
            let own = Claimed {
                user: user.into(),
                at: self.now().timestamp_micros(),
            };
            if documents.add(kind, &id, &own).await? {
                return Ok(true);
            }
            let Some(claim) = documents.get::<Claimed>(kind, &id).await? else {
                continue;
            };
            if claim.value.user != user && self.counts(what, &claim.value).await? {
                return Ok(false);
            }
            // Only where it is as it was read: somebody else may have been faster.
            if documents.replace(kind, &id, &claim, &own).await? {
                return Ok(true);
            }
        }
    }

    async fn counts(&self, what: &Claim<'_>, claim: &Claimed) -> Result<bool, DocumentError> {
        let alone = ALONE.num_microseconds().unwrap_or(i64::MAX);
        let ended = self.now().timestamp_micros() >= claim.at.saturating_add(alone);
        let owner = self.user(&claim.user).await?;
        Ok(owner.is_some_and(|owner| !ended || what.is_of(&owner)))
    }

    /// Gives up a claim, if it is this account's, and the account does not have it.
    pub(crate) async fn unclaim(&self, what: &Claim<'_>, user: &str) -> Result<(), DocumentError> {
        let (kind, id) = self.claim_id(what);
        let documents = &self.engine.documents;
        let claim = documents.get::<Claimed>(kind, &id).await?;
        let Some(claim) = claim.filter(|claim| claim.value.user == user) else {
            return Ok(());
        };
        // Whoever comes to have it after this look has claimed it anew.
        let owner = self.user(user).await?;
        if owner.is_none_or(|owner| !what.is_of(&owner)) {
            documents.remove_read(kind, &id, &claim).await?;
        }
        Ok(())
    }

    /// The account that has what is claimed.
    pub(crate) async fn claimed(&self, what: &Claim<'_>) -> Result<Option<User>, DocumentError> {
        let (kind, id) = self.claim_id(what);
        let Some(claim) = self.engine.documents.get::<Claimed>(kind, &id).await? else {
            return Ok(None);
        };
        let user = self.user(&claim.value.user).await?;
        Ok(user.filter(|user| what.is_of(user)))
    }

    fn claim_id(&self, what: &Claim<'_>) -> (&'static str, String) {
        match what {
            Claim::Email(email) => {
                let name = self.engine.given.name(&format!("email {email}"));
                (EMAIL, name.to_string())
            }
            Claim::Name(name) => (NAME, String::from(*name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use contract_server::{Ground, Options};

    use super::*;
    use crate::{app::words, settings::Settings, user::USER};

    #[derive(clap::Parser)]
    struct Given {
        #[command(flatten)]
        options: Options,
    }

    async fn app(folder: &tempfile::TempDir) -> App {
        let at = |name: &str| folder.path().join(name).display().to_string();
        ahead(folder, 0);
        let (data, outbox, clock) = (at("data"), at("outbox"), at("clock"));
        let given = ["", "--data", &data, "--outbox", &outbox, "--clock", &clock];
        let options = Given::parse_from(given).options;
        let ground = Ground::open("lavaboom", &options, words().expect("words"));
        let ground = ground.await.expect("it opens");
        let own = "http://127.0.0.1:1";
        let app = App::new(Settings::default(), ground, own).await;
        let app = app.expect("it fits");
        app.engine.clock.start();
        app
    }

    fn ahead(folder: &tempfile::TempDir, seconds: u32) {
        std::fs::write(folder.path().join("clock"), seconds.to_string()).expect("a file");
    }

    async fn added(app: &App, name: &str, email: Option<&str>) -> User {
        let mut user = User::new(format!("id-{name}"), name, app.now());
        user.alt_email = email.map(String::from);
        let added = app.engine.documents.add(USER, &user.id, &user);
        assert!(added.await.expect("added"));
        user
    }

    async fn moved(app: &App, user: &User, email: Option<&str>) {
        let documents = &app.engine.documents;
        let moved = documents.change(USER, &user.id, |user: &mut User| {
            user.alt_email = email.map(String::from);
            Ok::<_, ()>(())
        });
        assert!(moved.await.expect("changed").is_some());
    }

    const ADDRESS: &str = "x@example.org";

    /// A claim is its account's for an hour, and from then on while the account has what is claimed.
    #[tokio::test]
    async fn claim_lasts_an_hour_or_while_it_is_had() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let (ann, bob) = (
            added(&app, "ann", None).await,
            added(&app, "bob", None).await,
        );
        let claim = Claim::Email(ADDRESS);
        let claimed = async |user: &User| app.claim(&claim, &user.id).await.expect("answered");
        assert!(claimed(&ann).await && claimed(&ann).await);
        ahead(&folder, 3_590);
        assert!(!claimed(&bob).await);
        // She never wrote it down.
        ahead(&folder, 3_610);
        assert!(claimed(&bob).await && !claimed(&ann).await);
        moved(&app, &bob, Some(ADDRESS)).await;
        ahead(&folder, 36_000);
        assert!(!claimed(&ann).await);
        // An account that is gone claims nothing.
        let removed = app.engine.documents.remove(USER, &bob.id);
        assert!(removed.await.expect("removed") && claimed(&ann).await);
    }

    /// What was read before it was claimed anew is neither taken nor given up by anybody.
    #[tokio::test]
    async fn renewed_claim_is_not_what_was_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let ann = added(&app, "ann", None).await;
        let claim = Claim::Email(ADDRESS);
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
        let (kind, id) = app.claim_id(&claim);
        let documents = &app.engine.documents;
        let read = documents.get::<Claimed>(kind, &id).await.expect("read");
        let read = read.expect("claimed");
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
        moved(&app, &ann, Some(ADDRESS)).await;
        let bob = Claimed {
            user: "id-bob".into(),
            at: 0,
        };
        let replaced = documents.replace(kind, &id, &read, &bob).await;
        assert!(!replaced.expect("answered"));
        let removed = documents.remove_read(kind, &id, &read).await;
        assert!(!removed.expect("answered"));
        let owner = app.claimed(&claim).await.expect("answered");
        assert_eq!(owner.map(|owner| owner.id), Some(ann.id));
    }

    /// Nobody gives up what somebody else claimed meanwhile, and nobody what they have.
    #[tokio::test]
    async fn claim_is_given_up_by_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let (ann, bob) = (
            added(&app, "ann", Some(ADDRESS)).await,
            added(&app, "bob", None).await,
        );
        let claim = Claim::Email(ADDRESS);
        let claimed = async |user: &User| app.claim(&claim, &user.id).await.expect("answered");
        let unclaimed = async |user: &User| app.unclaim(&claim, &user.id).await.expect("answered");
        assert!(claimed(&ann).await);
        unclaimed(&bob).await;
        assert!(!claimed(&bob).await);
        unclaimed(&ann).await;
        assert!(!claimed(&bob).await);
        moved(&app, &ann, None).await;
        assert!(!claimed(&bob).await);
        unclaimed(&ann).await;
        assert!(claimed(&bob).await);
    }
}
