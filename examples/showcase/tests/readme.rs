//! The README's examples, run. `shows_what_runs` holds them against the README's text.

use core::error::Error;
use std::sync::Arc;

use token_delivery::{Delivery as _, Message, Outbox, Template, Templates};
use token_store_sqlx::SqliteStore;
use twofa_providers::{
    Attempt, EnrolDetails, Enrolled, Response, TotpProvider, TwoFactor,
    oath_otp::{Label, Secret, Totp},
    token_store::{
        Clock as _, ManualClock, MemoryStore, Tokens, key_file,
        ott_core::{
            Binding, Destination, Issuer, KeyRing, Policy, Purpose, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

/// A code of an authenticator app is right once.
#[test]
#[rustfmt::skip]
fn authenticator() -> Result<(), Box<dyn Error>> {
    let (now, last_accepted) = (1_800_000_000, None);
    let totp = Totp::default(); // SHA-1, 6 digits, 30 seconds, one step back
    let secret = Secret::try_generate()?; // 160 bits
    let uri = totp.to_uri(&secret, &Label::new("Example", "alice@example.org")?)?; // for the QR code
    let code = totp.generate(&secret, now);
    let step = totp.verify(&secret, code.expose_secret(), now, last_accepted)?;
    let last_accepted = Some(step.get()); // store it, only ever forward
    assert!(totp.verify(&secret, code.expose_secret(), now, last_accepted).is_err());
    assert!(uri.expose_secret().starts_with("otpauth://totp/Example:alice"));
    Ok(())
}

/// The rules alone redeem a token once.
#[test]
#[rustfmt::skip]
fn rules_alone_redeem_once() -> Result<(), Box<dyn Error>> {
    const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
    let (alice, now) = (Subject::new("", "4711")?, DateTime::UNIX_EPOCH);
    let issuer = Issuer::new(KeyRing::generate()?);
    let binding = Binding::subject(&alice);
    let mut issued = issuer.issue(&SECOND_STEP, &binding, now)?;
    let typed = issued.token.expose_secret();
    let presented = issuer.present_by_handle(&SECOND_STEP, &issued.handle, &binding, typed, now)?;
    assert!(issued.record.redeem(&presented, now).is_ok());
    assert!(issued.record.redeem(&presented, now).is_err()); // once
    Ok(())
}

/// A code is redeemed once, and its mail has the template's words.
#[tokio::test]
#[rustfmt::skip]
async fn code_and_its_mail_are_redeemed() -> Result<(), Box<dyn Error>> {
    let folder = support::folder("readme");
    let (database, keys) = (folder.path().join("tokens.db"), folder.path().join("keys"));
    let alice = Subject::new("", "4711")?;
    let address = Destination::email("alice@example.org")?;

    const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step")); // behind the password
    let store = SqliteStore::open(database).await?;
    let tokens = Tokens::builder(key_file::read_or_create(keys)?, store).policy(&SECOND_STEP).build()?;
    let binding = Binding::subject(&alice).destination(&address);
    let issued = tokens.issue(&SECOND_STEP, &binding).await?; // issued.handle into the session
    let typed = issued.token.expose_secret(); // issued.token into the mail
    let record = tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await?;
    assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_err());
    assert_eq!(record.stored().owner(), Some(alice));

    let words = Template::new(&SECOND_STEP, "Your code", "{token} signs you in to {application}.");
    let outbox = Outbox::new(10).templates(Templates::new("Example", [words])?);
    outbox.deliver(&Message::new(SECOND_STEP.purpose(), &address, &issued.token)).await?;
    let sent = outbox.last().ok_or("nothing was sent")?;
    assert_eq!(sent.expose_text(), Some(format!("{typed} signs you in to Example.").as_str()));
    Ok(())
}

/// What an authenticator app shows that scanned the enrolment.
fn app(enrolled: &Enrolled, now: DateTime<Utc>) -> String {
    let shown = enrolled
        .provisioning
        .as_ref()
        .expect("an authenticator app is shown a secret");
    let secret = Secret::from_base32(shown.base32.expose_secret()).expect("and can read it");
    let seconds = u64::try_from(now.timestamp()).expect("after 1970");
    Totp::default()
        .generate(&secret, seconds)
        .expose_secret()
        .to_owned()
}

/// The engine enrols an app, confirms it, and proves its owner.
#[tokio::test]
#[rustfmt::skip]
async fn second_factor() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)));
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(KeyRing::generate()?, Arc::clone(&store));
    let tokens = tokens.clock(Arc::clone(&clock) as Arc<_>).build()?.shared();
    let factors = store;
    let alice = Subject::new("", "4711")?;

    let engine = TwoFactor::builder(tokens, factors).provider(TotpProvider::new("Example")?).build()?;
    let details = EnrolDetails::new(&alice, "alice@example.org");
    let enrolled = engine.enrol("totp", &details, "My phone", None).await?; // .provisioning: the QR code
    let attempt = Attempt::new(&alice, "totp").factor(enrolled.factor);
    let first_code = app(&enrolled, clock.now());
    let confirmed = engine.confirm(&attempt, &Response::typed(&first_code)).await?; // works once
    clock.advance(TimeDelta::seconds(30));
    let proof = engine.verify(&attempt, &Response::typed(&app(&enrolled, clock.now()))).await?;
    assert_eq!(proof.subject(), confirmed.subject());
    Ok(())
}

/// Every example of the README stands in this file, line by line.
#[test]
fn readme_shows_what_runs() {
    let trimmed = |text: &str| {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let here = trimmed(include_str!("readme.rs"));
    let readme = include_str!("../../../README.md");
    let examples: Vec<_> = readme
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 4, "the README lost its examples");
    for example in examples {
        assert!(
            here.contains(&trimmed(example)),
            "the README shows what no test runs:\n{example}"
        );
    }
}

mod support {
    use std::path::{Path, PathBuf};

    /// A folder that goes with its owner.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    pub(crate) fn folder(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }
}
