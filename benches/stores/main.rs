//! Each store beside its floor, in one process on the same servers: redeems a second and how long one
//! takes, what a row costs, what ten million live tokens cost a redeem and the look at a token that is carried, how long a
//! purge holds it up.
//!
//! `scripts/bench-stores [quick]` runs all of it and draws the plots. One part alone:
//! `scripts/with-servers cargo bench -p benches --bench stores -- PART [quick] [many=N] [FOLDER]`, where PART is
//! `throughput`, `bytes`, `scale` or `purge`, N is the number of live tokens of `scale`, and its figures are written to FOLDER; `draw FOLDER` draws
//! what is there. `PART:STORE` measures one store again and leaves the others' figures as they are.
//!
//! Each round measures a store and its floors one after another, another one first each time, so that
//! a ratio compares what ran on the same machine at the same time. The floor is what the store cannot
//! avoid: for PostgreSQL the statement that the store ran, read from the driver's log, through a plain
//! pool (`floor`), through the store's own, which clears each connection that comes back (`guarded`), and
//! through connections that no pool hands out (`held`); for Redis the script that the store loaded,
//! through a bare connection; for SQLite the statement of one redeem and one durable commit for each.
//! Digests are computed before the clock starts, on both sides.
//!
//! `scale` of Redis switches the server's append-only file off and on again: give it a server of its own. `scale` of memory
//! takes 8 GB of it; whatever the operating system then forgets of the other stores' files costs them a disk.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

mod bearers;
mod bytes;
mod capacity;
mod clients;
mod draw;
mod fill;
mod floor;
mod issued;
mod pgbench;
mod places;
mod plot;
mod purge;
mod scale;
mod statement;
mod table;
mod throughput;

use std::path::Path;

/// How much is measured.
pub(crate) struct Size {
    rounds: usize,
    /// A quick run redeems a part of what a whole one does.
    share: usize,
    counted: usize,
    few: usize,
    many: usize,
    expired: usize,
    purges: usize,
}

impl Size {
    const WHOLE: Self = Self {
        rounds: 7,
        share: 1,
        counted: 200_000,
        few: 10_000,
        many: 10_000_000,
        expired: 1_000_000,
        purges: 3,
    };

    /// For looking whether it runs: the figures mean little.
    const QUICK: Self = Self {
        rounds: 3,
        share: 10,
        counted: 2_000,
        few: 1_000,
        many: 20_000,
        expired: 10_000,
        purges: 1,
    };

    const fn redeems(&self, whole: usize) -> usize {
        whole / self.share
    }
}

/// Whether a store is measured: all are, unless one is named.
fn is_meant(store: &str, only: &str) -> bool {
    only.is_empty() || only == store
}

#[tokio::main]
async fn main() {
    statement::install();
    // Cargo adds an option of its own.
    let mut words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let quick = words.iter().position(|word| word == "quick");
    let mut size = if let Some(at) = quick {
        words.remove(at);
        Size::QUICK
    } else {
        Size::WHOLE
    };
    if let Some(at) = words.iter().position(|word| word.starts_with("many=")) {
        size.many = words.remove(at)["many=".len()..].parse().unwrap();
    }
    let mut words = words.into_iter();
    let part = words.next().unwrap_or_default();
    let (name, only) = part.split_once(':').unwrap_or((&part, ""));
    if name == "draw" {
        let folder = words.next().unwrap();
        draw::draw(Path::new(&folder));
        return capacity::draw(Path::new(&folder));
    }
    let (table, note) = match name {
        "throughput" => throughput::measure(&size, only).await,
        "bytes" => bytes::measure(&size).await,
        "scale" => scale::measure(&size, only).await,
        "purge" => purge::measure(&size, only).await,
        _ => panic!("which part? throughput, bytes, scale, purge or draw"),
    };
    println!("{name}: {note}");
    if let Some(folder) = words.next() {
        let path = Path::new(&folder).join(format!("{name}.tsv"));
        if only.is_empty() {
            table.write(&path, &[note]);
        } else {
            table.replace(&path, only, &note);
        }
    }
}
