//! `docs/states.md` is what `Record` does: written by it, and compared with it.
//!
//! `UPDATE=1 cargo test -p ott-core --test states_doc` writes the file anew.

#[path = "support/common.rs"]
mod common;
#[path = "support/prompt.rs"]
mod prompt;

use core::fmt::Write;
use std::{fs, path::PathBuf};

use common::{NOW, OTHER_KEY, PROMPT, SECOND, alice, at, issue_at, issuer, now, ring, seeded};
use ott_core::{Binding, Issuer, Rejected, State, Verdict, chrono::DateTime};
use prompt::Prompt;

/// One line of the table: what is said, and how.
type Said = (&'static str, fn(&mut Prompt) -> Result<Answer, Rejected>);

/// What is answered where nothing is refused.
enum Answer {
    Changed(bool),
    Done,
    Granted,
}

const SAID: [Said; 16] = [
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
        p.record
            .decide(&p.approval.clone(), now())
            .map(|()| Answer::Done)
    }),
    ("`decide`, approved with a wrong number", |p| {
        let number = p.record.stored().number.map(|number| number ^ 1);
        let verdict = Verdict::Approve { number };
        let decision = issuer().decide(&p.record, &alice(), verdict, b"", now());
        let decision = decision.expect("a decision");
        p.record.decide(&decision, now()).map(|()| Answer::Done)
    }),
    ("`decide`, denied by its subject", |p| {
        p.record
            .decide(&p.denial.clone(), now())
            .map(|()| Answer::Done)
    }),
    ("`decide`, approved by somebody else", |p| {
        p.record
            .decide(&p.strangers.clone(), now())
            .map(|()| Answer::Done)
    }),
    ("`decide`, approved, expired", |p| {
        p.record
            .decide(&p.approval.clone(), at(EXPIRED))
            .map(|()| Answer::Done)
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

enum Token {
    OtherKey,
    OtherRecord,
    Right,
    Wrong,
}

fn redeem(prompt: &mut Prompt, token: Token, micros: i64) -> Result<Answer, Rejected> {
    let presented = match token {
        Token::Right => prompt.right.clone(),
        Token::Wrong => prompt.wrong.clone(),
        Token::OtherKey | Token::OtherRecord => {
            // The prompt's own draw, with a second one behind it.
            let (owner, mut rng) = (alice(), seeded(1));
            let binding = Binding::subject(&owner);
            let mut draw = || issue_at(&issuer(), &PROMPT, &binding, now(), &mut rng);
            let (own, other) = (draw(), draw());
            let (server, issued) = match token {
                Token::OtherRecord => (issuer(), other),
                _ => (Issuer::new(ring(&[&format!("8 {OTHER_KEY}")])), own),
            };
            let text = issued.token.expose_secret();
            server
                .present_by_id(&PROMPT, &issued.handle, &binding, text, now())
                .expect("a token of this format")
        }
    };
    let time = DateTime::from_timestamp_micros(micros).expect("within the calendar");
    prompt
        .record
        .redeem(&presented, time)
        .map(|()| Answer::Done)
}

/// What one thing said to one state comes to, as text.
fn cell(state: State, say: fn(&mut Prompt) -> Result<Answer, Rejected>) -> String {
    let mut prompt = Prompt::at(state);
    let before = prompt.record.stored().clone();
    let answer = say(&mut prompt);
    let after = prompt.record.stored();
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
fn finals(say: fn(&mut Prompt) -> Result<Answer, Rejected>) -> String {
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
         What a record answers to each verb in each state, as `Record` of `ott-core` computes it: a test\n\
         writes this page and compares it (`crates/ott-core/tests/states_doc.rs`). In bold the state that\n\
         it becomes; \"counted\" is one attempt more. Whatever is neither bold nor counted nor noted changes\n\
         nothing. Final are `Denied`, `Exhausted`, `Revoked`, `Spent` and `Superseded`.\n\n\
         The record is a prompt: five attempts, ten minutes, approved by its subject with a number. One\n\
         that needs no approval starts as `Ready` and is never `Waiting`.\n\n\
         | verb | `Waiting` | `Ready` | final |\n| --- | --- | --- | --- |\n",
    );
    for (verb, say) in SAID {
        let (waiting, ready) = (cell(State::Waiting, say), cell(State::Ready, say));
        let _ = writeln!(page, "| {verb} | {waiting} | {ready} | {} |", finals(say));
    }
    page
}

#[test]
fn the_page_is_what_the_record_does() {
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
