//! Telling the owner: after it happened, to every verified address.

use core::net::IpAddr;

use token_delivery::{Message, Notice};
use token_store::{
    Charge, FactorId, FactorState, Spent, StoredFactor, What,
    ott_core::{Binding, Destination, Extra, Policy, Subject, Token},
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
    /// An address that is one since this happened.
    pub(crate) new: Option<&'a Destination>,
}

/// An address that is told, and whether it may disown what it is told.
struct Addressee {
    destination: Destination,
    linked: bool,
}

/// An address of an account that the application changed.
#[derive(Clone, Copy)]
pub struct AddressChange<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// The address that was replaced, if it was verified.
    pub old: Option<&'a Destination>,
    /// The address that took its place, if any did; it is among [`Addresses`](crate::Addresses) by
    /// now if it is verified, and else is not told.
    pub new: Option<&'a Destination>,
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
    /// which may be the only one that is still the owner's. Call it after the change, which takes a
    /// proof: [`TwoFactor::check_fresh`].
    ///
    /// The new address is told without a link to say "this was not me": a thief who put his own there
    /// would undo with it what the owner does in that sign-in.
    ///
    /// What cannot be told is in the events; the change stands.
    pub async fn address_changed(&self, change: &AddressChange<'_>) {
        let AddressChange {
            subject,
            old,
            new,
            address,
            flow,
        } = *change;
        let told = Told {
            subject,
            news: News::AddressChanged,
            factor: None,
            origin: Origin { address, flow },
            old,
            new,
        };
        self.tell(&told).await;
    }

    /// Tells every verified address, and says whether any was reached. What happened stands
    /// whatever fails here, and one address that fails keeps no other from its message.
    pub(crate) async fn tell(&self, told: &Told<'_>) -> bool {
        let Some(notices) = &self.notices else {
            return false;
        };
        let addressees = self.addressees(notices, told).await;
        let failed = |purpose| {
            self.tokens
                .emit(Some(told.subject), What::DeliveryFailed(purpose));
        };
        let link = notices.not_me;
        let token = match link.filter(|_| addressees.iter().any(|addressee| addressee.linked)) {
            None => None,
            Some(link) => {
                let issued = self.issue_not_me(&link.policy, told).await;
                if issued.is_none() {
                    failed(notices.purpose);
                }
                issued
            }
        };
        let notice = Notice {
            what: (notices.words)(told.news),
            at: self.now(),
            from: told.origin.address.map(|address| address.to_canonical()),
        };
        let mut reached = false;
        for Addressee {
            destination,
            linked,
        } in &addressees
        {
            let token = token.as_ref().filter(|_| *linked);
            let purpose = match link {
                Some(link) if token.is_none() => link.without_link,
                _ => notices.purpose,
            };
            let message = Message::notice(&purpose, destination, &notice, token);
            match notices.delivery.deliver(&message).await {
                Ok(()) => reached = true,
                Err(_) => failed(purpose),
            }
        }
        reached
    }

    /// One token for all addresses: whoever uses it leaves no other behind.
    async fn issue_not_me(&self, policy: &Policy, told: &Told<'_>) -> Option<Token> {
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
        let issued = self.tokens.issue_with(policy, &binding, extra).await;
        issued.ok().map(|issued| issued.token)
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
            new: None,
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
            new: None,
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

    /// The application's addresses, those of confirmed factors, and the old one; each once. One that
    /// is itself the news gets no link.
    async fn addressees(&self, notices: &Notices, told: &Told<'_>) -> Vec<Addressee> {
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
        let mut added = None;
        for factor in confirmed {
            let is_news = told.news == News::FactorAdded && told.factor == Some(factor.id);
            let destination = self.destination(factor);
            if is_news {
                added = destination;
            } else {
                all.extend(destination);
            }
        }
        all.extend(told.old.cloned());
        // Where the account had the address before, that it is a factor's too is no reason.
        let added = added.filter(|added| !all.contains(added));
        let is_new = |address: &Destination| told.new == Some(address) && told.old != told.new;
        all.sort();
        all.dedup();
        let known = all.into_iter().map(|destination| Addressee {
            linked: !is_new(&destination),
            destination,
        });
        let added = added.into_iter().map(|destination| Addressee {
            linked: false,
            destination,
        });
        known.chain(added).collect()
    }

    /// Where a factor's codes go, if its seal opens and its provider sends any.
    pub(crate) fn destination(&self, factor: StoredFactor) -> Option<Destination> {
        let provider = self.provider(&factor.kind)?;
        provider.channel()?;
        provider.destination(&self.open(factor).ok()?)
    }
}
