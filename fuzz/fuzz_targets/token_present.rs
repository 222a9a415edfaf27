//! A token is redeemed by its own spellings alone, once; whatever else is typed is refused, and
//! counted only where it could have been a token.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use fuzz::{
    people::{NOW, at, issuer, seeded, subject},
    typed::plain,
};
use ott_core::{
    Binding, Format, Handle, IssueError, IssueOptions, Issued, Issuer, Lookup, Policy, Presented,
    Purpose, Reason, RecordId, Rejected, Subject,
};

#[derive(Arbitrary, Debug)]
struct Input {
    kind: u8,
    seed: u64,
    typed: Typed,
    handle: String,
}

#[derive(Arbitrary, Debug)]
enum Typed {
    /// The token with these changes.
    Token(Vec<(u8, Change)>),
    /// Anything.
    Text(String),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Blank,
    Case,
    Dash,
    Drop,
    Insert(char),
    Symbol(u8),
}

const DIGITS: &str = "0123456789";
const CONSONANTS: &str = "BCDFGHJKLMNPQRSTVWXZ";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A policy, and its format said again.
struct Kind {
    policy: Policy,
    alphabet: &'static str,
    length: usize,
    /// What is dropped, and whether case is folded.
    separators: &'static str,
    folds: bool,
    /// Whether the first symbol is never the alphabet's first.
    leads: bool,
    prefix: &'static str,
}

const fn kind(policy: Policy, alphabet: &'static str, length: usize) -> Kind {
    Kind {
        policy,
        alphabet,
        length,
        separators: if alphabet.len() <= 32 { " -" } else { "" },
        folds: alphabet.len() <= 32,
        leads: false,
        prefix: "",
    }
}

const PIN: Format = Format::builder(DIGITS, 4).no_leading_zero().build();
const PAIRING: &str = "abcdefghijkmnpqrstuvwxyz23456789";

const KINDS: [Kind; 9] = [
    Kind {
        separators: "",
        folds: false,
        leads: true,
        ..kind(Policy::code(Purpose::new("pin")).format(PIN), DIGITS, 4)
    },
    Kind {
        separators: " -.",
        ..kind(
            Policy::code(Purpose::new("pair")).format(
                Format::builder(PAIRING, 8)
                    .typed_in_groups_of(4)
                    .separators(" -.")
                    .build(),
            ),
            PAIRING,
            8,
        )
    },
    kind(Policy::code(Purpose::new("sign-in")), DIGITS, 6),
    kind(
        Policy::code(Purpose::new("pay")).format(Format::DIGITS_8),
        DIGITS,
        8,
    ),
    kind(Policy::readable(Purpose::new("register")), CONSONANTS, 8),
    kind(Policy::recovery(Purpose::new("recovery")), BASE32, 24),
    kind(Policy::link(Purpose::new("reset")), BASE64URL, 43),
    kind(
        Policy::link(Purpose::new("invite")).format(Format::alphanumeric(22)),
        BASE62,
        22,
    ),
    Kind {
        prefix: "ex_",
        ..kind(
            Policy::link(Purpose::new("deploy")).format(Format::alphanumeric(20).prefixed("ex_")),
            BASE62,
            20,
        )
    },
];

fuzz::fuzz_target!(|input: Input| {
    let kind = &KINDS[usize::from(input.kind) % KINDS.len()];
    let (issuer, owner, now) = (issuer(), subject("acme", "4711"), at(NOW));
    let binding = Binding::subject(&owner);
    let options = IssueOptions::default();
    let issued = issuer
        .issue_from_rng(
            &kind.policy,
            &binding,
            options,
            now,
            &mut seeded(input.seed),
        )
        .expect("a token")
        .remove(0);
    let token = issued.token.expose_secret();
    let own = kind.symbols(token).expect("a token of its own format");
    let typed = input.typed.text(token);

    let presented = present(&issuer, kind, &issued, &owner, &typed);
    let mut record = issued.record.clone();
    match (kind.symbols(&typed), presented) {
        (None, Err(refused)) => assert_eq!(refused.reason(), Reason::Malformed),
        (Some(symbols), Ok(presented)) => {
            let by_handle = matches!(kind.policy.token_lookup(), Lookup::ByHandle { .. });
            let answer = record
                .redeem(&presented, now)
                .map_err(|refused| refused.reason());
            let expected = match (symbols == own, by_handle) {
                (true, _) => Ok(()),
                (false, true) => Err(Reason::Mismatch),
                (false, false) => Err(Reason::Unknown),
            };
            assert_eq!(answer, expected, "{typed:?} for {token:?}");
            assert_eq!(
                record.stored().attempts,
                u32::from(answer != Err(Reason::Unknown))
            );
            let spent = record
                .redeem(&presented, now)
                .map_err(|refused| refused.reason());
            assert!(
                answer.is_err() || spent == Err(Reason::Spent),
                "redeemed twice"
            );
        }
        (symbols, presented) => panic!("{typed:?}: {symbols:?} against {presented:?}"),
    }

    // A text that exists already is adopted where it could be typed, and shown as one of ours.
    let texts = [typed.as_str()];
    let given =
        issuer.issue_given_from_rng(&kind.policy, &binding, &texts, options, now, &mut seeded(1));
    match kind.symbols(&typed) {
        None => assert_eq!(given.err(), Some(IssueError::Malformed)),
        Some(symbols) => {
            let given = given.expect("a token").remove(0);
            let shown = given.token.expose_secret();
            assert_eq!(kind.symbols(shown), Some(symbols));
        }
    }

    handles(&input.handle);
});

