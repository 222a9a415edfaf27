//! Prompts: this side waits, and the person decides on another device.

mod answer;
mod approval;
mod approver;
mod decide;
mod device;
mod limits;
mod parts;
mod provider;
mod question;
mod several;
#[cfg(feature = "device-keys")]
mod signed;
mod view;
mod waiters;
mod wake;

use core::fmt;
use std::{borrow::Cow, sync::Arc};

use token_delivery::Delivery;
use token_store::{
    FactorStore, Found, Revoke, Tokens,
    ott_core::{
        Binding, Handle, Lookup, Matching, Policy, Reason, RecordId, Start, Stored, Subject, Usage,
        Verdict,
    },
};

use self::{
    answer::Answer, provider::PromptProvider, question::Question, several::Quorum, waiters::Waiters,
};
pub use self::{
    approval::{Approval, AskedOthers},
    approver::Approver,
    limits::PromptLimits,
    view::{PromptStatus, PromptView},
};
use crate::{build_error::BuildError, error::TwoFactorError, provider::Provider, rows::Rows};

/// Asks on a second device whether it is the person who signs in. Give it to
/// [`TwoFactorBuilder::prompts`](crate::TwoFactorBuilder::prompts), whose provider asks and verifies, and keep it
/// for the pages on which the person decides.
///
/// [`TwoFactor::request`](crate::TwoFactor::request) gives the waiting side a handle and the number that it shows.
/// The device lists what waits ([`Prompts::pending`]), without the number. The person types the number there. A
/// wrong or missing number denies. Then [`TwoFactor::verify`](crate::TwoFactor::verify) proves, once.
///
/// A factor of this provider is a device, or an app in which the person is signed in. It is confirmed by its first
/// prompt: so a device with a key is never counted before it answered. Without a key, what confirms it is a session.
///
/// # Security
/// Ask after the first step, and never by a name alone: whoever may ask rings the owner's device. Name the sign-in in
/// the attempt ([`Attempt::sign_in`](crate::Attempt::sign_in)) and in the [`Approver`]: otherwise one stolen session asks
/// and approves. A prompt to a device without a key proves no more than a second session of the person; before a payment
/// or a change of factors, take devices with keys (`Prompts::keys_only`, feature `device-keys`).
#[derive(Clone)]
pub struct Prompts {
    pub(crate) rows: Rows,
    policy: Policy,
    push: Option<Arc<dyn Delivery>>,
    limits: PromptLimits,
    every_device: bool,
    keys_only: bool,
    quorum: Option<Quorum>,
    words: Words,
    waiters: Waiters,
}

#[derive(Clone)]
struct Words {
    id: Cow<'static, str>,
    label: Cow<'static, str>,
    description: Cow<'static, str>,
}

/// How many digits the person types.
const fn digits(policy: &Policy) -> u8 {
    match policy.starting() {
        Start::Waiting {
            number: Matching::TwoDigits,
            ..
        } => 2,
        Start::Waiting {
            number: Matching::SixDigits,
            ..
        } => 6,
        _ => 0,
    }
}

/// Whether records of this policy wait for their own subject, and are taken up by their handle, once.
fn fits(policy: &Policy) -> bool {
    let waits = matches!(
        policy.starting(),
        Start::Waiting {
            binds_subject: false,
            ..
        }
    );
    waits
        && policy.token_lookup() == Lookup::Parked
        && policy.usage() == Usage::Once
        && policy.token_lifetime().is_some()
}

