//! Factors of a world's accounts: enrolled, confirmed, imported.

use twofa_providers::{
    Attempt, EnrolDetails, Enrolled, Existing, Import, Imported, Proof, Response, TwoFactorError,
    oath_otp::{Secret, Totp},
    token_store::{
        FactorId,
        ott_core::{Destination, Subject},
    },
};

use super::{App, World};

impl World {
    /// Enrols an authenticator app, unconfirmed, if it may.
    pub async fn try_enrol(
        &self,
        owner: &Subject,
        label: &str,
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let details = EnrolDetails::new(owner, "alice@example.org");
        self.enrol_with("totp", &details, label, proof).await
    }

    /// Enrols behind this proof.
    pub async fn enrol_with(
        &self,
        provider: &str,
        details: &EnrolDetails<'_>,
        label: &str,
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let Some(proof) = proof else {
            return self.engine.enrol(provider, details, label, None).await;
        };
        let fresh = self.fresh(details.subject, proof).await?;
        self.engine
            .enrol(provider, details, label, Some(&fresh))
            .await
    }

    /// Enrols an authenticator app, unconfirmed.
    pub async fn enrol(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let enrolled = self
            .try_enrol(owner, "phone", proof)
            .await
            .expect("enrolled");
        App::new(&enrolled)
    }

    /// Enrols and confirms an authenticator app, with the code of the present step.
    pub async fn confirmed(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let app = self.enrol(owner, proof).await;
        let _ = self
            .confirm(owner, &app, &self.code(&app))
            .await
            .expect("confirmed");
        app
    }

    /// An authenticator app beside what the account has.
    pub async fn confirmed_beside(&self, owner: &Subject) -> App {
        let secret = Secret::from_bytes(&[9; 20]).expect("long enough");
        let totp = Totp::default();
        let existing = Existing::Totp(&totp, &secret);
        let import = Import::new(owner, "beside", "beside", existing);
        let imported = self.engine.import("totp", &import).await;
        let Imported::New(factor) = imported.expect("imported") else {
            panic!("it was there");
        };
        App { factor, secret }
    }

    /// Confirms an authenticator app.
    pub async fn confirm(
        &self,
        owner: &Subject,
        app: &App,
        typed: &str,
    ) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        self.engine.confirm(&attempt, &Response::typed(typed)).await
    }

    /// Enrols an e-mail factor, unconfirmed.
    pub async fn enrol_email(
        &self,
        owner: &Subject,
        address: &str,
        proof: Option<&Proof>,
    ) -> FactorId {
        let address = Destination::email(address).expect("an address");
        let details = EnrolDetails::new(owner, "alice").destination(&address);
        let enrolled = self.enrol_with("email", &details, "mail", proof).await;
        enrolled.expect("enrolled").factor
    }

    /// Enrols and confirms an e-mail factor.
    pub async fn confirmed_email(
        &self,
        owner: &Subject,
        address: &str,
        proof: Option<&Proof>,
    ) -> FactorId {
        let factor = self.enrol_email(owner, address, proof).await;
        let attempt = Attempt::new(owner, "email").factor(factor);
        let requested = self.engine.request(&attempt).await.expect("sent");
        let handle = requested.handle.expect("a flow");
        let typed = self.sent();
        let attempt = attempt.handle(&handle);
        let confirmed = self
            .engine
            .confirm(&attempt, &Response::typed(&typed))
            .await;
        let _ = confirmed.expect("confirmed");
        factor
    }
}

impl App {
    /// Scans what was shown.
    pub fn new(enrolled: &Enrolled) -> Self {
        let shown = enrolled.provisioning.as_ref().expect("something to scan");
        Self {
            factor: enrolled.factor,
            secret: Secret::from_base32(shown.base32.expose_secret()).expect("base32"),
        }
    }
}
