//! What so many users need, by assumptions that stand here and in docs/scale.md, and by what was
//! measured.

use core::fmt::Write as _;
use std::{fs, path::Path};

use crate::{
    draw::{STORES, grouped},
    plot::{Lines, lines},
    table::Table,
};

/// Of each user, on average.
const SIGN_INS_A_DAY: f64 = 1.0;
/// The busiest second, as a multiple of the day's mean.
const PEAK: f64 = 5.0;
/// A code lives for 10 minutes and is purged within 10 more.
const CODE_SECONDS: f64 = 1_200.0;
/// What stands in the store for as long as there is the user: what, and how many.
const STANDING: [(&str, f64); 4] = [
    ("recovery code, of ten", 10.0),
    ("known device", 1.0),
    ("factor", 1.0),
    ("limit", 2.0),
];
/// A machine is planned for so much of what it did in the bench.
const LOAD: f64 = 0.5;
/// What one database may hold: it must be backed up and restored within hours.
const MOST_BYTES: f64 = 500e9;

const USERS: [f64; 4] = [1e4, 1e6, 1e8, 1e9];

/// What a store did, of the bench with the most clients.
struct Store {
    name: &'static str,
    sign_ins: f64,
    code: f64,
    standing: f64,
}

/// Draws what machines give, and writes the tables of docs/scale.md.
pub(crate) fn draw(folder: &Path) {
    let read = |name: &str| Table::read(&folder.join(format!("{name}.tsv")));
    let (throughput, bytes, scale) = (read("throughput"), read("bytes"), read("scale"));
    let stores: Vec<_> = STORES
        .iter()
        .map(|(store, name)| {
            let each = |what: &str| bytes.any(store, what).unwrap().median;
            Store {
                name,
                sign_ins: throughput.get(store, "sign-ins", 64).unwrap(),
                code: each("code"),
                standing: STANDING.iter().map(|(what, many)| each(what) * many).sum(),
            }
        })
        .collect();
    let points: Vec<_> = USERS.iter().map(|users| (*users, peak(*users))).collect();
    let edges: Vec<_> = stores
        .iter()
        .map(|store| {
            let rate = store.sign_ins * LOAD;
            (
                format!("half of one {}: {}", store.name, grouped(rate)),
                rate,
            )
        })
        .collect();
    let plot = lines(&Lines {
        title: "Sign-ins a second that so many users need, and what one store gives",
        across: "users",
        up: "sign-ins a second, at the peak",
        points: &points,
        edges: &edges,
    });
    fs::write(folder.join("capacity.svg"), plot).unwrap();
    let document = folder.join("../scale.md");
    let measured = measured(&throughput, &bytes, &scale);
    let capacity = capacity(&stores);
    println!("{measured}\n{capacity}");
    replace(&document, "measured", &measured);
    replace(&document, "capacity", &capacity);
}

/// What one store gave.
fn measured(throughput: &Table, bytes: &Table, scale: &Table) -> String {
    let mut text = String::from(
        "| | redeems a second with 1, 16, 64 clients | compared with the same statement in a plain loop, 1.0 = equally fast | ms of one with 16 clients: p50, p99 \
         | sign-ins a second, 64 clients | bytes of a code | time of a redeem beside so many live tokens, divided by that beside 10,000 |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (store, name) in STORES {
        let each = |what: &str, show: fn(f64) -> String| {
            let figures = [1, 16, 64].map(|clients| {
                let figure = throughput.get(store, what, clients);
                figure.map_or_else(|| "?".into(), show)
            });
            figures.join(", ")
        };
        let millis = |what: &str| throughput.get(store, what, 16).unwrap() / 1e3;
        let ratio = scale.any(store, "p50 many / few, 1 clients");
        let ratio = ratio.map_or_else(
            || "not measured".into(),
            |ratio| format!("{}: {:.2}", grouped(ratio.at as f64), ratio.median),
        );
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {:.2}, {:.2} | {} | {} | {ratio} |",
            each("store rate", grouped),
            each("store / floor", |ratio| format!("{ratio:.2}")),
            millis("store p50"),
            millis("store p99"),
            grouped(throughput.get(store, "sign-ins", 64).unwrap()),
            grouped(bytes.any(store, "code").unwrap().median),
        );
    }
    text
}

fn peak(users: f64) -> f64 {
    users * SIGN_INS_A_DAY * PEAK / 86_400.0
}

fn capacity(stores: &[Store]) -> String {
    let mut text = String::from(
        "| users | sign-ins a second, peak | codes at once, peak | bytes | SQLite files | PostgreSQL databases | Redis stores, codes alone |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for users in USERS {
        let (rate, codes) = (peak(users), peak(users) * CODE_SECONDS);
        let needed: Vec<_> = stores
            .iter()
            .map(|store| {
                let by_rate = rate / (store.sign_ins * LOAD);
                // Redis keeps no factors and no recovery codes here.
                let by_bytes = if store.name == "Redis" {
                    0.0
                } else {
                    (users * store.standing + codes * store.code) / MOST_BYTES
                };
                let whole = by_rate.max(by_bytes).ceil().max(1.0);
                let why = if whole == 1.0 {
                    ""
                } else if by_rate > by_bytes {
                    " (rate)"
                } else {
                    " (bytes)"
                };
                format!("{}{why}", grouped(whole))
            })
            .collect();
        let sum = stores.iter().find(|store| store.name == "PostgreSQL");
        let sum = sum.map_or(0.0, |store| users * store.standing + codes * store.code);
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            grouped(users),
            if rate < 10.0 {
                format!("{rate:.1}")
            } else {
                grouped(rate)
            },
            grouped(codes),
            size(sum),
            needed.join(" | ")
        );
    }
    text
}

fn size(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB")];
    let (one, unit) = units
        .into_iter()
        .find(|(one, _)| bytes >= *one)
        .unwrap_or((1e3, "kB"));
    format!("{:.2} {unit}", bytes / one)
}

/// Between two marks of the document; a folder beside no such document is left alone.
fn replace(document: &Path, name: &str, table: &str) {
    let from = format!("<!-- {name}: written by scripts/bench-stores -->\n");
    let to = format!("<!-- {name} ends -->");
    let Ok(text) = fs::read_to_string(document) else {
        return;
    };
    let (before, rest) = text.split_once(&from).unwrap();
    let (_, after) = rest.split_once(&to).unwrap();
    fs::write(document, format!("{before}{from}{table}{to}{after}")).unwrap();
}