impl Prompts {
    /// Over the tokens and the store for factors that the engine has, under a policy that the tokens were built
    /// with: `Policy::prompt(Purpose::new("prompt"))`, whose number has two digits, or one with six
    /// (`Matching::SixDigits`).
    ///
    /// # Errors
    /// [`BuildError::PromptPolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(
        tokens: &Arc<Tokens>,
        factors: Arc<dyn FactorStore>,
        policy: &Policy,
    ) -> Result<Self, BuildError> {
        if digits(policy) == 0 {
            return Err(BuildError::PromptPolicy);
        }
        Self::accepting_no_number(tokens, factors, policy)
    }

    /// As [`Prompts::new`], and the policy may have `Matching::Nothing`: then a tap approves.
    ///
    /// # Security
    /// A person who taps on whatever comes up lets in whoever knows their password, with the first prompt. Beside an
    /// owner who signs in daily, somebody who knows the password asks 3,660 times a year under the default limits: of
    /// these two digits let in about 40 where the person types any number each time, six digits 0.004, and a tap each. The
    /// guess bound counts none of them: nobody but the person answers.
    ///
    /// # Errors
    /// As [`Prompts::new`].
    pub fn accepting_no_number(
        tokens: &Arc<Tokens>,
        factors: Arc<dyn FactorStore>,
        policy: &Policy,
    ) -> Result<Self, BuildError> {
        if !fits(policy) {
            return Err(BuildError::PromptPolicy);
        }
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        Ok(Self {
            rows: Rows {
                tokens: Arc::clone(tokens),
                store: factors,
            },
            policy: *policy,
            push: None,
            limits: PromptLimits::default(),
            every_device: false,
            keys_only: false,
            quorum: None,
            words: Words {
                id: "prompt".into(),
                label: "Another device".into(),
                description: "Approve on a device where you are signed in".into(),
            },
            waiters: Waiters::default(),
        })
    }

    /// Wakes the device of a new prompt, where its factor has a destination: by a message that names the prompt
    /// ([`Message::prompt`](token_delivery::Message::prompt)) and neither the number nor the handle.
    ///
    /// A device that its push service no longer knows is asked all the same, and lists what waits; its destination is
    /// taken off its factor, and `push.ended` is told. [`Prompts::push_to`] gives it another one.
    ///
    /// # Errors
    /// [`BuildError::Template`] if the delivery has no words for the policy's purpose that wake a device.
    pub fn push(self, delivery: Arc<dyn Delivery>) -> Result<Self, BuildError> {
        if !delivery.sends_prompts(self.policy.purpose()) {
            return Err(BuildError::Template(*self.policy.purpose()));
        }
        Ok(Self {
            push: Some(delivery),
            ..self
        })
    }

    /// A request that names no factor asks every device of the subject. The first that decides is the factor that the
    /// proof names. Without this, such a request is refused where there are several
    /// ([`TwoFactorError::FactorUnnamed`]).
    ///
    /// # Security
    /// The weakest device decides: one without a key undoes the keys of the others, unless `Prompts::keys_only` says
    /// otherwise. The devices are woken one after the other, within the request: a slow push needs a queue.
    #[must_use]
    pub fn every_device(self) -> Self {
        Self {
            every_device: true,
            ..self
        }
    }

    /// Takes no device without a key of its own, and no decision without its signature: whoever steals the session in
    /// which a person would decide cannot.
    #[cfg(feature = "device-keys")]
    #[must_use]
    pub fn keys_only(self) -> Self {
        Self {
            keys_only: true,
            ..self
        }
    }

    /// With other limits.
    #[must_use]
    pub fn limits(self, limits: PromptLimits) -> Self {
        Self { limits, ..self }
    }

    /// Under another id than `prompt`. Never change it, factors name it.
    #[must_use]
    pub fn id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.words.id = id.into();
        self
    }

    /// Shown in other words.
    #[must_use]
    pub fn words(
        mut self,
        label: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.words.label = label.into();
        self.words.description = description.into();
        self
    }

    /// Whether there is no number, so that a tap approves.
    #[must_use]
    pub const fn accepts_a_tap(&self) -> bool {
        digits(&self.policy) == 0
    }

    pub(crate) fn provider(&self) -> impl Provider + 'static {
        PromptProvider::new(self)
    }

    /// What waits for the subject's decision, oldest first.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage is never a shorter list.
    pub async fn pending(&self, subject: &Subject) -> Result<Vec<PromptView>, TwoFactorError> {
        let listed = self.rows.tokens.list(&self.policy, subject).await?;
        let mut views = Vec::with_capacity(listed.len());
        for found in &listed {
            views.push(self.view(found)?);
        }
        views.retain(|view| view.status == PromptStatus::Waiting);
        Ok(views)
    }

    /// The subject's prompt of this public id, decided or not; `None` where they have none.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn look(
        &self,
        subject: &Subject,
        id: &RecordId,
    ) -> Result<Option<PromptView>, TwoFactorError> {
        let found = self.rows.tokens.find(&self.policy, id).await?;
        let own = found.filter(|found| found.stored().owner().as_ref() == Some(subject));
        own.map(|found| self.view(&found)).transpose()
    }

    /// How the prompt of this handle stands: what a waiting page asks again and again. It reads one row, writes
    /// none, costs the subject nothing and is no event, unless the row's tag is wrong. `None` where there is no such prompt of the subject.
    ///
    /// It proves nothing: [`TwoFactor::verify`](crate::TwoFactor::verify) does.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn status(
        &self,
        subject: &Subject,
        handle: &Handle,
    ) -> Result<Option<PromptStatus>, TwoFactorError> {
        self.status_under(&self.policy, subject, handle).await
    }

    async fn status_under(
        &self,
        policy: &Policy,
        subject: &Subject,
        handle: &Handle,
    ) -> Result<Option<PromptStatus>, TwoFactorError> {
        let id = self.id_under(policy, subject, handle)?;
        let found = self.rows.tokens.find(policy, &id).await?;
        Ok(found.map(|found| PromptStatus::of(found.stored(), self.rows.now())))
    }

    /// As [`Prompts::status`], once somebody decided, or once `pause` has answered `false`: for a waiting page that keeps
    /// its request open (long polling).
    ///
    /// It looks at the row, then awaits `pause`, and looks again. A decision by these prompts or a clone of them, or a report
    /// that ends the prompt, ends the pause at once, for eight requests of one prompt. One in another process, and a prompt
    /// that is sent again, is seen after the pause: let it sleep for a few seconds, and answer `false` when the request has
    /// been open long enough. A pause that does not sleep asks the store without end. Who stops waiting leaves nothing
    /// behind.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn settled<F>(
        &self,
        subject: &Subject,
        handle: &Handle,
        pause: impl FnMut() -> F,
    ) -> Result<Option<PromptStatus>, TwoFactorError>
    where
        F: Future<Output = bool>,
    {
        self.settled_under(&self.policy, subject, handle, pause)
            .await
    }

    async fn settled_under<F>(
        &self,
        policy: &Policy,
        subject: &Subject,
        handle: &Handle,
        mut pause: impl FnMut() -> F,
    ) -> Result<Option<PromptStatus>, TwoFactorError>
    where
        F: Future<Output = bool>,
    {
        let id = self.id_under(policy, subject, handle)?;
        loop {
            // Before the look, so that a decision in between is not missed.
            let waiter = self.waiters.begin(id);
            let status = self.status_under(policy, subject, handle).await?;
            if status != Some(PromptStatus::Waiting) || waiter.or(pause()).await == Some(false) {
                return Ok(status);
            }
        }
    }

    /// The public id of the prompt of this handle, by which a page revokes it or a device finds it. Asks nobody.
    ///
    /// # Errors
    /// [`TwoFactorError`], which a policy that was checked never causes.
    pub fn id_of(&self, subject: &Subject, handle: &Handle) -> Result<RecordId, TwoFactorError> {
        self.id_under(&self.policy, subject, handle)
    }

    fn id_under(
        &self,
        policy: &Policy,
        subject: &Subject,
        handle: &Handle,
    ) -> Result<RecordId, TwoFactorError> {
        let (binding, issuer) = (Binding::subject(subject), self.rows.tokens.issuer());
        // Whose it is finds it; what else it is bound to is compared as it is taken up.
        let presented = issuer.present_parked(policy, handle, &binding, self.rows.now())?;
        Ok(*presented.id())
    }

    /// Approves with the number that the person read on the waiting page and typed. A wrong number, and none where
    /// there is one, denies.
    ///
    /// The first decision stands. Of any number of concurrent ones, one is taken.
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused with `Reason::Unknown` for no such prompt, `Stranger` for somebody else's, for another
    /// device's, and in the sign-in that asked, `Revoked` where no device that is asked stands, `DecisionForged` for a
    /// signature that is missing, not expected or wrong, `Expired`, and where it was decided before.
    /// [`TwoFactorError::FactorUnnamed`] where several devices could be meant, or one without a key is not named;
    /// [`TwoFactorError::Misuse`] where such a one does not name its sign-in, and the attempt did. After
    /// [`TwoFactorError::Unavailable`] it may be decided: ask [`Prompts::look`].
    pub async fn approve(
        &self,
        by: &Approver<'_>,
        id: &RecordId,
        number: Option<u32>,
    ) -> Result<PromptStatus, TwoFactorError> {
        self.decide(by, id, Verdict::Approve { number }).await
    }

    /// Denies, ends what else its asker asked (of the same sign-in, or from the same network address), and keeps further
    /// prompts away for one period of [`PromptLimits::new`], whatever succeeds meanwhile. Said again of the same prompt,
    /// for as long as it would have waited, it does the rest that an outage left.
    ///
    /// # Errors
    /// As [`Prompts::approve`]. After [`TwoFactorError::Unavailable`] the prompt may be denied, and the rest not done: deny
    /// it again.
    pub async fn deny(
        &self,
        by: &Approver<'_>,
        id: &RecordId,
    ) -> Result<PromptStatus, TwoFactorError> {
        self.decide(by, id, Verdict::Deny).await
    }

    /// Denies what the person never asked for: somebody else knows their password. Every other prompt of the
    /// subject ends with it, and none comes until another factor succeeds. Said again of the same prompt, for as long as it
    /// would have waited, it does the rest that an outage left.
    ///
    /// A person whose only factor is a device needs an operator then: let them have recovery codes or another factor.
    ///
    /// # Errors
    /// As [`Prompts::deny`].
    pub async fn report(
        &self,
        by: &Approver<'_>,
        id: &RecordId,
    ) -> Result<PromptStatus, TwoFactorError> {
        self.decide(by, id, Verdict::Report).await
    }

    fn view(&self, found: &Found) -> Result<PromptView, TwoFactorError> {
        let question = Question::from_bytes(&found.stored().data).ok_or(Reason::TagForged)?;
        Ok(self.seen(found.stored(), &question))
    }

    fn seen(&self, stored: &Stored, question: &Question) -> PromptView {
        PromptView::new(stored, question, digits(&self.policy), self.rows.now())
    }

    /// Ends whatever waits for the subject, what the subject asked of others, and what was approved and not taken up.
    pub(crate) async fn end_all(&self, subject: &Subject) -> Result<(), TwoFactorError> {
        // Whom it does not find to wake looks after its next pause.
        let listed = self.rows.tokens.list(&self.policy, subject).await;
        let all = Revoke::purpose(subject, self.policy.purpose());
        self.rows.tokens.revoke(&all).await?;
        if let Some(quorum) = &self.quorum {
            let asked = Revoke::purpose(subject, quorum.policy.purpose());
            self.rows.tokens.revoke(&asked).await?;
        }
        for found in listed.into_iter().flatten() {
            self.waiters.wake(&found.stored().id);
        }
        Ok(())
    }
}

impl fmt::Debug for Prompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompts")
            .field("id", &self.words.id)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
