//! `docs/states.md` is what `Record` does: written by it, and compared with it.
//!
//! `UPDATE=1 cargo test -p ott-core --test states_doc` writes the file anew.

#[path = "support/approval.rs"]
mod approval;
#[path = "support/common.rs"]
mod common;

use core::fmt::Write;
use std::{fs, path::PathBuf};

use approval::Approval;
use common::{
    APPROVAL, NOW, OTHER_KEY, SECOND, alice, at, decide, issue_at, issuer, now, ring, seeded,
};
use ott_core::{Binding, Decision, Issuer, Rejected, State, Verdict, chrono::DateTime};

/// One line of the table: what is said, and how.
type Said = (&'static str, fn(&mut Approval) -> Result<Answer, Rejected>);

/// What is answered where nothing is refused.
enum Answer {
    Changed(bool),
    Done,
    Granted,
}

const SAID: [Said; 18] = [
    ("`redeem`, right token", |p| redeem(p, Token::Right, NOW)),
    ("`redeem`, wrong token", |p| redeem(p, Token::Wrong, NOW)),
    ("`redeem`, wrong token, the last attempt", |p| {
        // Up to the last but one; a final state counts nothing more.
        while p.record.stored().attempts < 4 && redeem(p, Token::Wrong, NOW).is_err() {
            if p.record.stored().state.refusal().is_some() {
                break;
            }
        }
        redeem(p, Token::Wrong, NOW)
    }),
    ("`redeem`, right token, expired", |p| {
        redeem(p, Token::Right, EXPIRED)
    }),
    ("`redeem`, digested without the record's key", |p| {
        redeem(p, Token::OtherKey, NOW)
    }),
    ("`redeem`, presented for another record", |p| {
        redeem(p, Token::OtherRecord, NOW)
    }),
    ("`authenticate`, right token", |p| {
        p.record
            .authenticate(&p.right, now())
            .map(|()| Answer::Granted)
    }),
    ("`authenticate`, wrong token", |p| {
        p.record
            .authenticate(&p.wrong, now())
            .map(|()| Answer::Granted)
    }),
    ("`decide`, approved by its subject", |p| {
        said(p, p.approval.clone(), NOW)
    }),
    ("`decide`, approved by a system", |p| {
        said(p, p.systems.clone(), NOW)
    }),
    ("`decide`, approved with a wrong number", |p| {
        let number = p.record.stored().number.map(|number| number ^ 1);
        let verdict = Verdict::Approve { number };
        let decision = decide(&APPROVAL, &p.record, &alice(), verdict);
        said(p, decision, NOW)
    }),
    ("`decide`, denied by its subject", |p| {
        said(p, p.denial.clone(), NOW)
    }),
    ("`decide`, reported by its subject", |p| {
        said(p, p.report.clone(), NOW)
    }),
    ("`decide`, approved by somebody else", |p| {
        said(p, p.strangers.clone(), NOW)
    }),
    ("`decide`, approved, expired", |p| {
        said(p, p.approval.clone(), EXPIRED)
    }),
    ("`end`, revoked", |p| {
        Ok(Answer::Changed(p.record.end(State::Revoked)))
    }),
    ("`end`, superseded", |p| {
        Ok(Answer::Changed(p.record.end(State::Superseded)))
    }),
    ("`touch`", |p| {
        p.record.touch(now());
        Ok(Answer::Done)
    }),
];

/// Ten minutes, and the minute that an approval adds.
const EXPIRED: i64 = NOW + 660 * SECOND;

fn said(approval: &mut Approval, decision: Decision, micros: i64) -> Result<Answer, Rejected> {
    approval
        .record
        .decide(&decision, at(micros))
        .map(|()| Answer::Done)
}

enum Token {
    OtherKey,
    OtherRecord,
    Right,
    Wrong,
}

fn redeem(approval: &mut Approval, token: Token, micros: i64) -> Result<Answer, Rejected> {
    let presented = match token {
        Token::Right => approval.right.clone(),
        Token::Wrong => approval.wrong.clone(),
        Token::OtherKey | Token::OtherRecord => {
            // The record's own draw, with a second one behind it.
            let (owner, mut rng) = (alice(), seeded(1));
            let binding = Binding::subject(&owner);
            let mut draw = || issue_at(&issuer(), &APPROVAL, &binding, now(), &mut rng);
            let (own, other) = (draw(), draw());
            let (server, issued) = match token {
                Token::OtherRecord => (issuer(), other),
                _ => (Issuer::new(ring(&[&format!("8 {OTHER_KEY}")])), own),
            };
            let text = issued.token.expose_secret();
            server
                .present_by_handle(&APPROVAL, &issued.handle, &binding, text, now())
                .expect("a token of this format")
        }
    };
    let time = DateTime::from_timestamp_micros(micros).expect("within the calendar");
    approval
        .record
        .redeem(&presented, time)
        .map(|()| Answer::Done)
}

/// What one thing said to one state comes to, as text.
fn cell(state: State, say: fn(&mut Approval) -> Result<Answer, Rejected>) -> String {
    let mut approval = Approval::at(state);
    let before = approval.record.stored().clone();
    let answer = say(&mut approval);
    let after = approval.record.stored();
    let mut text = match answer {
        Err(refused) => format!("refused `{:?}`", refused.reason()),
        Ok(Answer::Granted) => "granted".into(),
        Ok(Answer::Changed(false)) => "nothing to end".into(),
        Ok(_) if after.state != before.state => format!("**{:?}**", after.state),
        Ok(_) if after.used_at != before.used_at => "last use noted".into(),
        Ok(_) => "nothing".into(),
    };
    if after.state != before.state && !text.starts_with("**") {
        let _ = write!(text, ", **{:?}**", after.state);
    }
    if after.attempts != before.attempts {
        text.push_str(", counted");
    }
    let unchanged = *after == before;
    let says_so = text.starts_with("**") || text.contains("counted") || text == "last use noted";
    assert_eq!(!unchanged, says_so, "{state:?}: {text}");
    text
}

/// Every final state refuses in its own name; then one column says it for all five.
fn finals(say: fn(&mut Approval) -> Result<Answer, Rejected>) -> String {
    let told = State::ALL.into_iter().filter_map(|state| {
        let own = format!("refused `{:?}`", state.refusal()?);
        Some(cell(state, say).replace(&own, "refused in its own name"))
    });
    let mut told: Vec<String> = told.collect();
    told.dedup();
    told.join("; ")
}

fn page() -> String {
    let mut page = String::from(
        "# States\n\n\
         What a record answers to each verb in each state. A test computes this page with `Stored` of\n\
         `ott-core` and compares it (`crates/ott-core/tests/states_doc.rs`).\n\n\
         * **Bold** is the state that the record changes to.\n\
         * \"counted\" means that the number of attempts goes up by one.\n\
         * A cell without either, and without \"noted\", changes nothing.\n\
         * `Denied`, `Exhausted`, `Revoked`, `Spent` and `Superseded` are final.\n\n\
         The record of this table has a handle, a token with five attempts, and ten minutes; its subject\n\
         must approve it with a number. A record that needs no approval starts as `Ready` and is never\n\
         `Waiting`. A parked record has no token: where the handle is right, the answers are those of\n\
         \"right token\"; another purpose, subject or handle finds no record.\n\n\
         | verb | `Waiting` | `Ready` | final |\n| --- | --- | --- | --- |\n",
    );
    for (verb, say) in SAID {
        let (waiting, ready) = (cell(State::Waiting, say), cell(State::Ready, say));
        let _ = writeln!(page, "| {verb} | {waiting} | {ready} | {} |", finals(say));
    }
    page
}

/// The page is what the record does.
#[test]
fn page_is_what_the_record_does() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/states.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).expect("the page is written");
    }
    let written = fs::read_to_string(&path).expect("docs/states.md");
    assert!(
        written == page,
        "docs/states.md is not what the code does; UPDATE=1 cargo test -p ott-core --test states_doc"
    );
}
