//! Whose a name or an address is.
//!
//! A claim is a document that holds an account's id. It counts while the account itself has what is claimed; another one is
//! nobody's, and the first to come takes it. So whoever moves to an address claims it, writes it into their account, and holds
//! it: until then somebody else may have taken it.

use contract_server::DocumentError;

use crate::{app::App, user::User};

const NAME: &str = "name";
const EMAIL: &str = "email";

/// What somebody claims who registers.
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
        let (documents, user) = (&self.engine.documents, String::from(user));
        loop {
            if documents.add(kind, &id, &user).await? {
                return Ok(true);
            }
            let Some(claim) = documents.get::<String>(kind, &id).await? else {
                continue;
            };
            let owner = self.user(&claim.value).await?;
            if owner.is_some_and(|owner| owner.id != user && what.is_of(&owner)) {
                return Ok(false);
            }
            // Only where it is as it was read: its owner may have held it since.
            if documents.replace(kind, &id, &claim, &user).await? {
                return Ok(true);
            }
        }
    }

    /// Once the account has what it claimed: says whether the claim is its own still. From then on nobody takes it.
    pub(crate) async fn hold(&self, what: &Claim<'_>, user: &str) -> Result<bool, DocumentError> {
        let (kind, id) = self.claim_id(what);
        let held = |owner: &mut String| match owner == user {
            true => Ok(true),
            false => Err(false),
        };
        let held = self.engine.documents.change(kind, &id, held).await?;
        Ok(held == Some(true))
    }

    /// Gives up a claim, if it is this account's.
    pub(crate) async fn unclaim(&self, what: &Claim<'_>, user: &str) -> Result<(), DocumentError> {
        let (kind, id) = self.claim_id(what);
        let documents = &self.engine.documents;
        let claim = documents.get::<String>(kind, &id).await?;
        if let Some(claim) = claim.filter(|claim| claim.value == user) {
            documents.remove_read(kind, &id, &claim).await?;
        }
        Ok(())
    }

    /// The account that has what is claimed.
    pub(crate) async fn claimed(&self, what: &Claim<'_>) -> Result<Option<User>, DocumentError> {
        let (kind, id) = self.claim_id(what);
        let Some(claim) = self.engine.documents.get::<String>(kind, &id).await? else {
            return Ok(None);
        };
        let user = self.user(&claim.value).await?;
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
        let given = ["", "--data", &at("data"), "--outbox", &at("outbox")];
        let options = Given::parse_from(given).options;
        let ground = Ground::open("lavaboom", &options, words().expect("words"));
        let ground = ground.await.expect("it opens");
        let own = "http://127.0.0.1:1";
        let app = App::new(Settings::default(), ground, own).await;
        app.expect("it fits")
    }

    async fn added(app: &App, name: &str, email: Option<&str>) -> User {
        let mut user = User::new(format!("id-{name}"), name, app.now());
        user.alt_email = email.map(String::from);
        assert!(
            app.engine
                .documents
                .add(USER, &user.id, &user)
                .await
                .expect("added")
        );
        user
    }

    async fn moved(app: &App, user: &User, email: &str) {
        let moved = app.change(&user.id, |user| user.alt_email = Some(email.into()));
        assert!(moved.await.expect("changed").is_some());
    }

    /// Whoever claimed an address and did not write it down yet may lose it, and learns so; whoever holds it does not.
    #[tokio::test]
    async fn claim_is_lost_until_it_is_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let (ann, bob) = (
            added(&app, "ann", None).await,
            added(&app, "bob", None).await,
        );
        let claim = Claim::Email("x@example.org");
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
        assert!(app.claim(&claim, &bob.id).await.expect("answered"));
        moved(&app, &ann, "x@example.org").await;
        assert!(!app.hold(&claim, &ann.id).await.expect("answered"));
        moved(&app, &bob, "x@example.org").await;
        assert!(app.hold(&claim, &bob.id).await.expect("answered"));
        assert!(!app.claim(&claim, &ann.id).await.expect("answered"));
        // An account that is gone claims nothing.
        assert!(
            app.engine
                .documents
                .remove(USER, &bob.id)
                .await
                .expect("removed")
        );
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
    }

    /// What was read before its owner held it is taken by nobody.
    #[tokio::test]
    async fn held_claim_is_not_what_was_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let ann = added(&app, "ann", None).await;
        let claim = Claim::Email("x@example.org");
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
        let (kind, id) = app.claim_id(&claim);
        let documents = &app.engine.documents;
        let read = documents.get::<String>(kind, &id).await.expect("read");
        let read = read.expect("claimed");
        moved(&app, &ann, "x@example.org").await;
        assert!(app.hold(&claim, &ann.id).await.expect("answered"));
        let bob = String::from("id-bob");
        assert!(
            !documents
                .replace(kind, &id, &read, &bob)
                .await
                .expect("answered")
        );
        assert!(
            !documents
                .remove_read(kind, &id, &read)
                .await
                .expect("answered")
        );
        let owner = app.claimed(&claim).await.expect("answered");
        assert_eq!(owner.map(|owner| owner.id), Some(ann.id));
    }

    /// Nobody gives up what somebody else claimed meanwhile.
    #[tokio::test]
    async fn claim_is_given_up_by_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(&folder).await;
        let email = Some("x@example.org");
        let (ann, bob) = (
            added(&app, "ann", email).await,
            added(&app, "bob", None).await,
        );
        let claim = Claim::Email("x@example.org");
        assert!(app.claim(&claim, &ann.id).await.expect("answered"));
        app.unclaim(&claim, &bob.id).await.expect("answered");
        assert!(!app.claim(&claim, &bob.id).await.expect("answered"));
        app.unclaim(&claim, &ann.id).await.expect("answered");
        assert!(app.claim(&claim, &bob.id).await.expect("answered"));
    }
}
