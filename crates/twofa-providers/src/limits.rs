//! What a guess and a request cost.

use core::net::IpAddr;

use token_store::{
    Charge, FactorId,
    ott_core::{Binding, Limit, LimitKey, LimitKind, LimitScope, Subject, chrono::TimeDelta},
};

use crate::counted_network;

/// The limits of second factors, beside the account's allowance, which [`Tokens`](token_store::Tokens) has
/// for all policies and the engine together. The defaults keep an attacker who knows the password at 465
/// guesses in the first year, beside an owner who signs in daily; 497 if they stole a known device's token
/// too.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Guesses of one subject, bursts.
    pub pace: Limit,
    /// Consecutive failures of one factor; reached, the factor is disabled until enrolled again. An outage
    /// is none.
    pub ceiling: Limit,
    /// Guesses from all known devices of one subject together, where `pace`, the allowance or what the
    /// ceiling has for strangers refuses.
    pub known_devices: Limit,
    /// Codes sent to one subject, and once more to its known devices.
    pub requests: Limit,
    /// Codes sent to one mailbox or telephone, over all subjects of a tenant and all providers, and once more
    /// to known devices. 10, then one each 72 minutes: at most 30 within any 24 hours.
    pub destination: Limit,
    /// Enrolments that one subject starts, and sheets of recovery codes that it renews: 10, then one each hour.
    ///
    /// What each of them replaces or removes keeps a row for a week, so that "this was not me" brings it back, and
    /// [`factors`](token_store::FactorStore::factors) lists [`MAX_FACTORS`](token_store::MAX_FACTORS) rows. A pace of more
    /// than that within a week lets a thief fill the list: what they remove after that does not come back.
    pub enrolments: Limit,
    /// Guesses and requests from one network, where the caller names one.
    pub network: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pace: Limit::PACE,
            ceiling: Limit::CEILING,
            known_devices: Limit::allowance(20, TimeDelta::days(30)),
            requests: Limit::pace(5, TimeDelta::minutes(10)),
            destination: Limit::pace(10, TimeDelta::minutes(72)),
            enrolments: Limit::pace(10, TimeDelta::hours(1)),
            network: Limit::pace(60, TimeDelta::minutes(1)),
        }
    }
}

impl Limits {
    /// What one guess costs beside the ceiling; `allowance` is the account's.
    pub(crate) fn of_guess(
        &self,
        allowance: Charge,
        subject: &Subject,
        network: Option<IpAddr>,
    ) -> Timed {
        Timed {
            network: self.of_network(subject, network),
            shared: [of_subject(subject, PACE, self.pace), allowance],
        }
    }

    /// The consecutive failures, of which one guess may be one more.
    pub(crate) fn ceiling_of(&self, subject: &Subject, counted: &Counted<'_>) -> Charge {
        Charge {
            key: counted.key(subject),
            limit: self.ceiling,
        }
    }

    /// What known devices have instead of what a guess shares.
    pub(crate) fn reserve(&self, subject: &Subject) -> Charge {
        of_subject(subject, KNOWN_DEVICES, self.known_devices)
    }

    /// The ceiling for those who are no known device, beside one: the same count, and it refuses
    /// while some of it is left. Else whoever knows the password would have the factor disabled, and
    /// the lane of known devices would lead nowhere.
    pub(crate) fn ceiling_of_strangers(&self, ceiling: Charge) -> Charge {
        let Charge { key, limit } = ceiling;
        let kept = self.known_devices.burst().min(limit.burst() / 2);
        let limit = match limit.kind() {
            LimitKind::Ceiling => Limit::ceiling(limit.burst().saturating_sub(kept)),
            _ => limit,
        };
        Charge { key, limit }
    }

    /// What sending a code costs, and what it costs known devices instead. `mailboxes` names where it goes, each once.
    pub(crate) fn of_request(&self, subject: &Subject, mailboxes: &[String]) -> RequestPrice {
        let mailbox = |sent, mailbox: &String| {
            let operation = [("destination", mailbox.as_str())];
            let binding = Binding::tenant(subject.tenant()).operation(&operation);
            Charge {
                key: LimitKey::new(LimitScope::Engine, sent, &binding),
                limit: self.destination,
            }
        };
        let paid = |account, sent| RequestPaid {
            account: of_subject(subject, account, self.requests),
            mailboxes: mailboxes.iter().map(|to| mailbox(sent, to)).collect(),
        };
        RequestPrice {
            shared: paid(REQUESTS, SENT),
            reserve: paid(REQUESTS_OF_DEVICES, SENT_TO_DEVICES),
        }
    }

