//! `docs/sessions.md`, `docs/access-tokens.md` and `docs/app-passwords.md`: what they show stands in these files, which run.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod access_tokens;
mod app_passwords;
mod sessions;

use std::sync::Arc;

use ott_bearer::{
    Kind,
    token_store::{
        Clock, ManualClock, MemoryStore, Tokens,
        ott_core::{KeyRing, chrono::DateTime},
    },
};

/// Over memory, with a clock that stands still.
fn tokens(kind: &Kind) -> (Arc<Tokens>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(
        DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    ));
    let mut builder = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    for policy in kind.policies() {
        builder = builder.policy(policy);
    }
    let builder = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>);
    (builder.build().unwrap().shared(), clock)
}

/// Each Rust block of the page stands in the program, whatever breaks its lines, and there are so many.
#[track_caller]
fn page_shows(page: &str, program: &str, blocks: usize) {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let program = bare(program);
    let shown = page.split("```rust\n").skip(1);
    let shown: Vec<_> = shown
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(shown.len(), blocks);
    for block in shown {
        assert!(
            program.contains(&bare(block)),
            "stands in no file:\n{block}"
        );
    }
}
