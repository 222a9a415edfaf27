//! Sessions: bearer tokens of the store, each with the proof that it holds.

use twofa_providers::{
    Fresh, Holder, Proof, SignInId, Trusted, TwoFactorError,
    token_store::{
        Claimed, FactorId, FactorState, Found, Revoke,
        ott_core::{Binding, Handle, IssueOptions, Reason, RecordId, Subject},
    },
};

use super::{Application, SESSION, Step};

/// The cookies of a browser in which somebody is signed in. A copy of them is as good.
#[derive(Clone, Debug)]
pub struct Browser {
    session: String,
    /// None where a trusted device stood in for the second step.
    proof: Option<String>,
    /// The sign-in's name.
    pub sign_in: SignInId,
}

/// What a browser proves by its cookies.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) subject: Subject,
    pub(super) sign_in: SignInId,
    record: RecordId,
}

impl Application {
    /// Whether this browser is signed in.
    pub async fn is_signed_in(&self, browser: &Browser) -> bool {
        self.visit(browser).await.is_ok()
    }

    /// Whether this browser holds a proof that is evidence.
    pub async fn has_proof(&self, browser: &mut Browser) -> bool {
        let taken = self.by_proof(browser, async |_, _| Ok(()));
        taken.await.is_ok()
    }

    /// Proves a second step once more in this sign-in: a new session in place of the one until now.
    ///
    /// # Errors
    /// The engine's; a browser that is not signed in is refused.
    pub async fn step_up(
        &self,
        browser: &mut Browser,
        step: &Step<'_>,
    ) -> Result<(), TwoFactorError> {
        let visit = self.visit(browser).await?;
        let proved = self.verify_in(&visit.subject, &visit.sign_in, step);
        *browser = self
            .open(&visit.subject, &visit.sign_in, proved.await?)
            .await?;
        let earlier = Revoke::own(&visit.subject, visit.record);
        self.world.tokens.revoke(&earlier).await?;
        Ok(())
    }

    /// Opens a session with this proof, under the account's epoch.
    pub(super) async fn open(
        &self,
        who: &Subject,
        sign_in: &SignInId,
        proof: Proof,
    ) -> Result<Browser, TwoFactorError> {
        let about = About {
            factor: proof.factor(),
            sign_in: sign_in.clone(),
            trusted_in: None,
        };
        let (mut browser, visit) = self.issue(who, &about).await?;
        browser.proof = Some(self.park(&visit, proof).await?);
        Ok(browser)
    }

    /// Opens a session without a proof, by a trusted device.
    pub(super) async fn open_trusted(
        &self,
        who: &Subject,
        sign_in: &SignInId,
        trusted: &Trusted,
    ) -> Result<Browser, TwoFactorError> {
        let about = About {
            factor: None,
            sign_in: sign_in.clone(),
            trusted_in: Some(trusted.sign_in().clone()),
        };
        let (browser, _) = self.issue(who, &about).await?;
        Ok(browser)
    }

    async fn issue(
        &self,
        who: &Subject,
        about: &About,
    ) -> Result<(Browser, Visit), TwoFactorError> {
        let options = IssueOptions {
            data: &about.written(),
            ..IssueOptions::default()
        };
        let binding = Binding::subject(who).epoch(self.accounts.of(who).epoch);
        let issued = self.world.tokens.issue_opts(&SESSION, &binding, options);
        let issued = issued.await?.pop().expect("one session");
        let browser = Browser {
            session: issued.token.expose_secret().to_owned(),
            proof: None,
            sign_in: about.sign_in.clone(),
        };
        let visit = Visit {
            subject: who.clone(),
            sign_in: about.sign_in.clone(),
            record: *issued.record.id(),
        };
        Ok((browser, visit))
    }

    pub(super) async fn visit(&self, browser: &Browser) -> Result<Visit, TwoFactorError> {
        let load = async |claimed: Claimed| {
            let owner = claimed.owner();
            Ok(owner.map(|who| {
                let epoch = self.accounts.of(&who).epoch;
                Binding::subject(&who).epoch(epoch).into_owned()
            }))
        };
        let tokens = &self.world.tokens;
        let record = tokens.authenticate(&SESSION, "acme", &browser.session, load);
        let record = record.await?;
        let About { sign_in, .. } = About::read(&record.stored().data);
        Ok(Visit {
            subject: record.stored().owner().ok_or(Reason::Binding)?,
            sign_in,
            record: *record.id(),
        })
    }

