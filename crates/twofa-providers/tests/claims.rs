//! What a provider claims is checked: its own factor's counter, its own subject's token.

#[path = "../../token-store/tests/support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use twofa_providers::{
    Attempt, Claim, Context, Descriptor, EnrolDetails, Enrolment, Kind, Odds, OpenFactor, Provider,
    ProviderError, Requested, Response, TwoFactor, TwoFactorError, VerifyError,
    token_store::{
        FactorStore,
        ott_core::{Binding, Channel, Destination, Subject},
    },
};
use world::{EMAIL_CODE, World, alice, subject};

/// Finds everything right that it was told to claim.
struct Liar(Descriptor, Arc<Mutex<Option<Claim>>>);

#[async_trait]
impl Provider for Liar {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn enrols(&self) -> bool {
        true
    }

    fn channel(&self) -> Option<Channel> {
        None
    }

    fn destination(&self, _: &OpenFactor) -> Option<Destination> {
        None
    }

    fn odds(&self) -> Odds {
        Odds {
            code_space: u128::MAX,
            valid: 1,
        }
    }

    async fn available(&self, _: &Subject, _: &[OpenFactor]) -> Result<bool, ProviderError> {
        Ok(true)
    }

    fn enrol(&self, _: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError> {
        Ok(None)
    }

    async fn request(&self, _: &Context<'_>) -> Result<Requested, ProviderError> {
        Err(ProviderError::Misuse("nothing to ask for"))
    }

    async fn verify(&self, _: &Context<'_>, _: &Response<'_>) -> Result<Claim, VerifyError> {
        let claim = self.1.lock().expect("no panic").take();
        Ok(claim.expect("a claim"))
    }
}

#[tokio::test]
async fn a_claim_of_another_factor_or_of_anothers_token_proves_nothing() {
    let (world, alice, bob) = (World::new(), alice(), subject("acme", "bob"));
    let app = world.confirmed(&alice, None).await;
    let of_bob = world.confirmed(&bob, None).await;
    let claim = Arc::default();
    let descriptor = Descriptor {
        kind: Kind::UserToken,
        id: "totp",
        label: "Liar".into(),
        description: "Claims what it was told to".into(),
        request: false,
    };
    let factors = Arc::clone(&world.store) as Arc<dyn FactorStore>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(Liar(descriptor, Arc::clone(&claim)))
        .build()
        .unwrap();
    let attempt = Attempt::new(&alice, "totp").factor(app.factor);
    let verify = async |claimed: Claim| {
        *claim.lock().unwrap() = Some(claimed);
        engine.verify(&attempt, &Response::typed("")).await
    };
    let token_of = async |owner: &Subject| {
        let binding = Binding::subject(owner);
        let issued = world.tokens.issue(&EMAIL_CODE, &binding).await.unwrap();
        let typed = issued.token.expose_secret();
        let issuer = world.tokens.issuer();
        let now = world.tokens.now();
        let presented = issuer.present_by_id(&EMAIL_CODE, &issued.handle, &binding, typed, now);
        Claim::Redeem {
            policy: EMAIL_CODE,
            presented: presented.unwrap(),
        }
    };
    let counter = 1 << 40;
    for factor in [of_bob.factor, app.factor] {
        let verified = verify(Claim::Advance { factor, counter }).await;
        assert_eq!(verified.is_ok(), factor == app.factor, "{verified:?}");
    }
    for owner in [&bob, &alice] {
        let verified = verify(token_of(owner).await).await;
        assert_eq!(verified.is_ok(), *owner == alice, "{verified:?}");
    }
    let foreign = verify(token_of(&bob).await).await;
    assert!(matches!(foreign, Err(TwoFactorError::Misuse(_))));
}
