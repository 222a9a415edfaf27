//! One person's part of what several approve: deciding, counting, and the end of the whole.

use token_store::{
    FactorState, Found, Revoke, TokensError,
    ott_core::{Decider, Outcome, Reason, RecordId, State, Stored, Subject, Verdict},
};

use super::{
    Prompts,
    answer::Answer,
    approval,
    approver::Approver,
    device,
    question::{Asker, Question},
    view::PromptStatus,
};
use crate::{
    error::TwoFactorError,
    events::{PROMPT_DENIED, PROMPT_REPORTED},
    open_factor::OpenFactor,
    provider_error::VerifyError,
};

/// As which this decides about the whole, once its people have.
const APPROVERS: &str = "approvers";

/// What the decisions come to.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) approved_by: Vec<Subject>,
    /// Whether there is a decision that its device did not make.
    pub(super) forged: bool,
}

fn approvers() -> Decider {
    Decider::System(APPROVERS.into())
}

impl Prompts {
    /// Decides about a part. A denial is kept by the whole first, with what was signed: it ends with it, whatever comes
    /// after.
    pub(super) async fn decide_part(
        &self,
        by: &Approver<'_>,
        part: &Found,
        asker: &Asker,
        verdict: Verdict,
    ) -> Result<PromptStatus, TwoFactorError> {
        let policy = &self.several()?.policy;
        let whole = self.rows.tokens.find(policy, &asker.approval).await?;
        let whole = whole.ok_or(Reason::Unknown)?;
        let answer = self.answer(part, by, verdict).await?;
        let number = part.stored().number;
        let approves = verdict == (Verdict::Approve { number });
        // Said again, it does the rest that an outage left.
        let again = if approves {
            said(part.stored()).is_some_and(|said| said == answer)
        } else {
            denied_by(whole.stored()).is_some_and(|(denied, _)| denied == *part.id())
        };
        if !again && !self.is_open_to(part, by) {
            // Refused by the rules of its record.
            self.record_part(by, part, &answer).await?;
        }
        if approves {
            self.approve_part(by, part, &whole, (!again).then_some(&answer))
                .await
        } else {
            if !again {
                self.deny_whole(&whole, part.id(), &answer).await?;
                // The whole has it: this is for whoever looks at the part.
                let _ = self.record_part(by, part, &answer).await;
                let name = match verdict {
                    Verdict::Report => PROMPT_REPORTED,
                    _ => PROMPT_DENIED,
                };
                let event = self.rows.event(name, by.subject);
                self.rows.emit(event.record(*part.id()));
            }
            self.silence_asker(&asker.subject, verdict).await?;
            self.end_parts(&whole).await;
            Ok(PromptStatus::Denied)
        }
    }

    async fn approve_part(
        &self,
        by: &Approver<'_>,
        part: &Found,
        whole: &Found,
        answer: Option<&Answer>,
    ) -> Result<PromptStatus, TwoFactorError> {
        if !self.waits(whole) {
            return Err(over(whole.stored()).into());
        }
        if let Some(answer) = answer {
            self.record_part(by, part, answer).await?;
        }
        let whole = self.settle(whole).await?;
        match whole.stored().state {
            // Spent: somebody else's approval was counted with this one, and what they approved was taken up already.
            State::Waiting | State::Ready | State::Spent => Ok(PromptStatus::Approved),
            _ => Err(over(whole.stored()).into()),
        }
    }

    async fn record_part(
        &self,
        by: &Approver<'_>,
        part: &Found,
        answer: &Answer,
    ) -> Result<(), TwoFactorError> {
        let (verdict, data) = (answer.verdict, answer.to_bytes());
        let tokens = &self.rows.tokens;
        let decided = tokens.decide(&self.policy, part.id(), by.subject, verdict, &data);
        decided.await?;
        self.waiters.wake(part.id());
        Ok(())
    }