    /// What starting an enrolment costs, and a renewal of recovery codes.
    pub(crate) fn of_enrolment(&self, subject: &Subject) -> Charge {
        of_subject(subject, "enrolments", self.enrolments)
    }

    /// Every timed limit that counts for this subject alone, beside the account's allowance.
    pub(crate) fn timed_of(&self, subject: &Subject) -> [Charge; 6] {
        let RequestPrice { shared, reserve } = self.of_request(subject, &[]);
        [
            of_subject(subject, PACE, self.pace),
            self.reserve(subject),
            shared.account,
            reserve.account,
            self.of_enrolment(subject),
            of_failures_notice(subject),
        ]
    }

    pub(crate) fn of_network(&self, subject: &Subject, network: Option<IpAddr>) -> Option<Charge> {
        let network = counted_network(network?);
        let operation = [("network", network.as_str())];
        let binding = Binding::tenant(subject.tenant()).operation(&operation);
        Some(Charge {
            key: LimitKey::new(LimitScope::Engine, "network", &binding),
            limit: self.network,
        })
    }
}

const PACE: &str = "pace";
const KNOWN_DEVICES: &str = "known devices";
const REQUESTS: &str = "requests";
const REQUESTS_OF_DEVICES: &str = "requests of known devices";
const SENT: &str = "sent";
const SENT_TO_DEVICES: &str = "sent to known devices";

/// From how many failures in a row on the owner is told.
const TOLD_FAILURES: u32 = 10;

/// The account's failures in a row that are not told yet: refused from the one on that is.
pub(crate) fn of_failures(subject: &Subject) -> Charge {
    let untold = Limit::ceiling(TOLD_FAILURES - 1);
    of_subject(subject, "failures", untold)
}

/// Telling that many tries failed: once a day.
pub(crate) fn of_failures_notice(subject: &Subject) -> Charge {
    let daily = Limit::pace(1, TimeDelta::days(1));
    of_subject(subject, "notice of failures", daily)
}

/// Telling that a provider is exhausted: once, until it is renewed.
pub(crate) fn of_ceiling_notice(subject: &Subject, provider: &str) -> Charge {
    let operation = [("provider", provider)];
    let binding = Binding::subject(subject).operation(&operation);
    Charge {
        key: LimitKey::new(LimitScope::Engine, "notice of a ceiling", &binding),
        limit: Limit::ceiling(1),
    }
}

pub(crate) fn of_subject(subject: &Subject, name: &str, limit: Limit) -> Charge {
    Charge {
        key: LimitKey::new(LimitScope::Engine, name, &Binding::subject(subject)),
        limit,
    }
}

/// What one guess costs: the network first, so that a refused network costs the subject nothing,
/// then the subject, the ceiling last.
pub(crate) struct Price {
    pub(crate) timed: Timed,
    /// The consecutive failures.
    pub(crate) ceiling: Charge,
}

/// The part of a price that comes back with time: the same, whichever factor is guessed at.
#[derive(Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) network: Option<Charge>,
    /// The subject's pace and allowance, which everybody shares who knows the password.
    pub(crate) shared: [Charge; 2],
}

/// What sending a code costs, beside what the network pays.
pub(crate) struct RequestPrice {
    pub(crate) shared: RequestPaid,
    pub(crate) reserve: RequestPaid,
}

/// What sending a code spends: of the account, then of each mailbox it goes to.
pub(crate) struct RequestPaid {
    pub(crate) account: Charge,
    pub(crate) mailboxes: Vec<Charge>,
}

impl RequestPaid {
    pub(crate) fn all(&self) -> Vec<Charge> {
        let mailboxes = self.mailboxes.iter().copied();
        [self.account].into_iter().chain(mailboxes).collect()
    }
}

/// What consecutive failures are counted for, beside the subject.
pub(crate) enum Counted<'a> {
    /// A factor.
    Factor(FactorId),
    /// A provider that proves the subject.
    Provider(&'a str),
}

impl Counted<'_> {
    /// Under which key they are counted.
    pub(crate) fn key(&self, subject: &Subject) -> LimitKey {
        match self {
            Self::Factor(factor) => factor.failures_key(),
            Self::Provider(provider) => {
                let operation = [("provider", *provider)];
                let binding = Binding::subject(subject).operation(&operation);
                LimitKey::new(LimitScope::Engine, "ceiling", &binding)
            }
        }
    }
}
