//! No secret, code, URI or address stands in what is printed, logged or stored.

use core::fmt::Debug;

use twofa_providers::{
    Attempt, EnrolDetails, Response,
    token_store::{
        FactorId, FactorStore as _, StoredFactor,
        ott_core::{Destination, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    world::{App, World},
    wrong,
};

const ADDRESS: &str = "alice.the.owner@mail.example.org";

/// Every byte that a store keeps of a factor, as text, and what prints it.
fn row(stored: &StoredFactor) -> String {
    let sealed = String::from_utf8_lossy(&stored.sealed);
    format!("{} {} {sealed} {stored:?}", stored.provider, stored.label)
}

/// What was said of anything, and what must not stand in it.
#[derive(Default)]
struct Said {
    text: String,
    secrets: Vec<String>,
}

impl Said {
    fn of(&mut self, thing: &impl Debug) {
        self.text.push_str(&format!("{thing:?}\n{thing:#?}\n"));
    }

    fn error<T: Debug>(&mut self, result: Result<T, twofa_providers::TwoFactorError>) {
        if let Err(error) = &result {
            self.text.push_str(&format!("{error}\n"));
        }
        self.of(&result);
    }

    fn check(&self) {
        for secret in &self.secrets {
            assert!(!self.text.contains(secret), "{secret} in {}", self.text);
        }
    }
}

/// An authenticator app is printed, logged and stored nowhere.
pub async fn app_is_printed_nowhere(place: Place) {
    let world = World::new(place).await;
    for round in 0..place.often(200, 5) {
        let owner = crate::subject("acme", &format!("person-{round}"));
        let mut said = Said::default();
        let details = EnrolDetails::new(&owner, ADDRESS);
        said.of(&details);
        let enrolled = world
            .enrol_with("totp", &details, "phone", None)
            .await
            .unwrap();
        said.of(&enrolled);
        let app = App::new(&enrolled);
        let shown = enrolled.provisioning.unwrap();
        said.of(&shown);
        let base32 = shown.base32.expose_secret().to_owned();
        said.secrets
            .extend([base32, shown.uri.expose_secret().into()]);
        let code = world.code(&app);
        said.of(&Response::typed(&code));
        said.of(&Attempt::new(&owner, "totp").factor(app.factor));
        said.error(world.confirm(&owner, &app, "wrong").await);
        said.error(
            world
                .confirm(&owner, &app, &world.wrong_code(&[&app]))
                .await,
        );
        let confirmed = world.confirm(&owner, &app, &code).await;
        let proof = confirmed.unwrap();
        said.of(&proof);
        said.error(world.verify(&owner, &code).await);
        said.of(&world.engine);
        for stored in world.store.factors(&owner).await.unwrap() {
            said.text.push_str(&row(&stored));
        }
        said.secrets.extend([ADDRESS.into(), "otpauth".into()]);
        said.check();
        // Events, without the numbers of ids and times: six digits stand there by chance.
        let events = world.log.drain();
        let events = events.iter().map(|event| {
            let mut event = event.clone();
            event.at = Default::default();
            format!("{event:?}")
        });
        let known = world.store.factors(&owner).await.unwrap();
        for event in events {
            let bare = known.iter().fold(event, |event, factor| {
                event.replace(&factor.id.to_string(), "")
            });
            assert!(!bare.contains(&code), "{bare}");
        }
        world.remove_last_too(&proof, &app.factor).await.unwrap();
    }
}

/// A code by mail and its address are printed, logged and stored nowhere.
pub async fn mailed_code_is_printed_nowhere(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let address = Destination::email(ADDRESS).unwrap();
    let mut said = Said {
        secrets: vec![ADDRESS.into(), "mail.example.org".into()],
        ..Said::default()
    };
    let details = EnrolDetails::new(&alice, ADDRESS).destination(&address);
    said.of(&details);
    let factor: FactorId = world.confirmed_email(&alice, ADDRESS, None).await;
    for _ in 0..100 {
        world.pass(TimeDelta::days(1));
        let attempt = Attempt::new(&alice, "email").factor(factor);
        let requested = world.engine.request(&attempt).await.unwrap();
        said.of(&requested);
        let handle = requested.handle.unwrap();
        let (attempt, code) = (attempt.handle(&handle), world.sent());
        said.secrets.push(handle.expose_secret().to_string());
        said.of(&attempt);
        for typed in [&wrong(&code), &code, &code] {
            said.error(world.engine.verify(&attempt, &Response::typed(typed)).await);
        }
        world.outbox.fail();
        said.error(world.engine.request(&attempt).await);
        world.outbox.recover();
    }
    said.of(&world.log.drain());
    for stored in world.store.factors(&alice).await.unwrap() {
        said.text.push_str(&row(&stored));
    }
    for stored in world.store.records().await {
        said.of(&stored);
        said.text.push_str(&String::from_utf8_lossy(&stored.data));
    }
    said.check();
}
