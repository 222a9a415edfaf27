//! Several people approve what somebody asks, and none of them is who asks: asking, waiting, taking up.

use token_store::{
    FactorState, Found, Revoke,
    ott_core::{
        Binding, Handle, IssueOptions, Matching, Parked, Policy, Reason, RecordId, Start, State,
        Subject,
    },
};

use super::{
    Approval, AskedOthers, Prompts, approval, digits, fits,
    question::{Asker, Question},
    view::PromptStatus,
};
use crate::{
    attempt::Attempt, build_error::BuildError, error::TwoFactorError, events::PROVIDER_REFUSED,
    sign_in::SignInId,
};

/// How many people must approve, and under which policy the whole of their prompts waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quorum {
    pub(super) policy: Policy,
    pub(super) needed: usize,
}

const PAID: &str = "who asks paid for it";

impl Prompts {
    /// Lets several people approve what somebody asks: `needed` of those that [`Prompts::ask_others`] names. The whole
    /// waits under `policy`, one of its own that `Policy::prompt` makes without a number (`Matching::Nothing`): the
    /// prompts have the numbers, one for each person.
    ///
    /// # Security
    /// People are told apart by their accounts. One device without a key may be a device of several of them: where that matters,
    /// take keys alone (`Prompts::keys_only`), of which each signs for one person.
    ///
    /// # Errors
    /// [`BuildError::PromptPolicy`], also for fewer than two people, [`BuildError::PolicyUnknown`].
    pub fn quorum(self, policy: &Policy, needed: usize) -> Result<Self, BuildError> {
        let plain = matches!(
            policy.starting(),
            Start::Waiting {
                number: Matching::Nothing,
                ..
            }
        );
        let own = policy.purpose() != self.policy.purpose();
        if needed < 2 || !plain || !own || digits(policy) != 0 || !fits(policy) {
            return Err(BuildError::PromptPolicy);
        }
        if !self.rows.tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        let quorum = Quorum {
            policy: *policy,
            needed,
        };
        Ok(Self {
            quorum: Some(quorum),
            ..self
        })
    }

    pub(super) fn several(&self) -> Result<&Quorum, TwoFactorError> {
        let quorum = self.quorum.as_ref();
        quorum.ok_or(TwoFactorError::Misuse("several people: `Prompts::quorum`"))
    }

    /// Asks each of these people, on every device of theirs, to approve the attempt's operation. Whoever asks is left
    /// out, and so is who has no device. Each sees in [`Prompts::pending`] who asks for what, and decides as about a prompt of
    /// their own. Each types a number of their own, which the waiting page shows beside their name.
    ///
    /// Nobody is rung by others more often than the pace of [`PromptLimits::new`](crate::PromptLimits::new) says: then
    /// the prompt is listed, and wakes no device. Who asks has that pace, too, for what they ask of others.
    ///
    /// # Security
    /// Take whom you name from your own tables, and never from the request. One denial or report ends the whole.
    ///
    /// # Errors
    /// [`TwoFactorError`]; then nobody is asked. Refused with `Reason::Unknown` where too few of them have a device,
    /// [`TwoFactorError::Misuse`] without an operation.
    pub async fn ask_others(
        &self,
        attempt: &Attempt<'_>,
        deciders: &[Subject],
    ) -> Result<AskedOthers, TwoFactorError> {
        let quorum = self.several()?;
        let attempt = &attempt.with_shown_origin()?;
        if attempt.operation.is_empty() {
            let misuse = "several people approve an operation: `Attempt::operation`";
            return Err(TwoFactorError::Misuse(misuse));
        }
        let mut asked = Vec::new();
        for decider in others(attempt.subject, deciders) {
            if self.has_device(decider).await? {
                asked.push(decider);
            }
        }
        if asked.len() < quorum.needed {
            return Err(Reason::Unknown.into());
        }
        let paid = self.pay_for_others(attempt.subject).await?;
        let data = approval::to_bytes(&asked);
        let whole = match self.park(&quorum.policy, attempt, &data).await {
            Ok(whole) => whole,
            Err(error) => {
                self.rows.give_back(&[paid], 1).await;
                return Err(error);
            }
        };
        match self.ask_each(attempt, &asked, whole.record.id()).await {
            Ok(deciders) => Ok(AskedOthers {
                approval: *whole.record.id(),
                handle: whole.handle,
                deciders,
            }),
            Err(error) => {
                // Nobody gets its handle, so no decision is worth anything.
                let own = Revoke::own(attempt.subject, *whole.record.id());
                let _ = self.rows.tokens.revoke(&own).await;
                Err(error)
            }
        }
    }

