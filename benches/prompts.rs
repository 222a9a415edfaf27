//! What waiting pages cost: ten thousand of them over SQLite, on two threads, each with a request that it keeps open,
//! or with a poll a second; and how soon a page knows of a decision.
//!
//! `cargo bench -p benches --bench prompts`

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

use core::{convert::Infallible, time::Duration};
use std::{fs, sync::Arc, time::Instant};

use benches::load;
use token_store_sqlx::SqliteStore;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{interval, sleep},
};
use twofa_providers::{
    Approver, Attempt, Existing, Import, Imported, PromptStatus, Prompts, Show, TwoFactor,
    token_store::{
        FactorId, FactorStore, Tokens,
        ott_core::{Destination, Handle, KeyRing, Policy, Purpose, RecordId, Subject},
    },
};

const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
const CLIENTS: usize = 10_000;
/// Of them, so many are approved at the end.
const APPROVED: usize = 1_000;
const MEASURED: Duration = Duration::from_secs(20);
/// How long an open request goes without a look at the row.
const PAUSE: Duration = Duration::from_secs(10);

struct Client {
    subject: Subject,
    handle: Handle,
    id: RecordId,
    number: Option<u32>,
    device: FactorId,
}

/// Processor time of this process, in seconds.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // As Linux shows it to programs, whatever the kernel counts in.
    ticks as f64 / 100.0
}

/// Memory in use, in bytes.
fn memory() -> f64 {
    let stat = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = stat.split(' ').nth(1).unwrap().parse().unwrap();
    (pages * 4096) as f64
}

async fn client(engine: &TwoFactor, prompts: &Prompts, number: usize) -> Client {
    let subject = Subject::new("", number.to_string()).unwrap();
    let device = Destination::device(number.to_string()).unwrap();
    let existing = Existing::Destination(&device);
    let import = Import::new(&subject, "phone", "phone", existing);
    let Imported::New(device) = engine.import("prompt", &import).await.unwrap() else {
        panic!("it was there");
    };
    let attempt = Attempt::new(&subject, "prompt");
    let asked = engine.request(&attempt).await.unwrap();
    let handle = asked.handle.unwrap();
    let number = asked.show.map(|show| match show {
        Show::Number(number) => number,
        _ => panic!("no number"),
    });
    Client {
        id: prompts.id_of(&subject, &handle).unwrap(),
        subject,
        handle,
        number,
        device,
    }
}

/// The processor's share of one core, and what else a second brings.
async fn measured(what: &str, before: f64) {
    // Everybody has begun.
    sleep(Duration::from_secs(3)).await;
    let (began, cpu) = (Instant::now(), processor());
    sleep(MEASURED).await;
    let share = (processor() - cpu) / began.elapsed().as_secs_f64() * 100.0;
    let each = (memory() - before) / CLIENTS as f64;
    println!("{what:<40} {share:6.1} % of one core {each:8.0} bytes a client");
}

async fn run(folder: &std::path::Path) {
    let store = SqliteStore::open(folder.join("prompts.db")).await.unwrap();
    let store = Arc::new(store);
    let tokens = Tokens::builder_shared(KeyRing::generate().unwrap(), Arc::clone(&store));
    let tokens = tokens.policy(&PROMPT).build().unwrap().shared();
    let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
    let prompts = Prompts::new(&tokens, Arc::clone(&factors), &PROMPT).unwrap();
    let engine = TwoFactor::builder(tokens, factors).prompts(&prompts);
    let engine = engine.build().unwrap();
    let mut clients = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        clients.push(Arc::new(client(&engine, &prompts, number).await));
    }
    println!("{CLIENTS} waiting clients over SQLite, {}", load());

    let before = memory();
    let mut polling: JoinSet<Infallible> = JoinSet::new();
    for (number, client) in clients.iter().enumerate() {
        let (prompts, client) = (prompts.clone(), Arc::clone(client));
        polling.spawn(async move {
            sleep(Duration::from_micros(number as u64 * 100)).await;
            let mut second = interval(Duration::from_secs(1));
            loop {
                second.tick().await;
                let status = prompts.status(&client.subject, &client.handle).await;
                assert_eq!(status.unwrap(), Some(PromptStatus::Waiting));
            }
        });
    }
    measured("a poll a second", before).await;
    polling.abort_all();
    while polling.join_next().await.is_some() {}
    open(prompts, clients).await;
}

async fn open(prompts: Prompts, clients: Vec<Arc<Client>>) {
    let before = memory();
    let (told, mut known) = mpsc::unbounded_channel();
    let mut waiting = JoinSet::new();
    for (number, client) in clients.iter().enumerate() {
        let (prompts, client, told) = (prompts.clone(), Arc::clone(client), told.clone());
        waiting.spawn(async move {
            sleep(Duration::from_micros(number as u64 * 100)).await;
            let settled = prompts.settled(&client.subject, &client.handle, || async {
                sleep(PAUSE).await;
                true
            });
            assert_eq!(settled.await.unwrap(), Some(PromptStatus::Approved));
            told.send((number, Instant::now())).unwrap();
        });
    }
    measured("an open request, a look in ten seconds", before).await;

    let mut decided = Vec::with_capacity(APPROVED);
    for client in &clients[..APPROVED] {
        let by = Approver::new(&client.subject).device(client.device);
        let approved = prompts.approve(&by, &client.id, client.number).await;
        assert_eq!(approved.unwrap(), PromptStatus::Approved);
        decided.push(Instant::now());
    }
    let mut late = Vec::with_capacity(APPROVED);
    while late.len() < APPROVED {
        let (number, at) = known.recv().await.unwrap();
        late.push(at.saturating_duration_since(decided[number]));
    }
    late.sort_unstable();
    let micros = |part: usize| late[APPROVED * part / 100].as_secs_f64() * 1e3;
    let (half, most) = (micros(50), micros(99));
    println!(
        "from a decision to the page's answer: {half:.2} ms at the median, {most:.2} ms at the 99th of a hundred"
    );
    waiting.abort_all();
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(run(folder.path()));
}
