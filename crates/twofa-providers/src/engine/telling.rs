//! Telling the owner: after it happened, to every verified address.

use core::net::IpAddr;

use token_delivery::{Message, Notice};
use token_store::{
    Charge, FactorId, FactorState, Spent, StoredFactor, What,
    ott_core::{Binding, Destination, Extra, Subject},
};

use crate::{
    FlowId, News, Notices, TwoFactor,
    limits::{of_ceiling_notice, of_failures_notice},
    news::Disowned,
};

/// From where something was done, and in which sign-in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) flow: Option<&'a FlowId>,
}

/// What happened, to whom.
pub(crate) struct Told<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) news: News,
    pub(crate) factor: Option<FactorId>,
    pub(crate) origin: Origin<'a>,
    /// An address that is one no more.
    pub(crate) old: Option<&'a Destination>,
}

/// An address of an account that the application changed.
#[derive(Clone, Copy)]
pub struct AddressChange<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// The address that was replaced, if it was verified. The new one is among
    /// [`Addresses`](crate::Addresses) by now, if that one was.
    pub old: Option<&'a Destination>,
    /// From which network address, where that is known.
    pub address: Option<IpAddr>,
    /// In which sign-in, where the application names those.
    pub flow: Option<&'a FlowId>,
}

impl core::fmt::Debug for AddressChange<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AddressChange")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl TwoFactor {
    /// Tells the owner that the application changed an address of the account: at the old one too,
    /// which may be the only one that is still the owner's. Call it after the change.
    ///
    /// What cannot be told is in the events; the change stands.
    pub async fn address_changed(&self, change: &AddressChange<'_>) {
        let AddressChange {
            subject,
            old,
            address,
            flow,
        } = *change;
        let told = Told {
            subject,
            news: News::AddressChanged,
            factor: None,
            origin: Origin { address, flow },
            old,
        };
        self.tell(&told).await;
    }

    /// Tells every verified address, and says whether any was reached. What happened stands
    /// whatever fails here, and one address that fails keeps no other from its message.
    pub(crate) async fn tell(&self, told: &Told<'_>) -> bool {
        let Some(notices) = &self.notices else {
            return false;
        };
        let destinations = self.destinations(notices, told).await;
        if destinations.is_empty() {
            return false;
        }
        let failed = || {
            self.tokens
                .emit(Some(told.subject), What::DeliveryFailed(notices.purpose));
        };
        let token = match &notices.not_me {
            None => None,
            // One for all addresses: whoever uses it leaves no other behind.
            Some(policy) => {
                let data = Disowned {
                    news: told.news,
                    factor: told.factor,
                    flow: told.origin.flow.cloned(),
                };
                let extra = Extra {
                    data: &data.to_bytes(),
                    ..Extra::default()
                };
                // Not to the epoch: a thief's change of password must not void it.
                let binding = Binding::subject(told.subject);
                match self.tokens.issue_with(policy, &binding, extra).await {
                    Ok(issued) => Some(issued.token),
                    Err(_) => {
                        failed();
                        return false;
                    }
                }
            }
        };
        let notice = Notice {
            what: (notices.words)(told.news),
            at: self.now(),
            from: told.origin.address.map(|address| address.to_canonical()),
        };
        let mut reached = false;
        for destination in &destinations {
            let message = Message::notice(&notices.purpose, destination, &notice, token.as_ref());
            match notices.delivery.deliver(&message).await {
                Ok(()) => reached = true,
                Err(_) => failed(),
            }
        }
        reached
    }

    /// Tells once a day that many tries failed: whoever knows the password must not fill the
    /// owner's mailbox.
    pub(super) async fn tell_many_failures(&self, subject: &Subject, origin: Origin<'_>) {
        let told = Told {
            subject,
            news: News::ManyFailures,
            factor: None,
            origin,
            old: None,
        };
        self.tell_within(&told, of_failures_notice(subject)).await;
    }

    /// Tells once that a provider is exhausted, until it is renewed.
    pub(super) async fn tell_ceiling(&self, subject: &Subject, provider: &str, origin: Origin<'_>) {
        let told = Told {
            subject,
            news: News::CeilingReached,
            factor: None,
            origin,
            old: None,
        };
        let charge = of_ceiling_notice(subject, provider);
        self.tell_within(&told, charge).await;
    }

    async fn tell_within(&self, told: &Told<'_>, charge: Charge) {
        if self.notices.is_none() {
            return;
        }
        let spent = self.tokens.limits().spend(&[charge], self.now()).await;
        match spent {
            Ok(Spent::Allowed) => {}
            Ok(_) => return,
            Err(_) => return self.tokens.emit(None, What::StoreFailed("spend")),
        }
        if !self.tell(told).await {
            // The next try tells.
            self.give_back(&[charge], 1).await;
        }
    }

    /// The application's addresses, those of confirmed factors, and the old one; each once.
    async fn destinations(&self, notices: &Notices, told: &Told<'_>) -> Vec<Destination> {
        let verified = notices.addresses.verified(told.subject).await;
        let mut all = verified.unwrap_or_else(|_| {
            self.tokens
                .emit(Some(told.subject), What::StoreFailed("addresses"));
            Vec::new()
        });
        let factors = self.stored(told.subject).await.unwrap_or_default();
        let confirmed = factors
            .into_iter()
            .filter(|factor| matches!(factor.state, FactorState::Active | FactorState::Disabled));
        all.extend(confirmed.filter_map(|factor| self.destination(factor)));
        all.extend(told.old.cloned());
        all.sort();
        all.dedup();
        all
    }

    /// Where a factor's codes go, if its seal opens and its provider sends any.
    pub(crate) fn destination(&self, factor: StoredFactor) -> Option<Destination> {
        let provider = self.provider(&factor.kind)?;
        provider.channel()?;
        provider.destination(&self.open(factor).ok()?)
    }
}
