//! What happened: kept in memory, shown to the person whose it was.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::extract::State;
use maud::{Markup, html};
use twofa_providers::{
    events::{
        DELIVERY_FAILED, FACTOR_CONFIRMED, FACTOR_DISABLED, FACTOR_ENROLLED, FACTOR_IMPORTED,
        FACTOR_REFUSED, FACTOR_REMOVED, FACTOR_RENAMED, FACTOR_VERIFIED, PROVIDER_REFUSED,
        PROVIDER_VERIFIED, RECOVERY_RENEWED, RECOVERY_USED, THROTTLED,
    },
    token_store::{
        Event, EventSink,
        events::{
            KEY_MISSING, LIMIT_AHEAD, LIMIT_REACHED, STORE_FAILED, TOKEN_AUTHENTICATED,
            TOKEN_DECIDED, TOKEN_ISSUED, TOKEN_PARKED, TOKEN_REDEEMED, TOKEN_REFUSED,
            TOKEN_REVOKED,
        },
        ott_core::{Policy, Reason, Subject},
    },
};

use crate::{
    account::when,
    address::ADDRESS_CODE,
    app::{DEVICE, EMAIL_CODE, PASSED, PROOF, RECOVERY, SESSION, Shared},
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

    /// How many of this name and verb there are, whosever.
    #[cfg(test)]
    pub(crate) fn count(&self, name: &str, verb: &str) -> usize {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let these = events
            .iter()
            .filter(|event| event.name == name && event.verb == Some(verb));
        these.count()
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
        if is_no_news(&event) {
            return;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == self.most {
            events.pop_front();
        }
        events.push_back(event);
    }
}

/// A session proves itself, and its proof is parked and taken up again, with every page; and a set that
/// was made or a code that was used is told once.
fn is_no_news(event: &Event) -> bool {
    let is = |policy: &Policy| event.purpose == Some(policy.purpose().as_str());
    match event.name {
        TOKEN_AUTHENTICATED => true,
        TOKEN_ISSUED | TOKEN_REDEEMED => is(&RECOVERY) || is(&PROOF),
        TOKEN_PARKED | TOKEN_REFUSED => is(&PROOF),
        PROVIDER_VERIFIED => event.provider.as_deref() == Some(recovery::ID),
        _ => false,
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
                        tr { td { (when(event.at)) } td { (words(event)) } }
                    }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Activity", true, body))
}

fn words(event: &Event) -> String {
    let purpose = event.purpose.unwrap_or("unknown");
    let is = |policy: &Policy| purpose == policy.purpose().as_str();
    let by_recovery = event.provider.as_deref() == Some(recovery::ID);
    let text = match (event.name, event.reason) {
        (DELIVERY_FAILED, _) => "A message could not be sent",
        (FACTOR_CONFIRMED, _) => "A second step was confirmed and counts from now on",
        (FACTOR_DISABLED, _) => {
            "A second step was disabled: it failed too often, or somebody said that it was not theirs"
        }
        (FACTOR_ENROLLED, _) => "A second step was started",
        (FACTOR_IMPORTED, _) => "A second step was taken over from another system",
        (FACTOR_REFUSED, Some(Reason::Spent)) => "A code was refused: it had been used",
        (FACTOR_REFUSED, Some(Reason::Superseded)) => "A code was refused: a newer one was sent",
        (FACTOR_REFUSED, Some(Reason::Expired)) => "A code was refused: it was too old",
        (FACTOR_REFUSED, _) => "A code was refused: it was not right",
        (FACTOR_REMOVED, _) => "A second step was removed",
        (FACTOR_RENAMED, _) => "A second step got another name",
        (FACTOR_VERIFIED, _) => "A code was accepted",
        (KEY_MISSING, _) => {
            "Something could not be checked, because the server lacks a key: nothing was granted"
        }
        (LIMIT_AHEAD, _) => "A clock was wrong: nothing was granted",
        (LIMIT_REACHED | THROTTLED, _) => "Too many tries: a limit was reached",
        (PROVIDER_REFUSED, Some(Reason::Spent)) if by_recovery => {
            "A recovery code was refused: it had been used"
        }
        (PROVIDER_REFUSED, Some(Reason::Superseded)) if by_recovery => {
            "A recovery code was refused: a newer sheet voids it"
        }
        (PROVIDER_REFUSED, _) if by_recovery => "A recovery code was refused: it was not right",
        (RECOVERY_RENEWED, _) => "New recovery codes were made; those before them are void",
        (RECOVERY_USED, _) => {
            return match event.count {
                None => "A recovery code was used".into(),
                Some(0) => "The last recovery code was used".into(),
                Some(left) => format!("A recovery code was used; {left} left"),
            };
        }
        (STORE_FAILED, _) => "The server could not reach its store: nothing was granted",
        (TOKEN_ISSUED, _) if is(&PASSED) => "The password was right",
        (TOKEN_ISSUED, _) if is(&SESSION) => "Signed in",
        (TOKEN_ISSUED, _) if is(&EMAIL_CODE) => "A code was made to be sent by e-mail",
        (TOKEN_ISSUED, _) if is(&DEVICE) => "A device was remembered",
        (TOKEN_ISSUED, _) if is(&ADDRESS_CODE) => "A code was made to confirm an address",
        (TOKEN_ISSUED, _) if is(&NOT_ME) => "A message was written that tells you of this",
        (TOKEN_REDEEMED, _) if is(&EMAIL_CODE) => "A code that was sent was used up",
        (TOKEN_REDEEMED, _) if is(&ADDRESS_CODE) => "An address was confirmed",
        (TOKEN_REDEEMED, _) if is(&NOT_ME) => {
            "Somebody with one of those messages said: this was not me"
        }
        (TOKEN_REFUSED, _) if is(&PASSED) => "A sign-in was refused: the password was too long ago",
        (TOKEN_REFUSED, _) if is(&SESSION) => "A session was refused: it had ended",
        (TOKEN_REFUSED, _) if is(&DEVICE) => {
            "A device was not recognised: it was forgotten, or is another's"
        }
        (TOKEN_REVOKED, _) => {
            return match event.count {
                Some(1) => "Ended: one session or remembered device".into(),
                count => format!(
                    "Ended: {} sessions or remembered devices",
                    count.unwrap_or(0)
                ),
            };
        }
        (PROVIDER_REFUSED | PROVIDER_VERIFIED, _) => {
            let provider = event.provider.as_deref().unwrap_or("unknown");
            let accepted = event.name == PROVIDER_VERIFIED;
            let done = if accepted { "accepted" } else { "refused" };
            return format!("A second step was {done} ({provider})");
        }
        (TOKEN_AUTHENTICATED, _) => return format!("Recognised ({purpose})"),
        (TOKEN_DECIDED, _) => return format!("A request was decided ({purpose})"),
        (TOKEN_ISSUED, _) => return format!("A token was issued ({purpose})"),
        (TOKEN_PARKED, _) => return format!("A step was kept for the next page ({purpose})"),
        (TOKEN_REDEEMED, _) => return format!("A token was redeemed ({purpose})"),
        (TOKEN_REFUSED, _) => return format!("A token was refused ({purpose})"),
        // A name that this page does not know is told as it is.
        (name, _) => name,
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use twofa_providers::{
        events::*,
        token_store::{
            Event,
            events::*,
            ott_core::{
                Reason,
                chrono::{DateTime, Utc},
            },
        },
    };

    use super::words;

    /// Every event has words of its own.
    #[test]
    fn events_have_words_of_their_own() {
        let named = |name| Event::new(DateTime::<Utc>::UNIX_EPOCH, name);
        let all = [
            DELIVERY_FAILED,
            FACTOR_CONFIRMED,
            FACTOR_DISABLED,
            FACTOR_ENROLLED,
            FACTOR_IMPORTED,
            FACTOR_REFUSED,
            FACTOR_REMOVED,
            FACTOR_RENAMED,
            FACTOR_VERIFIED,
            KEY_MISSING,
            LIMIT_AHEAD,
            LIMIT_REACHED,
            PROVIDER_REFUSED,
            PROVIDER_VERIFIED,
            RECOVERY_RENEWED,
            RECOVERY_USED,
            STORE_FAILED,
            TOKEN_AUTHENTICATED,
            TOKEN_DECIDED,
            TOKEN_ISSUED,
            TOKEN_PARKED,
            TOKEN_REDEEMED,
            TOKEN_REFUSED,
            TOKEN_REVOKED,
        ];
        let mut events: Vec<_> = all.map(named).into();
        events.extend([
            named(PROVIDER_REFUSED).provider("recovery"),
            named(RECOVERY_USED).count(0),
            named(RECOVERY_USED).count(3),
            named(TOKEN_REVOKED).count(1),
            named(FACTOR_REFUSED).reason(Reason::Spent),
        ]);
        let mut seen = BTreeSet::new();
        for event in events {
            let words = words(&event);
            assert_ne!(words, event.name);
            assert!(seen.insert(words.clone()), "{words}: for two events");
        }
    }
}
