//! What a guess and a request cost.

use token_store::{
    Charge, FactorId,
    ott_core::{Binding, Limit, LimitKey, Subject},
};

/// The limits of second factors. The defaults keep an attacker who knows the password at 465
/// guesses in the first year, beside an owner who signs in daily.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Guesses of one subject, bursts.
    pub pace: Limit,
    /// Guesses of one subject, over all factors; success gives back only what its own try spent.
    pub allowance: Limit,
    /// Consecutive failures of one factor; reached, the factor is disabled until enrolled again.
    pub ceiling: Limit,
    /// Codes sent to one subject.
    pub requests: Limit,
    /// Guesses from one network address, where the caller names one.
    pub address: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pace: Limit::PACE,
            allowance: Limit::ALLOWANCE,
            ceiling: Limit::CEILING,
            requests: Limit::pace(5, token_store::ott_core::chrono::TimeDelta::minutes(10)),
            address: Limit::pace(60, token_store::ott_core::chrono::TimeDelta::minutes(1)),
        }
    }
}

impl Limits {
    /// What one guess at one factor costs, in the order in which it is spent: the address first,
    /// so that a refused address costs the subject nothing, then the subject, the factor last.
    pub(crate) fn of_guess(
        &self,
        subject: &Subject,
        counted: &Counted<'_>,
        address: Option<&str>,
    ) -> Price {
        let owner = Binding::subject(subject);
        let of_subject = |name, limit| Charge {
            key: LimitKey::new(name, &owner),
            limit,
        };
        let mut timed = Vec::with_capacity(3);
        timed.extend(self.of_address(subject, address));
        timed.push(of_subject("second-factor pace", self.pace));
        timed.push(of_subject("second-factor allowance", self.allowance));
        let ceiling = Charge {
            key: counted.key(subject),
            limit: self.ceiling,
        };
        Price { timed, ceiling }
    }

    /// What sending a code costs.
    pub(crate) fn of_request(&self, subject: &Subject, address: Option<&str>) -> Vec<Charge> {
        let owner = Binding::subject(subject);
        let mut charges: Vec<_> = self.of_address(subject, address).into_iter().collect();
        charges.push(Charge {
            key: LimitKey::new("second-factor requests", &owner),
            limit: self.requests,
        });
        charges
    }

    fn of_address(&self, subject: &Subject, address: Option<&str>) -> Option<Charge> {
        let operation = [("address", address?)];
        let binding = Binding::tenant(subject.tenant()).operation(&operation);
        Some(Charge {
            key: LimitKey::new("second-factor address", &binding),
            limit: self.address,
        })
    }
}

/// What one guess at one factor costs.
pub(crate) struct Price {
    /// What time gives back, in the order in which it is spent.
    pub(crate) timed: Vec<Charge>,
    /// The factor's consecutive failures, spent last.
    pub(crate) ceiling: Charge,
}

impl Price {
    /// All of it, in the order in which it is spent.
    pub(crate) fn whole(&self) -> Vec<Charge> {
        self.timed.iter().copied().chain([self.ceiling]).collect()
    }
}

/// What consecutive failures are counted for, beside the subject.
pub(crate) enum Counted<'a> {
    /// A factor.
    Factor(FactorId),
    /// A provider that has nothing to enrol.
    Provider(&'a str),
}

impl Counted<'_> {
    /// Under which key they are counted.
    pub(crate) fn key(&self, subject: &Subject) -> LimitKey {
        let id;
        let operation = match self {
            Self::Factor(factor) => {
                id = factor.to_string();
                [("factor", id.as_str())]
            }
            Self::Provider(provider) => [("provider", *provider)],
        };
        LimitKey::new(
            "second-factor ceiling",
            &Binding::subject(subject).operation(&operation),
        )
    }
}
