//! The plots: sign-ins a second, at each place and for each number of clients. A picture for each flow.

use core::fmt::Write as _;
use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    contenders::{FLOOR, OURS},
    world::{Flow, Place},
};

const LEFT: f64 = 150.0;
const WIDTH: f64 = 880.0;
const RIGHT: f64 = 260.0;
const ROW: f64 = 18.0;

const STYLE: &str = "\
text{font:12px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;fill:#1f2328}\
.t{font-size:16px}.g{font-weight:bold}.page{fill:#fff}.ours{fill:#0b6e4f}.peer{fill:#b5651d}.floor{fill:#8a929b}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.ours{fill:#3fb68b}.peer{fill:#d98e4f}\
.floor{fill:#6e7781}}";

/// The median of the rounds: of an even number, what lies between the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    f64::midpoint(
        at(figures.len().saturating_sub(1) / 2),
        at(figures.len() / 2),
    )
}

/// A contender, and the figures of its rounds: rate, p50, p99, memory.
type Rounds = (String, [Vec<f64>; 4]);

pub(crate) fn draw(folder: &Path) {
    let table = fs::read_to_string(folder.join("flow.tsv")).unwrap();
    for flow in Flow::ALL {
        let (name, title) = match flow {
            Flow::Code => ("flow.svg", "Sign-ins by e-mail code a second, over HTTP"),
            Flow::Totp => (
                "flow-totp.svg",
                "Sign-ins with an app's code behind a password a second, over HTTP",
            ),
        };
        let groups = read(&table, flow);
        if !groups.is_empty() {
            fs::write(folder.join(name), plot(title, groups)).unwrap();
        }
    }
}

fn read(table: &str, flow: Flow) -> BTreeMap<(String, usize), Vec<Rounds>> {
    let mut groups = BTreeMap::<_, Vec<Rounds>>::new();
    for line in table.lines().skip(1) {
        let cells: Vec<_> = line.split('\t').collect();
        let [of, place, contender, clients, _, figures @ ..] = cells.as_slice() else {
            continue;
        };
        if *of != flow.name() {
            continue;
        }
        let group = groups
            .entry(((*place).to_owned(), clients.parse().unwrap()))
            .or_default();
        let at = group
            .iter()
            .position(|(name, _)| name == contender)
            .unwrap_or_else(|| {
                group.push(((*contender).to_owned(), Default::default()));
                group.len() - 1
            });
        for (column, figure) in group[at].1.iter_mut().zip(figures) {
            column.push(figure.parse().unwrap());
        }
    }
    groups
}

fn plot(title: &str, groups: BTreeMap<(String, usize), Vec<Rounds>>) -> String {
    let rows: usize = groups.values().map(|group| group.len() + 1).sum();
    let height = rows as f64 * ROW + groups.len() as f64 * 8.0 + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n<text class=\"t\" x=\"20\" y=\"28\">{title}</text>\n"
    );
    let mut y = 52.0;
    for ((place, clients), group) in groups {
        let place = match place == Place::Sqlite.name() {
            true => "SQLite",
            false => "PostgreSQL",
        };
        let many = if clients == 1 { "" } else { "s" };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<text class=\"g\" x=\"20\" y=\"{y}\">{place}, {clients} client{many}</text>"
        );
        y += ROW;
        let group: Vec<_> = group
            .into_iter()
            .map(|(name, columns)| (name, columns.map(median)))
            .collect();
        let longest = group
            .iter()
            .map(|(_, [rate, ..])| *rate)
            .fold(1.0, f64::max);
        for (name, [rate, p50, p99, memory]) in group {
            let long = rate / longest * (WIDTH - LEFT - RIGHT);
            let class = match &*name {
                OURS => "ours",
                FLOOR => "floor",
                _ => "peer",
            };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{name}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{}\" width=\"{long:.1}\" height=\"12\"/>\
                 <text x=\"{:.1}\" y=\"{y}\">{rate:.0}; {p50:.1} to {p99:.1} ms; {memory:.0} MiB</text>",
                LEFT - 8.0,
                y - 10.0,
                LEFT + long + 6.0,
            );
            y += ROW;
        }
        y += 8.0;
    }
    svg.push_str("</svg>\n");
    svg
}
