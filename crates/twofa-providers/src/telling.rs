//! Telling the owner: after it happened, at every verified address.

use token_delivery::{Message, Notice};
use token_store::{
    Charge, FactorId, FactorState, Spent, StoredFactor,
    ott_core::{Binding, Destination, IssueOptions, Purpose, Subject, Token},
};

use crate::{
    address::Address,
    durations::UNDO_WITHIN,
    envelope::EnrolledUnder,
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
    pub(crate) old: &'a [Address],
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

    pub(crate) const fn old(self, old: &'a [Address]) -> Self {
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
            what: (notices.words)(told.news).into(),
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
            let message = Message::notice(purpose, destination, &notice, token).of(told.subject);
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

    /// The application's addresses, the old ones, and those of confirmed factors; each once, as old as it is
    /// anywhere. One that is the news, or younger than a link lives, gets no link: whoever brought it in must
    /// not be the one to disown what the owner does about it.
    async fn addressees(&self, told: &Told<'_>) -> Vec<Addressee> {
        let now = self.rows.now();
        let undone_after = now.checked_sub_signed(UNDO_WITHIN).unwrap_or(now);
        let verified = self.notices.addresses.verified(told.subject).await;
        let listed = verified.unwrap_or_else(|_| {
            self.rows.store_failed("addresses");
            Vec::new()
        });
        // Where the application lists an old one, it also says for how long it was one.
        let unlisted = told.old.iter().filter(|old| !old.is_among(&listed));
        let mut all: Vec<_> = unlisted.cloned().collect();
        let factors = self.rows.of(told.subject).await.unwrap_or_default();
        let of_factors = factors.into_iter().filter_map(|factor| {
            // What is told here is not known from before.
            let is_news = told.news == News::FactorAdded && told.factor == Some(factor.id);
            let since = factor.created_at;
            let address = self.address(factor)?;
            Some(if is_news {
                address.since(since)
            } else {
                address
            })
        });
        let told_still = |address: &Address| address.is_told(undone_after);
        all.extend(listed.into_iter().chain(of_factors).filter(told_still));
        all.sort_by(|a, b| (&a.destination, a.since).cmp(&(&b.destination, b.since)));
        all.dedup_by(|later, first| later.destination == first.destination);
        let is_news = |address: &Address| {
            told.new == Some(&address.destination) && !address.is_among(told.old)
        };
        let all = all.into_iter().map(|address| Addressee {
            linked: address.is_linked(undone_after) && !is_news(&address),
            destination: address.destination,
        });
        all.collect()
    }

    /// Where a confirmed factor's codes go, or went until a sign-in removed it, if its seal opens and it has a
    /// destination: one that does not open keeps no other address from its message.
    pub(crate) fn address(&self, factor: StoredFactor) -> Option<Address> {
        let since = factor.created_at;
        let until = match (factor.state, &factor.removal) {
            (FactorState::Active | FactorState::Disabled, _) => None,
            // What no sign-in removed, none brings back.
            (FactorState::Removed, Some(removal)) if !removal.by.is_empty() => Some(removal.at),
            _ => return None,
        };
        let open = self.rows.open(factor).ok()?;
        let address = Address::new(open.destination?);
        // What was enrolled where there was nothing to guard is the owner's.
        let address = match open.enrolled.under {
            EnrolledUnder::Nothing => address,
            _ => address.since(since),
        };
        Some(match until {
            None => address,
            Some(at) => address.until(at),
        })
    }
}
