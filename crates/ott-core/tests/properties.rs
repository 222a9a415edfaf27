//! Random histories: whatever is said in whatever order and at whatever time, a record is redeemed
//! at most once, compares at most as often as it may, and a final state is final.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/approval.rs"]
mod approval;
#[path = "support/common.rs"]
mod common;

use approval::{stranger, system};
use common::{
    APPROVAL, BEARER, CODE, NOW, PROMPT, RECOVERY, SECOND, alice, approve, at, decide, issue_at,
    issuer, now, park_at, present, refusal, seeded, subject,
};
use ott_core::{Binding, Format, Lookup, Policy, Purpose, Reason, State, Verdict};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Verb {
    RedeemRight,
    RedeemWrong,
    RedeemElsewhere,
    Authenticate,
    Approve,
    Misnumber,
    Deny,
    Report,
    System,
    Stranger,
    Revoke,
    Supersede,
    Touch,
    Reopen,
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        3 => Just(Verb::RedeemRight),
        4 => Just(Verb::RedeemWrong),
        1 => Just(Verb::RedeemElsewhere),
        1 => Just(Verb::Authenticate),
        2 => Just(Verb::Approve),
        1 => Just(Verb::Misnumber),
        1 => Just(Verb::Deny),
        1 => Just(Verb::Report),
        1 => Just(Verb::System),
        1 => Just(Verb::Stranger),
        1 => Just(Verb::Revoke),
        1 => Just(Verb::Supersede),
        1 => Just(Verb::Touch),
        1 => Just(Verb::Reopen),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(CODE),
        Just(RECOVERY),
        Just(BEARER),
        Just(APPROVAL),
        Just(PROMPT)
    ]
}