    /// Denies the whole in the name of this part.
    async fn deny_whole(
        &self,
        whole: &Found,
        part: &RecordId,
        answer: &Answer,
    ) -> Result<(), TwoFactorError> {
        let policy = &self.several()?.policy;
        let data = [part.as_bytes().as_slice(), &answer.to_bytes()].concat();
        let tokens = &self.rows.tokens;
        let denied = tokens.decide(policy, whole.id(), approvers(), Verdict::Deny, &data);
        denied.await?;
        self.waiters.wake(whole.id());
        Ok(())
    }

    /// Approves the whole once enough people did, and says how it stands.
    pub(super) async fn settle(&self, whole: &Found) -> Result<Found, TwoFactorError> {
        let quorum = self.several()?;
        let (tokens, policy) = (&self.rows.tokens, &quorum.policy);
        let asked = approval::from_bytes(&whole.stored().data).ok_or(Reason::TagForged)?;
        let counted = self.count(whole, &asked, None).await?;
        if counted.approved_by.len() >= quorum.needed {
            let verdict = Verdict::Approve { number: None };
            match tokens
                .decide(policy, whole.id(), approvers(), verdict, b"")
                .await
            {
                Ok(decided) => {
                    self.waiters.wake(whole.id());
                    return Ok(decided);
                }
                // Somebody else settled it meanwhile, in one way or the other.
                Err(TokensError::Rejected(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let now = tokens.find(policy, whole.id()).await?;
        now.ok_or_else(|| Reason::Unknown.into())
    }

    /// Who of these approved it, on distinct devices, none of which the asker has. Each decision is checked with the device as it stands.
    pub(super) async fn count(
        &self,
        whole: &Found,
        deciders: &[Subject],
        operation: Option<&[(&str, &str)]>,
    ) -> Result<Counted, TwoFactorError> {
        let asker = whole.stored().owner().ok_or(Reason::TagForged)?;
        let mut keys = Vec::new();
        for own in self.devices(&asker).await? {
            keys.extend(device::key(&own)?);
        }
        let mut counted = Counted::default();
        for decider in super::several::others(&asker, deciders) {
            let own = self.devices(decider).await?;
            for part in self.parts_of(whole, decider).await? {
                let stored = part.stored();
                let question = Question::from_bytes(&stored.data).ok_or(Reason::TagForged)?;
                let asked = question.operation.iter();
                let asked = asked.map(|(name, value)| (name.as_str(), value.as_str()));
                if stored.state != State::Ready
                    || operation.is_some_and(|meant| !asked.eq(meant.iter().copied()))
                {
                    continue;
                }
                let answer = said(stored);
                let device = own.iter().find(|own| {
                    let answer = answer.as_ref();
                    answer.is_some_and(|answer| answer.device == own.id())
                });
                let Some(device) = device else {
                    counted.forged |= answer.is_none();
                    continue;
                };
                match self.stands(stored, &question, device, decider) {
                    Ok(()) => {}
                    Err(VerifyError::Provider(error)) => return Err(error.into()),
                    Err(_) => {
                        counted.forged = true;
                        continue;
                    }
                }
                let key = device::key(device)?;
                if key.is_none_or(|key| !keys.contains(&key)) {
                    keys.extend(key);
                    counted.approved_by.push(decider.clone());
                    break;
                }
            }
        }
        Ok(counted)
    }

    /// Whether this device made the decision that the record keeps.
    pub(super) fn stands(
        &self,
        stored: &Stored,
        question: &Question,
        device: &OpenFactor,
        subject: &Subject,
    ) -> Result<(), VerifyError> {
        let decision = stored.decision.as_ref().ok_or(Reason::DecisionForged)?;
        let answer = Answer::from_bytes(&decision.data).ok_or(Reason::DecisionForged)?;
        let flipped = stored.state == State::Denied && decision.outcome == Outcome::Approved;
        if answer.device != device.id()
            || decision.decider.subject() != Some(subject)
            || flipped
            || !device::matches(&answer, stored, decision.outcome)
        {
            return Err(Reason::DecisionForged.into());
        }
        let seen = self.seen(stored, question);
        device::check(device, subject, &seen, &answer, self.keys_only)
    }

    /// Whether somebody who was asked denied the whole, on a device of theirs.
    pub(super) async fn check_denial(&self, whole: &Found) -> Result<(), TwoFactorError> {
        let forged = Reason::DecisionForged;
        let (part, answer) = denied_by(whole.stored()).ok_or(forged)?;
        let part = self.rows.tokens.find(&self.policy, &part).await?;
        let part = part.ok_or(forged)?;
        let stored = part.stored();
        let question = Question::from_bytes(&stored.data).ok_or(forged)?;
        let decider = stored.owner().ok_or(forged)?;
        let number = stored.number;
        if !is_part_of(&question, whole) || answer.verdict == (Verdict::Approve { number }) {
            return Err(forged.into());
        }
        let own = self.devices(&decider).await?;
        let own = own.iter().find(|own| own.id() == answer.device);
        let (own, seen) = (own.ok_or(forged)?, self.seen(stored, &question));
        match device::check(own, &decider, &seen, &answer, self.keys_only) {
            Ok(()) => Ok(()),
            Err(VerifyError::Provider(error)) => Err(error.into()),
            Err(_) => Err(forged.into()),
        }
    }

    /// The live parts of this one that this person was asked.
    async fn parts_of(
        &self,
        whole: &Found,
        decider: &Subject,
    ) -> Result<Vec<Found>, TwoFactorError> {
        let mut parts = self.rows.tokens.list(&self.policy, decider).await?;
        parts.retain(|part| {
            let question = Question::from_bytes(&part.stored().data);
            question.is_some_and(|question| is_part_of(&question, whole))
        });
        Ok(parts)
    }

    /// The devices of this person that stand.
    async fn devices(&self, subject: &Subject) -> Result<Vec<OpenFactor>, TwoFactorError> {
        let mut own = self.rows.of(subject).await?;
        own.retain(|own| own.provider == *self.words.id && own.state == FactorState::Active);
        own.into_iter().map(|own| self.rows.open(own)).collect()
    }

    /// Takes what is left of it off everybody's list. Whoever finds it there still decides nothing.
    pub(super) async fn end_parts(&self, whole: &Found) {
        let asked = approval::from_bytes(&whole.stored().data).unwrap_or_default();
        for decider in &asked {
            for part in self.parts_of(whole, decider).await.into_iter().flatten() {
                let own = Revoke::own(decider, *part.id());
                let _ = self.rows.tokens.revoke(&own).await;
                self.waiters.wake(part.id());
            }
        }
    }

    /// What a denial or report does to whoever asked. Each part is done whatever became of the others.
    async fn silence_asker(&self, asker: &Subject, verdict: Verdict) -> Result<(), TwoFactorError> {
        let reported = if verdict == Verdict::Report {
            let _ = self.end_all(asker).await;
            let shut = self.shut(asker).await;
            shut.and(self.end_all(asker).await)
        } else {
            Ok(())
        };
        reported.and(self.use_up_others(asker).await)
    }
}

/// Whether this was asked for that whole, by whom that one is.
fn is_part_of(question: &Question, whole: &Found) -> bool {
    question.asker.as_ref().is_some_and(|asker| {
        asker.approval == *whole.id() && whole.stored().owner().as_ref() == Some(&asker.subject)
    })
}

/// What its person said.
fn said(part: &Stored) -> Option<Answer> {
    Answer::from_bytes(&part.decision.as_ref()?.data)
}

/// Which part denied the whole, and what was said.
fn denied_by(whole: &Stored) -> Option<(RecordId, Answer)> {
    let denied = whole.decision.as_ref()?;
    let system = matches!(&denied.decider, Decider::System(name) if name == APPROVERS);
    let (part, answer) = denied.data.split_first_chunk()?;
    let denied = whole.state == State::Denied && system;
    denied.then_some((RecordId::from_bytes(*part), Answer::from_bytes(answer)?))
}

/// Why nobody decides about it any more.
fn over(whole: &Stored) -> Reason {
    match whole.state {
        State::Waiting => Reason::Expired,
        State::Ready => Reason::NotWaiting,
        ended => ended.refusal().unwrap_or(Reason::NotWaiting),
    }
}
