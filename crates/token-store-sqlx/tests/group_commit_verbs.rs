//! Every verb that writes shares a commit with all that wait: one after another in what they count, and nobody's failure or
//! absence is another's. `group_commit.rs` has what concerns redeems alone.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "group_commit_verbs/every_verb.rs"]
mod every_verb;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "group_commit_verbs/in_turn.rs"]
mod in_turn;
#[path = "group_commit_verbs/one_commit.rs"]
mod one_commit;
#[path = "group_commit_verbs/together.rs"]
mod together;