    /// Does something that takes fresh evidence, and parks the proof again.
    pub(super) async fn by_proof<T>(
        &self,
        browser: &mut Browser,
        act: impl AsyncFnOnce(&Visit, &Fresh<'_>) -> Result<T, TwoFactorError>,
    ) -> Result<T, TwoFactorError> {
        let (visit, proof) = self.take(browser).await?;
        let done = self.act(&visit, &proof, act).await;
        browser.proof = Some(self.park(&visit, proof).await?);
        done
    }

    /// Does something after which the epoch rises: of all browsers, this one alone gets a new session.
    pub(super) async fn ending_others<T>(
        &self,
        browser: &mut Browser,
        act: impl AsyncFnOnce(&Visit, &Fresh<'_>) -> Result<T, TwoFactorError>,
    ) -> Result<T, TwoFactorError> {
        let (visit, proof) = self.take(browser).await?;
        let done = self.act(&visit, &proof, act).await;
        if done.is_ok() {
            self.accounts.raise_epoch(&visit.subject);
            *browser = self.open(&visit.subject, &visit.sign_in, proof).await?;
        } else {
            browser.proof = Some(self.park(&visit, proof).await?);
        }
        done
    }

    async fn act<T>(
        &self,
        visit: &Visit,
        proof: &Proof,
        act: impl AsyncFnOnce(&Visit, &Fresh<'_>) -> Result<T, TwoFactorError>,
    ) -> Result<T, TwoFactorError> {
        let epoch = self.accounts.of(&visit.subject).epoch;
        let fresh = self.world.engine.fresh(&visit.subject, Some(epoch), proof);
        let fresh = fresh.await?;
        act(visit, &fresh).await
    }

    /// Ends the sessions of a sign-in, those that a device opened which was trusted in it, and those that a factor
    /// opened which proves nothing any more.
    pub(super) async fn end_sessions_of(
        &self,
        who: &Subject,
        sign_in: Option<&SignInId>,
    ) -> Result<(), TwoFactorError> {
        let factors = self.world.engine.factors(who).await?;
        let is_active = |id: FactorId| {
            let mut factors = factors.iter();
            factors.any(|factor| factor.id == id && factor.state == FactorState::Active)
        };
        let ends = |session: &Found| {
            let about = About::read(&session.stored().data);
            let names = [Some(&about.sign_in), about.trusted_in.as_ref()];
            let of_it = sign_in.is_some() && names.contains(&sign_in);
            of_it || about.factor.is_some_and(|factor| !is_active(factor))
        };
        let tokens = &self.world.tokens;
        for session in tokens.list(&SESSION, who).await? {
            if ends(&session) {
                tokens.revoke(&Revoke::own(who, *session.id())).await?;
            }
        }
        Ok(())
    }

    async fn take(&self, browser: &Browser) -> Result<(Visit, Proof), TwoFactorError> {
        let visit = self.visit(browser).await?;
        let handle = browser.proof.as_deref();
        let handle = Handle::parse(handle.ok_or(TwoFactorError::ProofNeeded)?)?;
        let session = visit.record.to_string();
        let holder = Holder::new(&visit.subject, &session);
        let proof = self.world.proofs.resume(&handle, &holder).await?;
        Ok((visit, proof))
    }

    async fn park(&self, visit: &Visit, proof: Proof) -> Result<String, TwoFactorError> {
        let session = visit.record.to_string();
        let holder = Holder::new(&visit.subject, &session);
        let handle = self.world.proofs.park(proof, &holder).await?;
        Ok(handle.expose_secret().to_string())
    }
}

/// What a session's record holds.
struct About {
    /// The factor that opened it, if one did.
    factor: Option<FactorId>,
    sign_in: SignInId,
    /// The sign-in in which the device was trusted that opened it, if one did.
    trusted_in: Option<SignInId>,
}

impl About {
    /// The factor or zeros, and both names, which have no NUL, with one between them.
    fn written(&self) -> Vec<u8> {
        let factor = self.factor.map_or([0; 16], |factor| *factor.as_bytes());
        let trusted_in = self.trusted_in.as_ref().map_or(&[][..], SignInId::as_bytes);
        [&factor[..], self.sign_in.as_bytes(), &[0], trusted_in].concat()
    }

    fn read(data: &[u8]) -> Self {
        let (factor, names) = data.split_first_chunk::<16>().expect("a session");
        let mut names = names.splitn(2, |byte| *byte == 0);
        let mut name = || SignInId::new(names.next().expect("two names"));
        Self {
            factor: (*factor != [0; 16]).then(|| FactorId::from_bytes(*factor)),
            sign_in: name().expect("a name"),
            trusted_in: name().ok(),
        }
    }
}
