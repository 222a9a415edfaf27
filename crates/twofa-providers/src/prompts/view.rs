//! A prompt as the device sees it, and as the waiting side does.

use core::{fmt, net::IpAddr};

use token_store::{
    FactorId,
    ott_core::{
        Outcome, RecordId, State, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::question::Question;

/// A prompt as the person sees it on the device: what is asked, by whom, from where, when. It has no field for the
/// number, which the waiting side alone shows.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptView {
    /// The public name, for [`Prompts::approve`](crate::Prompts::approve) and the others.
    pub id: RecordId,
    /// How it stands.
    pub status: PromptStatus,
    /// Which device is asked; `None` where each of the person's is.
    pub device: Option<FactorId>,
    /// Whether it confirms the device that was just enrolled, and signs nobody in.
    pub confirms: bool,
    /// Who asks, where it is somebody else who needs this person's approval ([`Prompts::ask_others`](crate::Prompts::ask_others));
    /// `None` for what the person's own sign-in asks.
    pub asker: Option<Subject>,
    /// The approval that it is a part of, where somebody else asks.
    pub approval: Option<RecordId>,
    /// What is to be approved, as name and value; empty for a sign-in.
    pub operation: Vec<(String, String)>,
    /// What the waiting side is, as [`Attempt::origin`](crate::Attempt::origin) said; empty where it said nothing.
    pub origin: String,
    /// From which network address, where the attempt named one.
    pub network: Option<IpAddr>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// From when on it is too late.
    pub expires_at: Option<DateTime<Utc>>,
    /// How many digits the person types; 0 where there is no number.
    pub digits: u8,
}

impl PromptView {
    pub(super) fn new(
        stored: &Stored,
        question: &Question,
        digits: u8,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: stored.id,
            status: PromptStatus::of(stored, now),
            device: question.device,
            confirms: question.confirms,
            asker: question.asker.as_ref().map(|asker| asker.subject.clone()),
            approval: question.asker.as_ref().map(|asker| asker.approval),
            operation: question.operation.clone(),
            origin: question.origin.clone(),
            network: question.network,
            asked_at: stored.issued_at,
            expires_at: stored.expires_at,
            digits,
        }
    }
}

impl fmt::Debug for PromptView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the network address nor what the operation says.
        f.debug_struct("PromptView")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("device", &self.device)
            .field("asked_at", &self.asked_at)
            .finish_non_exhaustive()
    }
}

/// How a prompt stands. A report is a denial here: whoever waits learns no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptStatus {
    /// Approved, and not taken up yet.
    Approved,
    /// Denied, reported, or approved with a wrong number.
    Denied,
    /// Nobody decided in time, or nobody took up the approval in time.
    Expired,
    /// Taken up, revoked, or sent again.
    Over,
    /// Nobody decided yet.
    Waiting,
}

impl PromptStatus {
    pub(super) fn of(stored: &Stored, now: DateTime<Utc>) -> Self {
        let denied = |outcome| outcome != Outcome::Approved;
        let decided = stored.decision.as_ref().map(|decision| decision.outcome);
        match stored.state {
            State::Waiting | State::Ready if !stored.is_live(now) => Self::Expired,
            State::Waiting => Self::Waiting,
            State::Ready => Self::Approved,
            State::Denied if decided.is_some_and(denied) => Self::Denied,
            _ => Self::Over,
        }
    }
}