    /// Parks a prompt for each, and wakes nobody before all are there.
    async fn ask_each(
        &self,
        attempt: &Attempt<'_>,
        asked: &[&Subject],
        whole: &RecordId,
    ) -> Result<Vec<(Subject, Option<u32>)>, TwoFactorError> {
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let question = Question {
            device: None,
            confirms: false,
            sign_in: attempt.sign_in.cloned(),
            network: attempt.network,
            origin: attempt.origin.unwrap_or_default().to_owned(),
            operation: attempt.operation.iter().map(own).collect(),
            asker: Some(Asker {
                subject: attempt.subject.clone(),
                approval: *whole,
            }),
        };
        let data = question.to_bytes();
        let (name, tokens) = (whole.to_string(), &self.rows.tokens);
        let operation = [("approval", name.as_str())];
        let (mut shown, mut parts) = (Vec::new(), Vec::new());
        for decider in asked {
            let binding = Binding::subject(decider).operation(&operation);
            let options = IssueOptions {
                data: &data,
                ..IssueOptions::default()
            };
            let tokens = tokens.without_limits(PAID);
            let part = tokens.park_opts(&self.policy, &binding, options).await?;
            parts.push((*decider, *part.record.id()));
            shown.push(((*decider).clone(), part.record.stored().number));
        }
        // A report that came meanwhile ended what it found: this one it did not find.
        self.check_report(attempt.subject).await?;
        for (decider, id) in parts {
            if self.may_ring(decider).await? {
                // Who is not reached finds it in the list.
                let _ = self.wake_all(decider, None, &id).await;
            }
        }
        Ok(shown)
    }

    async fn park(
        &self,
        policy: &Policy,
        attempt: &Attempt<'_>,
        data: &[u8],
    ) -> Result<Parked, TwoFactorError> {
        let options = IssueOptions {
            data,
            ..IssueOptions::default()
        };
        let sign_in = attempt.sign_in.map(SignInId::to_hex).unwrap_or_default();
        let operation = bound(attempt, &sign_in);
        let tokens = self.rows.tokens.without_limits(PAID);
        let binding = whole_of(attempt, &operation);
        Ok(tokens.park_opts(policy, &binding, options).await?)
    }

