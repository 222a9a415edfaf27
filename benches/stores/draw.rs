//! Draws the figures of a folder.

use std::{fs, path::Path};

use crate::{
    floor::{FLOOR, GUARDED, HELD, STORE},
    plot::{Bar, Group, bars},
    table::Table,
};

pub(crate) const STORES: [(&str, &str); 3] = [
    ("sqlite", "SQLite"),
    ("postgres", "PostgreSQL"),
    ("redis", "Redis"),
];

pub(crate) fn draw(folder: &Path) {
    let read = |name: &str| Table::read(&folder.join(format!("{name}.tsv")));
    let (throughput, bytes, scale) = (read("throughput"), read("bytes"), read("scale"));
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let title = "Redeems a second: each store beside the same statement in a plain loop";
    write("throughput.svg", bars(title, &of_throughput(&throughput)));
    let title = "Milliseconds of a redeem (p50) beside few and beside many live tokens";
    write("scale.svg", bars(title, &of_scale(&scale)));
    let title = "Bytes of one row, indexes included";
    write("bytes.svg", bars(title, &of_bytes(&bytes)));
    let title = "Milliseconds of a redeem, alone and beside a purge of 1,000,000 tokens";
    write("purge.svg", bars(title, &of_purge(&read("purge"))));
}

fn bar(name: &str, value: f64, text: String, class: &'static str) -> Bar {
    Bar {
        name: name.into(),
        value,
        text,
        class,
    }
}

fn of_throughput(table: &Table) -> Vec<Group> {
    let mut groups = Vec::new();
    for (store, name) in STORES {
        for clients in [1, 16, 64] {
            let get = |what: &str| table.get(store, what, clients);
            let side = |side: &str, name: &str, class| {
                let part = get(&format!("store / {side}"));
                let part = part.map_or(String::new(), |part| format!("; store {part:.2} times"));
                let times = [get(&format!("{side} p50")), get(&format!("{side} p99"))];
                let times = if let [Some(p50), Some(p99)] = times {
                    format!(", {} to {} ms", millis(p50), millis(p99))
                } else {
                    String::new()
                };
                let rate = get(&format!("{side} rate"))?;
                Some(bar(
                    name,
                    rate,
                    format!("{}{times}{part}", grouped(rate)),
                    class,
                ))
            };
            let bars = [
                side(STORE, "the store", "store"),
                side(FLOOR, "plain loop", "floor"),
                side(GUARDED, "plain loop, the store's pool", "floor"),
                side(HELD, "plain loop, connections held", "floor"),
                side("pgbench", "pgbench", "other"),
            ];
            groups.push(Group {
                name: format!("{name}, {}", people(clients)),
                bars: bars.into_iter().flatten().collect(),
                most: None,
            });
        }
    }
    groups
}

fn people(clients: u64) -> String {
    format!("{clients} client{}", if clients == 1 { "" } else { "s" })
}

fn of_scale(table: &Table) -> Vec<Group> {
    let mut groups = Vec::new();
    for (store, name) in STORES {
        for clients in [1, 16] {
            let what = format!("p50, {clients} clients");
            let mut same: Vec<_> = table.0.iter().collect();
            same.retain(|figure| figure.store == store && figure.what == what);
            let bars = same.iter().zip(["floor", "store"]).map(|(figure, class)| {
                let p99 = table.get(store, &format!("p99, {clients} clients"), figure.at);
                let text = format!("{}, p99 {}", millis(figure.median), millis(p99.unwrap()));
                let name = format!("{} live tokens", grouped(figure.at as f64));
                bar(&name, figure.median, text, class)
            });
            if same.is_empty() {
                continue;
            }
            groups.push(Group {
                name: format!("{name}, {}", people(clients)),
                bars: bars.collect(),
                most: same.first().map(|few| few.median * 1.3),
            });
        }
    }
    groups
}

fn of_bytes(table: &Table) -> Vec<Group> {
    let mut kinds = Vec::new();
    for figure in &table.0 {
        if !kinds.contains(&&figure.what) {
            kinds.push(&figure.what);
        }
    }
    let group = |kind: &&String| {
        let stores = [("memory", "memory")].into_iter().chain(STORES);
        let bars = stores.filter_map(|(store, name)| {
            // A map that had grown before has room for what is added.
            let bytes = table.any(store, kind)?.median;
            let bytes = Some(bytes).filter(|bytes| *bytes >= 1.0)?;
            let class = if store == "memory" { "floor" } else { "store" };
            Some(bar(name, bytes, grouped(bytes), class))
        });
        Group {
            name: (*kind).clone(),
            bars: bars.collect(),
            most: None,
        }
    };
    kinds.iter().map(group).collect()
}

fn of_purge(table: &Table) -> Vec<Group> {
    let group = |(store, name): (&str, &str)| {
        let figures = |what: &str| table.any(store, what).unwrap();
        // One that was not measured yet is left out.
        table.any(store, "seconds")?;
        let line = |what: &str, name: &str, class| {
            // The worst of all runs, not the one in the middle.
            let time = figures(what).highest;
            bar(name, time, millis(time), class)
        };
        let seconds = figures("seconds").median;
        Some(Group {
            name: format!("{name}: the purge took {seconds:.0} s"),
            bars: vec![
                line("alone p99", "alone, p99", "floor"),
                line("alone worst", "alone, worst", "floor"),
                line("beside p99", "beside the purge, p99", "store"),
                line("beside worst", "beside the purge, worst", "store"),
            ],
            most: Some(50_000.0),
        })
    };
    STORES.into_iter().filter_map(group).collect()
}

fn millis(micros: f64) -> String {
    format!("{:.2}", micros / 1e3)
}

/// `1,234,567`
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
