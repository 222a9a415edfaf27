//! What is said of a token: the text that was issued, a wrong one, a decision.

use token_store::ott_core::{
    Binding, Lookup, Presented,
    chrono::{DateTime, Utc},
};

use super::{Stock, Token, kind::PROMPT, subject};

impl Stock {
    pub(in crate::ledger) fn present(
        &self,
        token: &Token,
        right: bool,
        now: DateTime<Utc>,
    ) -> Presented {
        let (policy, subject) = (token.kind.policy(), subject(token.owner));
        let typed = self.typed(token, right);
        let (binding, issuer) = (Binding::subject(&subject), &self.issuer);
        let presented = match policy.token_lookup() {
            Lookup::ByHandle { .. } => {
                issuer.present_by_handle(policy, &token.handle, &binding, &typed, now)
            }
            Lookup::ByItself => issuer.present_by_itself(policy, subject.tenant(), &typed, now),
            Lookup::BySubject => issuer.present_by_subject(policy, &binding, &typed, now),
            Lookup::Parked => issuer.present_parked(policy, &token.handle, &binding, now),
        };
        presented.expect("a token of the format")
    }

    fn typed(&self, token: &Token, right: bool) -> String {
        let text = token.text.expose_secret();
        if right {
            return text.to_owned();
        }
        // The last symbol is another one.
        let last = text.chars().last().unwrap_or('0');
        let other = match last {
            '0' => '1',
            _ if last.is_ascii_digit() => '0',
            'B' => 'C',
            _ => 'B',
        };
        let mut typed = text.to_owned();
        typed.pop();
        typed.push(other);
        typed
    }

    pub(in crate::ledger) fn decision(
        &self,
        token: &Token,
        approves: bool,
        now: DateTime<Utc>,
    ) -> token_store::ott_core::Decision {
        use token_store::ott_core::{Decider, Verdict};
        let number = token.record.stored().number;
        let verdict = if approves {
            Verdict::Approve { number }
        } else {
            Verdict::Deny
        };
        let by = Decider::from(&subject(token.owner));
        let made = self
            .issuer
            .decide(&PROMPT, &token.record, &by, verdict, b"", now);
        made.expect("the ring has the key")
    }
}
