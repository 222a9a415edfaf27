//! What happened: kept in memory, shown to the person whose it was.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::extract::State;
use maud::{Markup, html};
use twofa_providers::token_store::{
    Event, EventSink, What,
    ott_core::{Reason, Subject},
};

use crate::{
    account::when,
    address::ADDRESS_CODE,
    app::{DEVICE, EMAIL_CODE, PASSED, RECOVERY, SESSION, Shared},
    error::AppError,
    layout::{self, Who},
    news::NOT_ME,
    recovery,
    session::SignedIn,
};

/// The latest events, oldest first.
pub(crate) struct EventLog {
    most: usize,
    events: Mutex<VecDeque<Event>>,
}

impl EventLog {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            events: Mutex::new(VecDeque::with_capacity(most)),
        }
    }

    /// How many of these there are, whosever.
    #[cfg(test)]
    pub(crate) fn count(&self, what: &What) -> usize {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|event| event.what == *what).count()
    }

    /// The latest of a person, newest first.
    fn of(&self, subject: &Subject, most: usize) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let own = events
            .iter()
            .rev()
            .filter(|event| event.subject.as_ref() == Some(subject));
        own.take(most).cloned().collect()
    }
}

impl EventSink for EventLog {
    fn emit(&self, event: Event) {
        match &event.what {
            // A session proves itself with every page: that is not news.
            What::Authenticated(..) => return,
            // Told once, as a set that was made or a code that was used.
            What::Issued(purpose, _) | What::Redeemed(purpose, _)
                if purpose == RECOVERY.purpose() =>
            {
                return;
            }
            What::ProviderVerified(recovery::ID) => return,
            _ => {}
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == self.most {
            events.pop_front();
        }
        events.push_back(event);
    }
}

pub(crate) async fn show(State(app): Shared, signed_in: SignedIn) -> Result<Markup, AppError> {
    let events = app.events.of(&signed_in.account.subject, 100);
    let body = html! {
        h1 { "Activity" }
        p.soft { "What happened to your account since the server started. No entry holds a code or a secret." }
        section.card {
            table {
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } } }
                tbody {
                    @for event in &events {
                        tr { td { (when(event.at)) } td { (words(&event.what)) } }
                    }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Activity", true, body))
}

fn words(what: &What) -> String {
    match what {
        What::Authenticated(purpose, _) => format!("Recognised ({})", purpose.as_str()),
        What::Decided(purpose, _) => format!("A request was decided ({})", purpose.as_str()),
        What::DeliveryFailed(_) => "A message could not be sent".into(),
        What::FactorConfirmed(_) => "A second step was confirmed and counts from now on".into(),
        What::FactorDisabled(_) => "A second step was disabled: it failed too often, or somebody said that it was not theirs".into(),
        What::FactorEnrolled(_) => "A second step was started".into(),
        What::FactorRefused(_, Reason::Spent) => "A code was refused: it had been used".into(),
        What::FactorRefused(_, Reason::Superseded) => {
            "A code was refused: a newer one was sent".into()
        }
        What::FactorRefused(_, Reason::Expired) => "A code was refused: it was too old".into(),
        What::FactorRefused(..) => "A code was refused: it was not right".into(),
        What::FactorRemoved(_) => "A second step was removed".into(),
        What::FactorRenamed(_) => "A second step got another name".into(),
        What::FactorVerified(_) => "A code was accepted".into(),
        What::Issued(purpose, _) if purpose == PASSED.purpose() => "The password was right".into(),
        What::Issued(purpose, _) if purpose == SESSION.purpose() => "Signed in".into(),
        What::Issued(purpose, _) if purpose == EMAIL_CODE.purpose() => {
            "A code was made to be sent by e-mail".into()
        }
        What::Issued(purpose, _) if purpose == DEVICE.purpose() => "A device was remembered".into(),
        What::Issued(purpose, _) if purpose == ADDRESS_CODE.purpose() => {
            "A code was made to confirm an address".into()
        }
        What::Issued(purpose, _) if purpose == NOT_ME.purpose() => {
            "A message was written that tells you of this".into()
        }
        What::Issued(purpose, _) => format!("A token was issued ({})", purpose.as_str()),
        What::Redeemed(purpose, _) if purpose == EMAIL_CODE.purpose() => {
            "A code that was sent was used up".into()
        }
        What::Redeemed(purpose, _) if purpose == ADDRESS_CODE.purpose() => {
            "An address was confirmed".into()
        }
        What::Redeemed(purpose, _) if purpose == NOT_ME.purpose() => {
            "Somebody with one of those messages said: this was not me".into()
        }
        What::Redeemed(purpose, _) => format!("A token was redeemed ({})", purpose.as_str()),
        What::KeyMissing(_) => {
            "Something could not be checked, because the server lacks a key: nothing was granted"
                .into()
        }
        What::ProviderRefused(recovery::ID, Reason::Spent) => {
            "A recovery code was refused: it had been used".into()
        }
        What::ProviderRefused(recovery::ID, Reason::Superseded) => {
            "A recovery code was refused: a newer sheet voids it".into()
        }
        What::ProviderRefused(recovery::ID, _) => {
            "A recovery code was refused: it was not right".into()
        }
        What::ProviderRefused(provider, _) => format!("A second step was refused ({provider})"),
        What::ProviderVerified(provider) => format!("A second step was accepted ({provider})"),
        What::RecoveryRenewed => "New recovery codes were made; those before them are void".into(),
        What::RecoveryUsed { left: None } => "A recovery code was used".into(),
        What::RecoveryUsed { left: Some(0) } => "The last recovery code was used".into(),
        What::RecoveryUsed { left: Some(left) } => {
            format!("A recovery code was used; {left} left")
        }
        What::Refused(purpose, ..) if purpose == PASSED.purpose() => {
            "A sign-in was refused: the password was too long ago".into()
        }
        What::Refused(purpose, ..) if purpose == SESSION.purpose() => {
            "A session was refused: it had ended".into()
        }
        What::Refused(purpose, ..) if purpose == DEVICE.purpose() => {
            "A device was not recognised: it was forgotten, or is another's".into()
        }
        What::Refused(purpose, ..) => format!("A token was refused ({})", purpose.as_str()),
        What::Revoked(1) => "Ended: one session or remembered device".into(),
        What::Revoked(count) => format!("Ended: {count} sessions or remembered devices"),
        What::StoreFailed(_) => "The server could not reach its store: nothing was granted".into(),
        What::Throttled(..) => "Too many tries: a limit was reached".into(),
        // The enum may grow: what is new is told, without what nobody reads.
        _ => "Something else happened".into(),
    }
}

#[cfg(test)]
mod tests {
    use twofa_providers::token_store::{
        FactorId, What,
        ott_core::{KeyId, Purpose, Reason, RecordId},
    };

    use super::words;

    #[test]
    fn every_event_has_words_of_its_own() {
        let (purpose, record) = (Purpose::new("other"), RecordId::from_bytes([0; 16]));
        let (factor, key) = (FactorId::from_bytes([0; 16]), KeyId(1));
        let all = [
            What::Authenticated(purpose, record),
            What::Decided(purpose, record),
            What::DeliveryFailed(purpose),
            What::FactorConfirmed(factor),
            What::FactorDisabled(factor),
            What::FactorEnrolled(factor),
            What::FactorRefused(factor, Reason::Unknown),
            What::FactorRemoved(factor),
            What::FactorRenamed(factor),
            What::FactorVerified(factor),
            What::Issued(purpose, record),
            What::KeyMissing(key),
            What::ProviderRefused("other", Reason::Unknown),
            What::ProviderRefused("recovery", Reason::Unknown),
            What::ProviderVerified("other"),
            What::RecoveryRenewed,
            What::RecoveryUsed { left: None },
            What::RecoveryUsed { left: Some(0) },
            What::RecoveryUsed { left: Some(3) },
            What::Redeemed(purpose, record),
            What::Refused(purpose, None, Reason::Unknown),
            What::Revoked(1),
            What::Revoked(2),
            What::StoreFailed("purge"),
            What::Throttled("other", None),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for what in all {
            let words = words(&what);
            assert_ne!(words, "Something else happened", "{what:?}");
            assert!(!words.contains(&format!("{what:?}")), "{words}");
            assert!(seen.insert(words.clone()), "{words}: for two events");
        }
    }
}