fn present(
    issuer: &Issuer,
    kind: &Kind,
    issued: &Issued,
    owner: &Subject,
    typed: &str,
) -> Result<Presented, Rejected> {
    let (policy, now) = (&kind.policy, at(NOW));
    let binding = Binding::subject(owner);
    match policy.token_lookup() {
        Lookup::ByHandle { .. } => {
            issuer.present_by_handle(policy, &issued.handle, &binding, typed, now)
        }
        Lookup::BySubject => issuer.present_by_subject(policy, &binding, typed, now),
        Lookup::ByItself => issuer.present_by_itself(policy, owner.tenant(), typed, now),
        Lookup::Parked => unreachable!("not among these"),
    }
}

/// Handles and ids have one spelling.
fn handles(text: &str) {
    let hex = |length| {
        text.len() == length && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let handle = Handle::parse(text);
    assert_eq!(handle.is_ok(), hex(64));
    assert!(handle.is_ok_and(|handle| handle.expose_secret().as_str() == text) || !hex(64));
    let id = RecordId::parse(text);
    assert_eq!(id.is_ok(), hex(32));
    assert!(id.is_ok_and(|id| id.to_string() == text) || !hex(32));
}

impl Kind {
    /// The bare symbols of what was typed, if it can be a token of this kind.
    fn symbols(&self, typed: &str) -> Option<String> {
        let alphabet: BTreeSet<char> = self.alphabet.chars().collect();
        let bare = if self.prefix.is_empty() {
            typed
        } else {
            let at = typed.len().checked_sub(6)?;
            let (body, checksum) = (typed.get(..at)?, typed.get(at..)?);
            (checksum == base62(crc32fast::hash(body.as_bytes()))).then_some(())?;
            body.strip_prefix(self.prefix)?
        };
        // Where a blank is dropped, a person types it.
        let read = |c| {
            if self.separators.contains(' ') {
                plain(c)
            } else {
                Some(c)
            }
        };
        let bare: String = bare.chars().map(read).collect::<Option<_>>()?;
        let kept = bare.chars().filter(|c| !self.separators.contains(*c));
        let symbol = |c: char| {
            let spelled = |one: &char| *one == c || self.folds && one.eq_ignore_ascii_case(&c);
            alphabet.iter().copied().find(spelled)
        };
        let symbols: Option<String> = kept.map(symbol).collect();
        let first = self.alphabet.chars().next();
        symbols.filter(|symbols| {
            typed.len() <= 4 * self.length + 64
                && symbols.chars().count() == self.length
                && !(self.leads && symbols.chars().next() == first)
        })
    }
}

fn base62(mut number: u32) -> String {
    let symbols: Vec<char> = BASE62.chars().collect();
    let mut text = String::new();
    for _ in 0..6 {
        text.insert(0, symbols[number as usize % 62]);
        number /= 62;
    }
    text
}

impl Typed {
    fn text(&self, token: &str) -> String {
        let changes = match self {
            Self::Text(text) => return text.clone(),
            Self::Token(changes) => changes,
        };
        let mut text: Vec<char> = token.chars().collect();
        for (place, change) in changes.iter().take(16) {
            let place = usize::from(*place) % (text.len() + 1);
            match (change, text.get_mut(place)) {
                (Change::Blank, _) => text.insert(place, ' '),
                (Change::Dash, _) => text.insert(place, '-'),
                (Change::Insert(other), _) => text.insert(place, *other),
                (Change::Case, Some(c)) if c.is_ascii_lowercase() => *c = c.to_ascii_uppercase(),
                (Change::Case, Some(c)) => *c = c.to_ascii_lowercase(),
                (Change::Symbol(byte), Some(c)) => *c = char::from(byte % 128),
                (Change::Drop, Some(_)) => drop(text.remove(place)),
                (_, None) => {}
            }
        }
        text.into_iter().collect()
    }
}
