//! What happened, shown to the person whose it was.

use axum::extract::State;
use maud::{Markup, html};
use twofa_providers::{
    events::{
        DELIVERY_FAILED, DEVICE_RECOGNISED, DEVICE_TRUSTED, FACTOR_CONFIRMED, FACTOR_DISABLED,
        FACTOR_ENROLLED, FACTOR_IMPORTED, FACTOR_REFUSED, FACTOR_REMOVED, FACTOR_RENAMED,
        FACTOR_VERIFIED, PROMPT_DENIED, PROMPT_REPORTED, PROVIDER_REFUSED, PROVIDER_VERIFIED,
        RECOVERY_RENEWED, RECOVERY_USED, THROTTLED,
    },
    token_store::{
        events::{
            KEY_MISSING, LIMIT_AHEAD, LIMIT_REACHED, STORE_FAILED, TOKEN_DECIDED, TOKEN_ISSUED,
            TOKEN_PARKED, TOKEN_REDEEMED, TOKEN_REFUSED, TOKEN_REVOKED,
        },
        ott_core::Policy,
    },
};

use crate::{
    address::ADDRESS_CODE,
    app::{APPROVER, DEVICE, EMAIL_CODE, PAIR, PASSED, PROMPT, SESSION, Shared, TRUSTED},
    asker::Asker,
    error::AppError,
    layout::{self, Page, Who},
    news::NOT_ME,
    recovery,
    reset::RESET,
    session::SignedIn,
    times::when,
    trail::Entry,
};

pub(crate) async fn show(State(app): Shared, signed_in: SignedIn) -> Result<Page, AppError> {
    let now = app.tokens.now();
    let events = app.trail.of(&signed_in.account.subject).await?;
    let body = html! {
        h1 { "Activity" }
        p.soft { "What happened to your account: the latest of each kind. No entry holds a code or a secret." }
        section.card {
            table {
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } } }
                tbody {
                    @for event in &events {
                        tr { td { (when(event.at(), now)) } td { (words(event)) (by(&event.asker)) } }
                    }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Activity", true, body))
}

/// Who asked for it, under what happened.
fn by(Asker { browser, network }: &Asker) -> Markup {
    html! {
        @if !browser.is_empty() {
            br;
            span.soft.small {
                span.part { (browser) }
                @if !network.is_empty() { " " span.part { (network) } }
            }
        }
    }
}

fn words(Entry { kind, count, .. }: &Entry) -> String {
    let purpose = kind.purpose.as_str();
    let is = |policy: &Policy| purpose == policy.purpose().as_str();
    let by_recovery = kind.provider == recovery::ID;
    let text = match (kind.name.as_str(), kind.reason.as_str()) {
        (DELIVERY_FAILED, _) => "A message could not be sent",
        (DEVICE_RECOGNISED, _) => "A trusted device stood in for the second step",
        (DEVICE_TRUSTED, _) => "A device was trusted: the password alone signs in there",
        (FACTOR_CONFIRMED, _) => "A second step was confirmed and counts from now on",
        (FACTOR_DISABLED, _) => {
            "A second step was disabled: it failed too often, or somebody said that it was not theirs"
        }
        (FACTOR_ENROLLED, _) => "A second step was started",
        (FACTOR_IMPORTED, _) => "A second step was taken over from another system",
        (FACTOR_REFUSED, "Spent") => "A code was refused: it had been used",
        (FACTOR_REFUSED, "Superseded") => "A code was refused: a newer one was sent",
        (FACTOR_REFUSED, "Expired") => "A code was refused: it was too old",
        (FACTOR_REFUSED, _) => "A code was refused: it was not right",
        (FACTOR_REMOVED, _) => "A second step was removed",
        (FACTOR_RENAMED, _) => "A second step got another name",
        (FACTOR_VERIFIED, _) => "A code was accepted",
        (KEY_MISSING, _) => {
            "Something could not be checked, because the server lacks a key: nothing was granted"
        }
        (LIMIT_AHEAD, _) => "A clock was wrong: nothing was granted",
        (LIMIT_REACHED | THROTTLED, _) => "Too many tries: a limit was reached",
        (PROVIDER_REFUSED, "Spent") if by_recovery => {
            "A recovery code was refused: it had been used"
        }
        (PROVIDER_REFUSED, "Superseded") if by_recovery => {
            "A recovery code was refused: a newer sheet voids it"
        }
        (PROVIDER_REFUSED, _) if by_recovery => "A recovery code was refused: it was not right",
        (PROMPT_DENIED, _) => "A device said no to somebody who tried to sign in",
        (PROMPT_REPORTED, _) => {
            "A device reported somebody who tried to sign in: they know the password"
        }
        (RECOVERY_RENEWED, _) => "New recovery codes were made; those before them are void",
        (RECOVERY_USED, _) => {
            return match count {
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
        (TOKEN_ISSUED, _) if is(&PAIR) => "A link was shown that adds another device",
        (TOKEN_ISSUED, _) if is(&APPROVER) => "Another device can be asked",
        (TOKEN_REDEEMED, _) if is(&PAIR) => "Another device opened such a link",
        (TOKEN_PARKED, _) if is(&PROMPT) => "Another device was asked",
        (TOKEN_DECIDED, _) if is(&PROMPT) => "Another device answered",
        (TOKEN_ISSUED, _) if is(&ADDRESS_CODE) => "A code was made to confirm an address",
        (TOKEN_ISSUED, _) if is(&RESET) => "A link was sent to choose a new password",
        (TOKEN_REDEEMED, _) if is(&RESET) => "A new password was chosen by such a link",
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
        (TOKEN_REFUSED, _) if is(&TRUSTED) => {
            "A device is trusted no more, or by another account: its second step was asked for"
        }
        (TOKEN_REVOKED, _) => {
            return match count {
                Some(1) => "Ended: one session or device".into(),
                count => format!("Ended: {} sessions or devices", count.unwrap_or(0)),
            };
        }
        (PROVIDER_REFUSED | PROVIDER_VERIFIED, _) => {
            let provider = &kind.provider;
            let accepted = kind.name == PROVIDER_VERIFIED;
            let done = if accepted { "accepted" } else { "refused" };
            return format!("A second step was {done} ({provider})");
        }
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
                Reason, Subject,
                chrono::{DateTime, Utc},
            },
        },
    };

    use super::{Entry, words};

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
            PROMPT_DENIED,
            PROMPT_REPORTED,
            PROVIDER_REFUSED,
            PROVIDER_VERIFIED,
            RECOVERY_RENEWED,
            RECOVERY_USED,
            STORE_FAILED,
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
        let subject = Subject::new("", "alice").expect("a subject");
        let mut seen = BTreeSet::new();
        for event in events {
            let event = event.of(&subject);
            let words = words(&Entry::of(&event).expect("it is news"));
            assert_ne!(words, event.name);
            assert!(seen.insert(words.clone()), "{words}: for two events");
        }
    }
}
