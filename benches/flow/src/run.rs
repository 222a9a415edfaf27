//! Runs every contender in turn, round after round, and writes what it saw.

use core::{fmt::Write as _, sync::atomic::AtomicUsize, time::Duration};
use std::{collections::BTreeMap, env, fs, path::Path, sync::Arc};

use crate::{
    client::get,
    contenders::{Contender, contenders},
    load::load,
    server::Server,
    world::{Flow, Place},
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Full,
    Short,
    Smoke,
}

impl Length {
    /// Rounds, the time of each, and the numbers of clients.
    const fn measures(self) -> (usize, Duration, &'static [usize]) {
        match self {
            Self::Full => (3, Duration::from_secs(5), &[1, 32, 128]),
            Self::Short => (2, Duration::from_secs(2), &[1, 32]),
            Self::Smoke => (1, Duration::from_millis(500), &[1, 8]),
        }
    }
}

/// A contender that takes longer than this to start and be measured once has stopped.
const STOPPED: Duration = Duration::from_secs(120);

/// Goes on with the others where a contender fails, and ends with an error if one of ours did.
pub(crate) async fn run(peers: &str, folder: &str, length: Length) {
    let (rounds, time, clients) = length.measures();
    let mut lines = vec![
        "flow\tplace\tcontender\tclients\tround\trate\tp50 ms\tp99 ms\tMiB\tfailed".to_owned(),
    ];
    let mut counts = vec![
        "flow\tplace\tcontender\tstatements\tcommits\tround trips\tof which requests".to_owned(),
    ];
    let mut failed = Vec::new();
    fs::create_dir_all(folder).unwrap();
    for (flow, place) in Flow::ALL
        .into_iter()
        .flat_map(|flow| Place::ALL.map(|at| (flow, at)))
    {
        if place == Place::Postgres && env::var_os("POSTGRES_URL").is_none() {
            println!("postgres: left out, POSTGRES_URL names no server");
            continue;
        }
        let contenders = contenders(flow, peers.as_ref());
        for contender in &contenders {
            let counted = count(contender.clone(), place);
            attempt(contender, place, &mut failed, &mut counts, counted).await;
        }
        for round in 1..=rounds {
            for clients in clients.iter().copied() {
                for contender in &contenders {
                    let line = measure(contender.clone(), place, clients, round, time);
                    attempt(contender, place, &mut failed, &mut lines, line).await;
                }
            }
        }
        // As it goes on: what was seen stays if the rest is broken off.
        write(folder, "flow.tsv", &lines);
        write(folder, "flow-counts.tsv", &counts);
    }
    println!(
        "{}",
        failed
            .iter()
            .map(|(text, _)| text.as_str())
            .collect::<String>()
    );
    let own = failed.iter().filter(|(_, is_own)| *is_own).count();
    assert_eq!(own, 0, "ours failed so often");
}

fn write(folder: &str, name: &str, lines: &[String]) {
    fs::write(Path::new(folder).join(name), lines.join("\n") + "\n").unwrap();
}

/// Adds the line that comes of it, or what became of it.
async fn attempt(
    contender: &Contender,
    place: Place,
    failed: &mut Vec<(String, bool)>,
    lines: &mut Vec<String>,
    work: impl Future<Output = String> + Send + 'static,
) {
    // A task: where something in it panics, the others go on.
    let mut task = tokio::spawn(work);
    let why = match tokio::time::timeout(STOPPED, &mut task).await {
        Ok(Ok(line)) => {
            println!("{line}");
            lines.push(line);
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => {
            task.abort();
            "it has stopped".to_owned()
        }
    };
    let (flow, place, name) = (contender.flow.name(), place.name(), contender.name);
    let text = format!("FAILED: {flow}, {place}, {name}: {why}\n");
    print!("{text}");
    failed.push((text, contender.is_own()));
}

async fn measure(
    contender: Contender,
    place: Place,
    clients: usize,
    round: usize,
    time: Duration,
) -> String {
    // The warm-up and the last sign-ins come on top.
    let seconds = 1 + (time.as_millis() * 6 / 5).div_ceil(1_000) as usize;
    let server = Server::start(&contender, place, seconds, false).await;
    let next = Arc::new(AtomicUsize::new(0));
    let seen = load(&server.meets, clients, time, &next).await;
    assert!(seen.signed_in > 0, "{}: nobody signed in", contender.name);
    let memory = server.memory();
    server.end().await;
    format!(
        "{}\t{}\t{}\t{clients}\t{round}\t{:.0}\t{:.2}\t{:.2}\t{memory:.0}\t{}",
        contender.flow.name(),
        place.name(),
        contender.name,
        seen.rate,
        seen.p50,
        seen.p99,
        seen.failed,
    )
}

/// Statements, commits and round trips of a sign-in, of one client.
async fn count(contender: Contender, place: Place) -> String {
    const SIGN_INS: usize = 64;
    let server = Server::start(&contender, place, 1, true).await;
    let port = server.meets.port;
    let commits = server.commits().await;
    let statements = async || {
        let page = get(port, "/statements").await?;
        page.trim().parse::<u64>().ok()
    };
    let before = statements().await;
    let next = Arc::new(AtomicUsize::new(0));
    let mut done = 0;
    // By time, because that is what the load knows; a little at a time, so that the count is of few.
    while done < SIGN_INS {
        load(&server.meets, 1, Duration::from_millis(200), &next).await;
        done = next.load(core::sync::atomic::Ordering::Relaxed);
    }
    let statements = match (before, statements().await) {
        (Some(before), Some(after)) => format!("{:.2}", (after - before) as f64 / done as f64),
        _ => "?".to_owned(),
    };
    let commits = (server.commits().await - commits) as f64 / done as f64;
    let asked = match contender.is_asked() {
        true => asked(&contender, &get(port, "/asked").await.unwrap(), done),
        false => "\t".to_owned(),
    };
    server.end().await;
    format!(
        "{}\t{}\t{}\t{statements}\t{commits:.2}\t{asked}",
        contender.flow.name(),
        place.name(),
        contender.name
    )
}

/// How often a sign-in asks the store until it is proved, the session's insert left out; and what each request asks.
///
/// # Panics
/// If that is more than twice with an app's code.
fn asked(contender: &Contender, page: &str, done: usize) -> String {
    let mut paths = BTreeMap::<&str, String>::new();
    let mut proving = 0;
    for line in page.lines() {
        let cells: Vec<_> = line.split(' ').collect();
        let [path, verb, times] = cells.as_slice() else {
            panic!("{line}");
        };
        let times: usize = times.parse().unwrap();
        if *path != "/session" && *verb != "insert" {
            proving += times;
        }
        let text = paths.entry(path).or_default();
        // Writing to a string does not fail.
        let _ = write!(text, " {verb} {:.2}", times as f64 / done as f64);
    }
    let trips = proving as f64 / done as f64;
    if contender.flow == Flow::Totp {
        assert!(
            (1..=2 * done).contains(&proving),
            "a sign-in with an app's code is {trips:.2} round trips: {paths:?}"
        );
    }
    let each = paths.iter().map(|(path, verbs)| format!("{path}:{verbs}"));
    format!("{trips:.2}\t{}", each.collect::<Vec<_>>().join("; "))
}