proptest! {
    /// Whatever is said, a record is redeemed at most once, and final is final.
    #[test]
    fn history_redeems_at_most_once(
        policy in policy(),
        seed: u64,
        history in prop::collection::vec((verb(), -70_i64..200), 0..60),
    ) {
        let (issuer, owner) = (issuer(), alice());
        let binding = Binding::subject(&owner);
        let mut rng = seeded(seed);
        // The record, what is right and wrong for it, and what belongs to another one.
        let (fresh, right, wrong, elsewhere) = if policy.token_lookup() == Lookup::Parked {
            let parked = park_at(&issuer, &policy, &binding, now(), &mut rng);
            let other = park_at(&issuer, &policy, &binding, now(), &mut rng);
            let digest = |handle, binding: &Binding<'_>| {
                issuer.present_parked(&policy, handle, binding, now()).unwrap()
            };
            let right = digest(&parked.handle, &binding);
            let wrong = digest(&parked.handle, &binding.epoch(1));
            (parked.record, right, wrong, digest(&other.handle, &binding))
        } else {
            let issued = issue_at(&issuer, &policy, &binding, now(), &mut rng);
            let other = issue_at(&issuer, &policy, &binding, now(), &mut rng);
            prop_assume!(issued.token.expose_secret() != other.token.expose_secret());
            let digest = |handle, typed: &str| {
                present(&issuer, &policy, handle, &binding, "acme", typed, now()).unwrap()
            };
            let right = digest(&issued.handle, issued.token.expose_secret());
            let wrong = digest(&issued.handle, other.token.expose_secret());
            let elsewhere = digest(&other.handle, other.token.expose_secret());
            (issued.record, right, wrong, elsewhere)
        };
        let number = fresh.stored().number;
        let approval = approve(&policy, &fresh, &owner);
        let misnumber = number.map_or(Some(10), |right| Some(right ^ 1));
        let misnumber = decide(&policy, &fresh, &owner, Verdict::Approve { number: misnumber });
        let denial = decide(&policy, &fresh, &owner, Verdict::Deny);
        let report = decide(&policy, &fresh, &owner, Verdict::Report);
        let systems = Verdict::Approve { number };
        let systems = issuer.decide(&policy, &fresh, &system(), systems, b"", now()).unwrap();
        let strangers = approve(&policy, &fresh, &stranger());

        let mut record = fresh;
        let (mut successes, mut compared) = (0, 0);
        for (verb, offset) in history {
            let time = at(NOW + offset * 10 * SECOND);
            let before = record.clone();
            let redeemed = match verb {
                Verb::RedeemRight => Some(record.redeem(&right, time)),
                Verb::RedeemWrong => Some(record.redeem(&wrong, time)),
                Verb::RedeemElsewhere => Some(record.redeem(&elsewhere, time)),
                _ => None,
            };
            let decided = match verb {
                Verb::Approve => Some(record.decide(&approval, time)),
                Verb::Misnumber => Some(record.decide(&misnumber, time)),
                Verb::Deny => Some(record.decide(&denial, time)),
                Verb::Report => Some(record.decide(&report, time)),
                Verb::System => Some(record.decide(&systems, time)),
                Verb::Stranger => Some(record.decide(&strangers, time)),
                _ => None,
            };
            match verb {
                Verb::Authenticate => {
                    let answer = record.authenticate(&right, time);
                    let good = record.stored().state == State::Ready && record.stored().is_live(time);
                    prop_assert_eq!(answer.is_ok(), good);
                }
                Verb::Revoke => { record.end(State::Revoked); }
                Verb::Supersede => { record.end(State::Superseded); }
                Verb::Touch => record.touch(time),
                Verb::Reopen => {
                    // What the verbs make, a store may keep and give back.
                    record = issuer.open(&policy, record.stored().clone()).unwrap();
                }
                _ => {}
            }

            let (was, is) = (before.stored(), record.stored());
            if let Some(answer) = redeemed {
                if answer.is_ok() {
                    successes += 1;
                    prop_assert!(matches!(verb, Verb::RedeemRight), "{:?}", verb);
                    prop_assert_eq!(was.state, State::Ready);
                    prop_assert!(was.is_live(time));
                }
                let counts = matches!(refusal(answer), None | Some(Reason::Mismatch))
                    || is.state == State::Exhausted && was.state != State::Exhausted;
                compared += u32::from(counts);
            }
            if let Some(answer) = decided && answer.is_ok() {
                prop_assert!(!matches!(verb, Verb::Stranger));
                prop_assert_eq!(was.state, State::Waiting);
                prop_assert!(was.is_live(time));
                let approves = matches!(verb, Verb::Approve | Verb::System);
                prop_assert_eq!(is.state == State::Ready, approves);
            }
            prop_assert_eq!(is.attempts, compared, "each comparison is counted");
            prop_assert!(is.max_attempts.is_none_or(|most| compared <= u32::from(most)));
            if was.state.refusal().is_some() {
                prop_assert!(record == before, "{:?} changed by {:?}", was.state, verb);
            }
            if was.state == State::Ready {
                prop_assert_ne!(is.state, State::Waiting);
            }
            prop_assert_eq!(is.tag, was.tag);
            let used = is.used_at >= was.used_at || is.state == State::Spent;
            prop_assert!(used, "a touch never goes back");
        }
        prop_assert!(successes <= 1);
        prop_assert_eq!(successes == 1, record.stored().state == State::Spent);
    }

    /// No text panics, whatever the look-up; none but the token itself is right.
    #[test]
    fn text_of_any_kind_is_refused(text in any::<String>(), seed: u64) {
        let (issuer, owner) = (issuer(), alice());
        let binding = Binding::subject(&owner);
        let formats = [Format::DIGITS_6, Format::RECOVERY, Format::LINK, Format::LINK.prefixed("a_")];
        for policy in [CODE, RECOVERY, BEARER].into_iter().flat_map(|policy| formats.map(|format| policy.format(format).accepting_short_tokens())) {
            let issued = issue_at(&issuer, &policy, &binding, now(), &mut seeded(seed));
            let answer = present(&issuer, &policy, &issued.handle, &binding, "acme", &text, now());
            if let Ok(presented) = answer {
                let redeemed = issued.record.clone().redeem(&presented, now());
                let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
                let token = issued.token.expose_secret().replace('-', "");
                prop_assert_eq!(redeemed.is_ok(), bare.eq_ignore_ascii_case(&token));
            }
        }
        prop_assert!(ott_core::Handle::parse(&text).is_err());
        prop_assert!(ott_core::KeyRing::from_text(&text).is_err());
    }

    /// Two different bindings never share a digest, however their parts are cut.
    #[test]
    fn digests_of_different_bindings_differ(
        one in ("[ab]{0,3}", "[ab]{1,3}", "[ab]{0,2}", "[ab]{0,2}", prop::option::of(0_u64..3)),
        two in ("[ab]{0,3}", "[ab]{1,3}", "[ab]{0,2}", "[ab]{0,2}", prop::option::of(0_u64..3)),
        seed: u64,
    ) {
        let policy = Policy::code(Purpose::new("one"));
        let digest = |(tenant, id, name, value, epoch): &(String, String, String, String, Option<u64>)| {
            let owner = subject(tenant, id);
            let operation = [(name.as_str(), value.as_str())];
            let mut binding = Binding::subject(&owner).operation(&operation);
            if let Some(epoch) = epoch {
                binding = binding.epoch(*epoch);
            }
            let issued = issue_at(&issuer(), &policy, &binding, now(), &mut seeded(seed));
            (*issued.record.stored().digest.as_bytes(), issued.record.stored().binding)
        };
        let ((first, bound), (second, bound_too)) = (digest(&one), digest(&two));
        prop_assert_eq!(first == second, one == two);
        prop_assert_eq!(bound == bound_too, one == two);
    }
}
