//! Deciding about a prompt, and what goes with a denial.

use token_store::{
    Found, Revoke,
    ott_core::{Outcome, Reason, RecordId, State, Stored, Subject, Verdict},
};

use super::{
    Prompts,
    answer::{Answer, SIGNATURE},
    approver::Approver,
    device,
    question::Question,
    view::PromptStatus,
};
use crate::{
    error::TwoFactorError,
    events::{PROMPT_DENIED, PROMPT_REPORTED},
    open_factor::OpenFactor,
    provider_error::VerifyError,
};

impl Prompts {
    /// Decides, and does what goes with it.
    pub(super) async fn decide(
        &self,
        by: &Approver<'_>,
        id: &RecordId,
        verdict: Verdict,
    ) -> Result<PromptStatus, TwoFactorError> {
        let tokens = &self.rows.tokens;
        let found = tokens.find(&self.policy, id).await?;
        if let Some(part) = found.as_ref().filter(|part| is_own(part, by)) {
            let question = Question::from_bytes(&part.stored().data).ok_or(Reason::TagForged)?;
            if let Some(asker) = &question.asker {
                return self.decide_part(by, part, asker, verdict).await;
            }
        }
        if let Some(found) = found
            .as_ref()
            .filter(|found| self.is_repeated(found, by, verdict))
        {
            let _ = self.answer(found, by, verdict).await?;
            self.silence(found, by.subject, verdict).await?;
            return Ok(PromptStatus::Denied);
        }
        let answer = match &found {
            // Whatever is refused in any case is refused by the rules of the record.
            Some(found) if self.is_open_to(found, by) => {
                self.answer(found, by, verdict).await?.to_bytes()
            }
            _ => Vec::new(),
        };
        let decided = tokens
            .decide(&self.policy, id, by.subject, verdict, &answer)
            .await?;
        self.waiters.wake(id);
        let status = PromptStatus::of(decided.stored(), self.rows.now());
        if status == PromptStatus::Denied {
            let reported = verdict == Verdict::Report;
            let name = if reported {
                PROMPT_REPORTED
            } else {
                PROMPT_DENIED
            };
            self.rows
                .emit(self.rows.event(name, by.subject).record(*id));
            self.silence(&decided, by.subject, verdict).await?;
        }
        Ok(status)
    }

    /// Whether this was decided like that, and not long ago: the rest of it may have been left by an outage.
    fn is_repeated(&self, found: &Found, by: &Approver<'_>, verdict: Verdict) -> bool {
        let stored = found.stored();
        let outcome = stored.decision.as_ref().map(|decision| decision.outcome);
        let same = match verdict {
            Verdict::Approve { .. } => false,
            Verdict::Deny => outcome == Some(Outcome::Denied),
            Verdict::Report => outcome == Some(Outcome::Reported),
        };
        same && PromptStatus::of(stored, self.rows.now()) == PromptStatus::Denied
            && stored.owner().as_ref() == Some(by.subject)
            && stored.expires_at.is_none_or(|end| self.rows.now() < end)
    }

    /// What a denial or report does beside its record. Each part is done whatever became of the others, and again where
    /// it is said again.
    async fn silence(
        &self,
        denied: &Found,
        subject: &Subject,
        verdict: Verdict,
    ) -> Result<(), TwoFactorError> {
        let others = if verdict == Verdict::Report {
            // First, and once more: who asked before it was shut may have parked after the first.
            let _ = self.end_all(subject).await;
            let shut = self.shut(subject).await;
            shut.and(self.end_all(subject).await)
        } else {
            self.end_others(denied, subject).await
        };
        others.and(self.use_up_paces(subject).await)
    }

    /// Ends what waits of the sign-in, or from the network address, that this one was asked in.
    async fn end_others(&self, denied: &Found, subject: &Subject) -> Result<(), TwoFactorError> {
        let asked = Question::from_bytes(&denied.stored().data).ok_or(Reason::TagForged)?;
        let mut ended = Ok(());
        for found in self.rows.tokens.list(&self.policy, subject).await? {
            let stored = found.stored();
            let other = Question::from_bytes(&stored.data);
            if stored.state == State::Waiting && other.is_some_and(|other| other.is_beside(&asked))
            {
                let own = Revoke::own(subject, stored.id);
                ended = ended.and(self.rows.tokens.revoke(&own).await.map(|_| ()));
                self.waiters.wake(&stored.id);
            }
        }
        Ok(ended?)
    }

    pub(super) fn is_open_to(&self, found: &Found, by: &Approver<'_>) -> bool {
        let stored = found.stored();
        PromptStatus::of(stored, self.rows.now()) == PromptStatus::Waiting && is_own(found, by)
    }

    /// What is kept of the decision, once the device may make it.
    pub(super) async fn answer(
        &self,
        found: &Found,
        by: &Approver<'_>,
        verdict: Verdict,
    ) -> Result<Answer, TwoFactorError> {
        let question = Question::from_bytes(&found.stored().data).ok_or(Reason::TagForged)?;
        let device = self.device(by, found.stored(), &question).await?;
        let signature = by.signature.map(<[u8; SIGNATURE]>::try_from).transpose();
        let answer = Answer {
            verdict,
            device: device.id(),
            signature: signature.map_err(|_| Reason::DecisionForged)?,
        };
        // Who holds the session and not the device neither approves nor keeps prompts away. It is asked again where
        // the record is redeemed.
        let seen = self.seen(found.stored(), &question);
        match device::check(&device, by.subject, &seen, &answer, self.keys_only) {
            Ok(()) => Ok(answer),
            Err(VerifyError::Rejected(rejected)) => Err(TwoFactorError::Rejected(rejected)),
            Err(VerifyError::Provider(error)) => Err(error.into()),
            Err(_) => Err(Reason::DecisionForged.into()),
        }
    }

    /// The device that decides, which is one that is asked, while it stands.
    async fn device(
        &self,
        by: &Approver<'_>,
        stored: &Stored,
        question: &Question,
    ) -> Result<OpenFactor, TwoFactorError> {
        // Who asked is one side, and who decides is the other one.
        if by.sign_in.is_some() && by.sign_in == question.sign_in.as_ref() {
            return Err(Reason::Stranger.into());
        }
        let another = |named| question.device.is_some_and(|asked| asked != named);
        if by.device.is_some_and(another) {
            return Err(Reason::Stranger.into());
        }
        let asked = question.asks_a(&self.words.id, stored.issued_at);
        let mut own = self.rows.of(by.subject).await?;
        own.retain(|own| asked(own) && by.device.is_none_or(|named| named == own.id));
        let device = match (own.pop(), own.is_empty()) {
            (None, _) => return Err(Reason::Revoked.into()),
            (Some(own), true) => self.rows.open(own)?,
            (Some(_), false) => return Err(TwoFactorError::FactorUnnamed),
        };
        if device::has_key(&device)? {
            return Ok(device);
        }
        // Nothing shows that it is this device but what the application says of the session.
        if by.device.is_none() {
            return Err(TwoFactorError::FactorUnnamed);
        }
        if question.sign_in.is_some() && by.sign_in.is_none() {
            return Err(TwoFactorError::Misuse(
                "the sign-in that asked is named, so is that of the approver: `Approver::sign_in`",
            ));
        }
        Ok(device)
    }
}

fn is_own(found: &Found, by: &Approver<'_>) -> bool {
    found.stored().owner().as_ref() == Some(by.subject)
}
