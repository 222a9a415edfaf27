//! Figures as lines of a table: printed, written, and read again by the plots.

use std::{fs, path::Path};

use benches::{load, median};

/// One figure: of what, how often or how much of it there was, the median, the lowest and the highest.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) store: String,
    pub(crate) what: String,
    pub(crate) at: u64,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Figure>);

impl Table {
    /// Prints a figure as it comes.
    pub(crate) fn add(&mut self, store: &str, what: &str, at: usize, figures: &[f64]) {
        let (median, [lowest, highest]) = median(figures);
        println!("{store:>10}  {what:<24} {at:>9}  {median:>13.3} ({lowest:.3} to {highest:.3})");
        self.0.push(Figure {
            store: store.into(),
            what: what.into(),
            at: u64::try_from(at).unwrap(),
            median,
            lowest,
            highest,
        });
    }

    /// The median of a figure.
    pub(crate) fn get(&self, store: &str, what: &str, at: u64) -> Option<f64> {
        let same =
            |figure: &&Figure| figure.store == store && figure.what == what && figure.at == at;
        self.0.iter().find(same).map(|figure| figure.median)
    }

    /// A store's figure, however many there were.
    pub(crate) fn any(&self, store: &str, what: &str) -> Option<&Figure> {
        let same = |figure: &&Figure| figure.store == store && figure.what == what;
        self.0.iter().find(same)
    }

    /// The notes say what the runs of these figures were like.
    pub(crate) fn write(&self, path: &Path, notes: &[String]) {
        let notes: String = notes.iter().map(|note| format!("# {note}\n")).collect();
        let mut text = notes + "store\twhat\tat\tmedian\tlowest\thighest\n";
        for figure in &self.0 {
            let Figure {
                store,
                what,
                at,
                median,
                lowest,
                highest,
            } = figure;
            text += &format!("{store}\t{what}\t{at}\t{median:.3}\t{lowest:.3}\t{highest:.3}\n");
        }
        fs::write(path, text).unwrap();
    }

    /// Takes the place of one store's figures.
    pub(crate) fn replace(mut self, path: &Path, store: &str, note: &str) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let notes = text.lines().filter_map(|line| line.strip_prefix("# "));
        let mut notes: Vec<_> = notes.map(String::from).collect();
        notes.retain(|other| !other.starts_with(store));
        notes.push(format!("{store}: {note}"));
        if !text.is_empty() {
            let mut others = Self::read(path).0;
            others.retain(|figure| figure.store != store);
            self.0.splice(0..0, others);
        }
        self.write(path, &notes);
    }

    pub(crate) fn read(path: &Path) -> Self {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = text
            .lines()
            .skip_while(|line| line.starts_with('#'))
            .skip(1);
        Self(lines.map(figure).collect())
    }
}

fn figure(line: &str) -> Figure {
    let mut cells = line.split('\t');
    let mut next = || cells.next().unwrap();
    Figure {
        store: next().into(),
        what: next().into(),
        at: next().parse().unwrap(),
        median: next().parse().unwrap(),
        lowest: next().parse().unwrap(),
        highest: next().parse().unwrap(),
    }
}

/// When, how busy the machine was, and over how many rounds.
pub(crate) fn note(before: &str, rounds: usize) -> String {
    let today = token_store_sqlx::token_store::ott_core::chrono::DateTime::<
        token_store_sqlx::token_store::ott_core::chrono::Utc,
    >::from(std::time::SystemTime::now());
    format!(
        "{}; before: {before}; after: {}; {rounds} rounds",
        today.format("%Y-%m-%d"),
        load()
    )
}