    /// As [`Prompts::status`], of what was asked of several people: `Approved` once enough approved, `Denied` once one did not.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn approval_status(
        &self,
        asker: &Subject,
        handle: &Handle,
    ) -> Result<Option<PromptStatus>, TwoFactorError> {
        self.status_under(&self.several()?.policy, asker, handle)
            .await
    }

    /// As [`Prompts::settled`], of what was asked of several people.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn approval_settled<F>(
        &self,
        asker: &Subject,
        handle: &Handle,
        pause: impl FnMut() -> F,
    ) -> Result<Option<PromptStatus>, TwoFactorError>
    where
        F: Future<Output = bool>,
    {
        self.settled_under(&self.several()?.policy, asker, handle, pause)
            .await
    }

    /// Takes up what enough people approved, once: of any number of concurrent calls one succeeds. State the attempt as it was asked, with
    /// its handle, and who may approve it now: who left, or whose device went, is not counted any more. Each decision is checked
    /// again, with its signature where the device has a key.
    ///
    /// # Errors
    /// [`TwoFactorError::Pending`] while too few decided. Refused as a prompt is; with `Reason::Revoked` where of those who approved
    /// too few may now, and `Reason::DecisionForged` where a decision was not made by its device.
    pub async fn take_up(
        &self,
        attempt: &Attempt<'_>,
        deciders: &[Subject],
    ) -> Result<Approval, TwoFactorError> {
        let quorum = self.several()?;
        let (tokens, policy) = (&self.rows.tokens, &quorum.policy);
        let handle = attempt.handle.ok_or(Reason::Malformed)?;
        let sign_in = attempt.sign_in.map(SignInId::to_hex).unwrap_or_default();
        let operation = bound(attempt, &sign_in);
        let binding = whole_of(attempt, &operation);
        let issuer = tokens.issuer();
        let presented = issuer.present_parked(policy, handle, &binding, self.rows.now())?;
        let whole = tokens.find(policy, presented.id()).await?;
        let mut whole = whole.ok_or(Reason::Unknown)?;
        if self.waits(&whole) {
            whole = self.settle(&whole).await?;
        }
        if self.waits(&whole) {
            return Err(TwoFactorError::Pending);
        }
        let approved_by = match self.checked(&whole, attempt, deciders).await {
            Ok(approved_by) => approved_by,
            Err(error) => {
                if let TwoFactorError::Rejected(rejected) = &error {
                    let event = self.rows.event(PROVIDER_REFUSED, attempt.subject);
                    let event = event.provider(&self.words.id).record(*whole.id());
                    self.rows.emit(event.reason(rejected.reason()));
                }
                return Err(error);
            }
        };
        let unlimited = tokens.without_limits("a handle is not guessed");
        let _ = unlimited.redeem(policy, &presented).await?;
        self.end_parts(&whole).await;
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        Ok(Approval {
            subject: attempt.subject.clone(),
            operation: attempt.operation.iter().map(own).collect(),
            approved_by,
            at: self.rows.now(),
        })
    }

    /// Who of these approved it, which are enough; what is over is refused as it is redeemed.
    async fn checked(
        &self,
        whole: &Found,
        attempt: &Attempt<'_>,
        deciders: &[Subject],
    ) -> Result<Vec<Subject>, TwoFactorError> {
        match whole.stored().state {
            State::Ready => {}
            State::Denied => return self.check_denial(whole).await.map(|()| Vec::new()),
            _ => return Ok(Vec::new()),
        }
        let mut asked = approval::from_bytes(&whole.stored().data).ok_or(Reason::TagForged)?;
        asked.retain(|one| deciders.contains(one));
        let counted = self.count(whole, &asked, Some(attempt.operation)).await?;
        if counted.approved_by.len() >= self.several()?.needed {
            Ok(counted.approved_by)
        } else if counted.forged {
            Err(Reason::DecisionForged.into())
        } else {
            Err(Reason::Revoked.into())
        }
    }

    pub(super) fn waits(&self, whole: &Found) -> bool {
        PromptStatus::of(whole.stored(), self.rows.now()) == PromptStatus::Waiting
    }

    async fn has_device(&self, subject: &Subject) -> Result<bool, TwoFactorError> {
        let own = self.rows.of(subject).await?;
        let counts = |state| state == FactorState::Active;
        Ok(own
            .iter()
            .any(|own| own.provider == *self.words.id && counts(own.state)))
    }
}

/// Each once, and never who asks.
pub(super) fn others<'a>(asker: &Subject, deciders: &'a [Subject]) -> Vec<&'a Subject> {
    let mut others: Vec<&Subject> = Vec::new();
    for decider in deciders {
        if decider != asker && !others.contains(&decider) {
            others.push(decider);
        }
    }
    others
}

/// These first, so that no parameter of the caller's can stand for one of them.
fn bound<'a>(attempt: &Attempt<'a>, sign_in: &'a str) -> Vec<(&'a str, &'a str)> {
    let own = [("approval", "of others"), ("sign-in", sign_in)];
    own.into_iter()
        .chain(attempt.operation.iter().copied())
        .collect()
}

fn whole_of<'a>(attempt: &'a Attempt<'_>, operation: &'a [(&'a str, &'a str)]) -> Binding<'a> {
    let binding = Binding::subject(attempt.subject).operation(operation);
    match attempt.epoch {
        Some(epoch) => binding.epoch(epoch),
        None => binding,
    }
}
