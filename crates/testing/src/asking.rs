//! A world that asks on another device, and the two sides of a prompt.

#![expect(clippy::missing_errors_doc, reason = "they are the engine's")]

use twofa_providers::{
    Approver, Asked, Attempt, EnrolDetails, PromptStatus, PromptView, Proof, Response, Show,
    TwoFactorError,
    token_store::{
        FactorId,
        ott_core::{Destination, Handle, Matching, Policy, Purpose, RecordId, Start, Subject},
    },
};

use crate::{
    Place, key_1,
    world::{Plan, World},
};

/// Prompts with a number of two digits.
pub const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
/// Prompts with a number of six.
pub const SIX_DIGITS: Policy = numbered(Matching::SixDigits);
/// What several people approve: each has a number of their own.
pub const APPROVAL: Policy = Policy::prompt(Purpose::new("approval")).start(Start::Waiting {
    number: Matching::Nothing,
    binds_subject: false,
});
/// Prompts that a tap approves.
pub const TAP: Policy = numbered(Matching::Nothing);

const fn numbered(number: Matching) -> Policy {
    PROMPT.start(Start::Waiting {
        number,
        binds_subject: false,
    })
}

/// What the waiting side has, and the public id that the device has.
#[derive(Debug)]
pub struct Waiting {
    /// What the waiting side keeps.
    pub handle: Handle,
    /// What it shows.
    pub number: Option<u32>,
    /// What the device lists.
    pub id: RecordId,
}

impl Waiting {
    /// A number of as many digits that is not the one.
    #[must_use]
    pub fn wrong(&self) -> Option<u32> {
        self.number.map(|number| number ^ 1)
    }
}

impl World {
    /// One that asks on another device.
    pub async fn asking(place: Place) -> Self {
        Self::asking_under(place, PROMPT).await
    }

    /// One that asks on another device under this policy.
    pub async fn asking_under(place: Place, policy: Policy) -> Self {
        let plan = Plan {
            prompts: Some(policy),
            ..Plan::default()
        };
        Self::planned(place, &plan).await
    }

    /// Another process over the same store and clock, whose prompts go to every device.
    #[must_use]
    pub fn asking_every_device(&self) -> Self {
        let plan = Plan {
            prompts: Some(PROMPT),
            every_device: true,
            ..Plan::default()
        };
        self.beside_planned(key_1(), &plan)
    }

    /// Asks, and looks at what waits.
    pub async fn try_ask(
        &self,
        attempt: &Attempt<'_>,
        owner: &Subject,
    ) -> Result<Waiting, TwoFactorError> {
        let Asked { handle, show, .. } = self.engine.request(attempt).await?;
        let number = show.map(|show| match show {
            Show::Number(number) => number,
            other => panic!("{other:?}"),
        });
        let handle = handle.expect("a flow");
        let id = self.prompts().id_of(owner, &handle)?;
        let pending = self.prompts().pending(owner).await?;
        assert!(pending.iter().any(|prompt| prompt.id == id), "it waits");
        Ok(Waiting { handle, number, id })
    }

    /// Asks this device.
    pub async fn ask(&self, owner: &Subject, device: FactorId) -> Waiting {
        let attempt = Attempt::new(owner, "prompt").factor(device);
        self.try_ask(&attempt, owner).await.expect("it asks")
    }

    /// The prompt as the device shows it.
    pub async fn seen(&self, owner: &Subject, waiting: &Waiting) -> PromptView {
        let seen = self.prompts().look(owner, &waiting.id).await;
        seen.expect("it answers").expect("a prompt")
    }

    /// How it stands, as the waiting side is told.
    pub async fn status(&self, owner: &Subject, waiting: &Waiting) -> Option<PromptStatus> {
        let status = self.prompts().status(owner, &waiting.handle).await;
        status.expect("it answers")
    }

    /// The person approves with the number that the waiting side shows.
    pub async fn approve(
        &self,
        owner: &Subject,
        waiting: &Waiting,
    ) -> Result<PromptStatus, TwoFactorError> {
        let device = self.seen(owner, waiting).await.device;
        let by = Approver::new(owner);
        let by = device.map_or(by, |device| by.device(device));
        let approved = self.prompts().approve(&by, &waiting.id, waiting.number);
        approved.await
    }

    /// The waiting side goes on.
    pub async fn go_on(
        &self,
        owner: &Subject,
        device: FactorId,
        waiting: &Waiting,
    ) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "prompt").factor(device);
        let attempt = attempt.handle(&waiting.handle);
        self.engine.verify(&attempt, &Response::nothing()).await
    }

    /// Enrols a device, unconfirmed.
    pub async fn enrol_device(
        &self,
        owner: &Subject,
        name: &str,
        proof: Option<&Proof>,
    ) -> FactorId {
        let to = Destination::device(name).expect("a device");
        let details = EnrolDetails::new(owner, "alice").destination(&to);
        let enrolled = self.enrol_with("prompt", &details, name, proof).await;
        enrolled.expect("enrolled").factor
    }

    /// A device that is confirmed by its first prompt.
    pub async fn device(&self, owner: &Subject, name: &str, proof: Option<&Proof>) -> FactorId {
        let factor = self.enrol_device(owner, name, proof).await;
        let waiting = self.ask(owner, factor).await;
        let approved = self.approve(owner, &waiting).await;
        assert_eq!(approved.expect("decided"), PromptStatus::Approved);
        let attempt = Attempt::new(owner, "prompt").factor(factor);
        let attempt = attempt.handle(&waiting.handle);
        let confirmed = self.engine.confirm(&attempt, &Response::nothing()).await;
        let _ = confirmed.expect("confirmed");
        factor
    }

    /// A proof by a prompt to this device.
    pub async fn prompt_proof(&self, owner: &Subject, device: FactorId) -> Proof {
        let waiting = self.ask(owner, device).await;
        let approved = self.approve(owner, &waiting).await;
        assert_eq!(approved.expect("decided"), PromptStatus::Approved);
        let proof = self.go_on(owner, device, &waiting).await;
        proof.expect("approved")
    }
}
