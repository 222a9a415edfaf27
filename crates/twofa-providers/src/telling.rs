//! Telling the owner: after it happened, at every verified address.

use token_delivery::{Message, Notice};
use token_store::{
    Charge, FactorId, FactorState, Spent, StoredFactor,
    ott_core::{Binding, Destination, IssueOptions, Purpose, Subject, Token},
};

use crate::{
    events::DELIVERY_FAILED,
    limits::{of_ceiling_notice, of_failures_notice},
    news::{Disowned, News},
    notices::Notices,
    proof::Origin,
    rows::Rows,
};

/// What happened, to whom.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) news: News,
    pub(crate) factor: Option<FactorId>,
    pub(crate) origin: Origin<'a>,
    /// Addresses that are none any more.
    pub(crate) old: &'a [Destination],
    /// An address that is one since this happened.
    pub(crate) new: Option<&'a Destination>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(subject: &'a Subject, news: News) -> Self {
        Self {
            subject,
            news,
            factor: None,
            origin: Origin::default(),
            old: &[],
            new: None,
        }
    }

    pub(crate) const fn of(self, factor: FactorId) -> Self {
        Self {
            factor: Some(factor),
            ..self
        }
    }

    pub(crate) const fn by(self, origin: Origin<'a>) -> Self {
        Self { origin, ..self }
    }

    pub(crate) const fn old(self, old: &'a [Destination]) -> Self {
        Self { old, ..self }
    }

    pub(crate) const fn new_address(self, new: Option<&'a Destination>) -> Self {
        Self { new, ..self }
    }
}

/// An address that is told, and whether it may disown what it is told.
struct Addressee {
    destination: Destination,
    linked: bool,
}

/// Tells owners.
pub(crate) struct Telling {
    pub(crate) rows: Rows,
    pub(crate) notices: Notices,
}

impl Telling {
    /// Tells every verified address, and says whether any was reached. What happened stands
    /// whatever fails here, and one address that fails keeps no other from its message.
    pub(crate) async fn tell(&self, told: &Told<'_>) -> bool {
        let notices = &self.notices;
        let addressees = self.addressees(told).await;
        let failed = |purpose: &Purpose| {
            let event = self.rows.event(DELIVERY_FAILED, told.subject);
            self.rows.emit(event.purpose(purpose));
        };
        let mut token = None;
        if addressees.iter().any(|addressee| addressee.linked) {
            token = self.issue_link(told).await;
            if token.is_none() {
                failed(&notices.purpose);
            }
        }
        let notice = Notice {
            what: (notices.words)(told.news),
            at: self.rows.now(),
            from: told.origin.network.map(|network| network.to_canonical()),
        };
        let mut reached = false;
        for Addressee {
            destination,
            linked,
        } in &addressees
        {
            let token = token.as_ref().filter(|_| *linked);
            let purpose = match token {
                Some(_) => &notices.purpose,
                None => &notices.without_link,
            };
            let message = Message::notice(purpose, destination, &notice, token);
            match notices.delivery.deliver(&message).await {
                Ok(()) => reached = true,
                Err(_) => failed(purpose),
            }
        }
        reached
    }

    /// One token for all addresses: whoever uses it leaves no other behind.
    async fn issue_link(&self, told: &Told<'_>) -> Option<Token> {
        let data = Disowned {
            news: told.news,
            factor: told.factor,
            sign_in: told.origin.sign_in.cloned(),
        };
        let options = IssueOptions {
            data: &data.to_bytes(),
            ..IssueOptions::default()
        };
        // Not to the epoch: a thief's change of password must not void it.
        let binding = Binding::subject(told.subject);
        // An attacker's acts must not use up the links of the owner's notices.
        let tokens = self.rows.tokens.without_limits("what happened is told");
        let issued = tokens
            .issue_opts(&self.notices.link, &binding, options)
            .await;
        issued.ok()?.pop().map(|issued| issued.token)
    }

    /// Tells once a day that many tries failed: whoever knows the password must not fill the
    /// owner's mailbox.
    pub(crate) async fn tell_many_failures(&self, subject: &Subject, origin: Origin<'_>) {
        let told = Told::new(subject, News::ManyFailures).by(origin);
        self.tell_within(&told, of_failures_notice(subject)).await;
    }

    /// Tells once that a provider is exhausted, until it is renewed.
    pub(crate) async fn tell_ceiling(&self, subject: &Subject, provider: &str, origin: Origin<'_>) {
        let told = Told::new(subject, News::CeilingReached).by(origin);
        let charge = of_ceiling_notice(subject, provider);
        self.tell_within(&told, charge).await;
    }

    async fn tell_within(&self, told: &Told<'_>, charge: Charge) {
        let limits = self.rows.tokens.limit_store();
        match limits.spend(&[charge], self.rows.now()).await {
            Ok(Spent::Allowed) => {}
            Ok(_) => return,
            Err(_) => return self.rows.store_failed("spend"),
        }
        if !self.tell(told).await && limits.refund(&[charge], 1).await.is_err() {
            // Where it was given back, the next try tells.
            self.rows.store_failed("refund");
        }
    }

    /// The application's addresses, those of confirmed factors, and the old one; each once. One that
    /// is itself the news gets no link.
    async fn addressees(&self, told: &Told<'_>) -> Vec<Addressee> {
        let verified = self.notices.addresses.verified(told.subject).await;
        let mut all = verified.unwrap_or_else(|_| {
            self.rows.store_failed("addresses");
            Vec::new()
        });
        let factors = self.rows.of(told.subject).await.unwrap_or_default();
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
        all.extend(told.old.iter().cloned());
        // Where the account had the address before, that it is a factor's too is no reason.
        let added = added.filter(|added| !all.contains(added));
        let is_new =
            |address: &Destination| told.new == Some(address) && !told.old.contains(address);
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

    /// Where a factor's codes go, if its seal opens and it has a destination: one that does not open keeps
    /// no other address from its message.
    pub(crate) fn destination(&self, factor: StoredFactor) -> Option<Destination> {
        self.rows.open(factor).ok()?.destination
    }
}
