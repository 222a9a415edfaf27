//! Messages wait while their process is killed and the gateway fails: each person gets the newest code or a notice, nobody two
//! that are good, and none is lost.
//!
//! The process that is killed is this very binary, run again with variables set. `NIGHTLY=1` has 100,000 messages.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that panics is how a test fails"
)]

use core::time::Duration;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Instant,
};

use async_trait::async_trait;
use testing::{key_1, nightly, postgres};
use token_delivery::{Delivery, DeliveryError, DeliveryQueue, Message};
use token_store::{
    QueueStore, TokenStore,
    ott_core::{
        Binding, Destination, Issuer, Policy, Purpose, RecordId, SlotRule, State, Subject,
        chrono::{DateTime, TimeDelta, Utc},
        rand::{TryRng as _, rngs::SysRng},
    },
};
use token_store_sqlx::{PostgresStore, SqliteStore};

/// A newer one takes the place of a subject's older one.
const CODE: Policy = Policy::link(Purpose::new("code"))
    .lifetime(TimeDelta::hours(12))
    .slot(SlotRule::Subject);
/// The same, good for so short that some are late.
const SHORT: Policy = Policy::link(Purpose::new("short-code"))
    .lifetime(TimeDelta::seconds(2))
    .slot(SlotRule::Subject);
const NEWS: Purpose = Purpose::new("news");

const ROOT: &str = "QUEUE_KILLED_FOLDER";
const SCHEMA: &str = "QUEUE_KILLED_SCHEMA";
const MESSAGES: &str = "QUEUE_KILLED_MESSAGES";
const TASKS: usize = 8;

/// Each tenth person asks twice; each fortieth has a short code; the tenants differ in size.
struct Person(usize);

impl Person {
    fn asks(&self) -> usize {
        1 + usize::from(self.0.is_multiple_of(10))
    }

    fn policy(&self) -> &'static Policy {
        if self.0 % 40 == 7 { &SHORT } else { &CODE }
    }

    fn subject(&self) -> Subject {
        // Half of all in one tenant, the rest in twenty.
        let tenant = if self.0.is_multiple_of(2) {
            0
        } else {
            1 + self.0 % 20
        };
        Subject::new(format!("tenant {tenant}"), self.0.to_string()).unwrap()
    }

    fn address(&self) -> Destination {
        Destination::email(format!("p{}@example.org", self.0)).unwrap()
    }
}

/// So many persons send so many messages.
fn people(messages: usize) -> usize {
    messages * 10 / 11
}

/// A file to which each line is appended whole, whatever kills the process.
fn log(folder: &Path, name: &str) -> File {
    let options = OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join(name));
    options.unwrap()
}

fn lines(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    text.lines().map(words).collect()
}

fn say(mut file: &File, line: &str) {
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Fails three times in ten: half of these after it took the message over.
struct Gateway(File);

#[async_trait]
impl Delivery for Gateway {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let mut dice = [0; 2];
        SysRng.try_fill_bytes(&mut dice).unwrap();
        let dice = u16::from_be_bytes(dice) % 100;
        tokio::time::sleep(Duration::from_millis(u64::from(dice % 5))).await;
        let fails = || {
            Err(DeliveryError::Unavailable(
                "a failure of three in ten".into(),
            ))
        };
        if dice < 15 {
            return fails();
        }
        let what = message
            .token()
            .map_or("notice", |token| token.expose_secret());
        let address = message.destination().address();
        let at = Utc::now().timestamp_micros();
        say(&self.0, &format!("{address} {what} {at}"));
        if dice < 30 { fails() } else { Ok(()) }
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

/// Tokens and queue, in one database.
#[derive(Clone)]
struct Stores {
    tokens: Arc<dyn TokenStore>,
    queue: Arc<dyn QueueStore>,
}

async fn stores(folder: &Path, schema: Option<&str>) -> Stores {
    match schema {
        None => {
            let builder = SqliteStore::builder().timeout(postgres::PATIENCE);
            let store = Arc::new(builder.open(folder.join("tokens.db")).await.unwrap());
            Stores {
                tokens: store.clone(),
                queue: store,
            }
        }
        Some(schema) => {
            let builder = PostgresStore::builder().timeout(postgres::PATIENCE);
            let store = builder.schema(schema).pool(postgres::pool()).await.unwrap();
            let store = Arc::new(store);
            Stores {
                tokens: store.clone(),
                queue: store,
            }
        }
    }
}

/// Asks for what nobody has asked for, and hands over what waits, until nothing does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_is_killed() {
    let Some(folder) = env::var_os(ROOT).map(PathBuf::from) else {
        return;
    };
    let messages: usize = env::var(MESSAGES).unwrap().parse().unwrap();
    let stores = stores(&folder, env::var(SCHEMA).ok().as_deref()).await;
    let gateway = Gateway(log(&folder, "got"));
    let queue = DeliveryQueue::builder(Arc::clone(&stores.queue), key_1(), gateway)
        .policy(&CODE)
        .policy(&SHORT)
        .late(&NEWS)
        .lease(TimeDelta::seconds(2))
        .pause(TimeDelta::milliseconds(100))
        .build();
    let queue = Arc::new(queue.unwrap());
    let mut asked = HashMap::<usize, usize>::new();
    for line in lines(&folder, "queued") {
        *asked.entry(line[0].parse().unwrap()).or_default() += 1;
    }
    let (asked, folder) = (Arc::new(asked), Arc::new(folder));
    let mut askers = Vec::new();
    for task in 0..TASKS {
        let (queue, tokens) = (Arc::clone(&queue), Arc::clone(&stores.tokens));
        let (asked, folder) = (Arc::clone(&asked), Arc::clone(&folder));
        askers.push(tokio::spawn(async move {
            let issuer = Issuer::new(key_1());
            let (issued, queued) = (log(&folder, "issued"), log(&folder, "queued"));
            for person in (task..people(messages)).step_by(TASKS).map(Person) {
                let (subject, address) = (person.subject(), person.address());
                let done = asked.get(&person.0).copied().unwrap_or(0);
                for _ in done..person.asks() {
                    let (policy, binding) = (person.policy(), Binding::subject(&subject));
                    let token = issuer.issue(policy, &binding, Utc::now()).unwrap();
                    let (id, text) = (*token.record.id(), token.token.expose_secret());
                    tokens.insert(&[token.record]).await.unwrap();
                    say(&issued, &format!("{} {id} {text}", person.0));
                    let message = Message::new(policy.purpose(), &address, &token.token);
                    queue.deliver(&message.of(&subject)).await.unwrap();
                    let at = Utc::now().timestamp_micros();
                    say(&queued, &format!("{} {text} {at}", person.0));
                }
            }
        }));
    }
    let workers = (0..2).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            loop {
                if queue.work().await.unwrap().taken == 0 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for asker in askers {
        asker.await.unwrap();
    }
    let ages = log(&folder, "asked-all");
    say(&ages, &Utc::now().timestamp_micros().to_string());
    loop {
        let lines = queue.lines().await.unwrap();
        if lines.iter().all(|line| line.waiting == 0) {
            assert!(lines.iter().all(|line| line.dead == 0), "{lines:?}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

fn begin(folder: &Path, schema: Option<&str>, messages: usize) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "process_that_is_killed", "--nocapture"])
        .env(ROOT, folder)
        .env(MESSAGES, messages.to_string())
        .stdout(Stdio::null());
    if let Some(schema) = schema {
        command.env(SCHEMA, schema);
    }
    command.spawn().unwrap()
}

/// How far it is: bytes of what was queued and of what the gateway got.
fn progress(folder: &Path) -> u64 {
    let size = |name| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("queued") + size("got")
}

async fn killed(schema: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (messages, kills) = if nightly() { (100_000, 20) } else { (440, 4) };
    // What a line of each takes, about.
    let whole = u64::try_from(messages).unwrap() * (66 + 80);
    let begun = Instant::now();
    for kill in 1..=kills {
        let mut process = begin(folder, schema, messages);
        // The rest is for a test that a busy machine lets sleep.
        let until = whole * 6 / 10 * kill / kills;
        while progress(folder) < until && process.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(
            process.try_wait().unwrap().is_none(),
            "killed in its work: {kill}"
        );
        // SIGKILL: it cannot be answered.
        process.kill().unwrap();
        process.wait().unwrap();
    }
    assert!(begin(folder, schema, messages).wait().unwrap().success());
    let took = begun.elapsed();
    let stores = stores(folder, schema).await;
    judge(folder, &stores, messages).await;
    figures(folder, schema, messages, kills, took);
    let lines = stores.queue.lines().await.unwrap();
    let sum = |count: fn(&token_store::Line) -> u64| lines.iter().map(count).sum::<u64>();
    let queued = sum(|line| line.queued);
    assert!(
        queued >= u64::try_from(messages).unwrap() * 99 / 100,
        "{queued}"
    );
    assert_eq!(queued, sum(|line| line.sent) + sum(|line| line.replaced));
    let late = lines
        .iter()
        .map(|line| line.waiting + line.dead)
        .sum::<u64>();
    assert_eq!(late, 0);
}

/// Every person has the newest code, or a notice; of the codes that they have, one is good at most.
async fn judge(folder: &Path, stores: &Stores, messages: usize) {
    let mut newest = BTreeMap::<usize, (RecordId, String)>::new();
    let mut ids = HashMap::new();
    for line in lines(folder, "issued") {
        let id = RecordId::from_bytes(u128::from_str_radix(&line[1], 16).unwrap().to_be_bytes());
        ids.insert(line[2].clone(), id);
        newest.insert(line[0].parse().unwrap(), (id, line[2].clone()));
    }
    let mut got = HashMap::<String, HashSet<String>>::new();
    for line in lines(folder, "got") {
        got.entry(line[0].clone())
            .or_default()
            .insert(line[1].clone());
    }
    assert_eq!(newest.len(), people(messages));
    assert_eq!(
        got.len(),
        people(messages),
        "nobody got nothing, and nobody else something"
    );
    // Also the short code that was asked for last has had its time by then.
    let now = Utc::now() + TimeDelta::seconds(2);
    for (person, (id, token)) in newest {
        let person = Person(person);
        let own = &got[person.address().address()];
        assert!(
            own.contains(&token) || own.contains("notice"),
            "{}: lost",
            person.0
        );
        let notice = own.contains("notice") && *person.policy() == CODE;
        assert!(!notice, "{}: a notice in time", person.0);
        let mut good = Vec::new();
        for token in own.iter().filter(|word| *word != "notice") {
            let found = stores.tokens.find(&ids[token]).await.unwrap().unwrap();
            if found.state == State::Ready && found.is_live(now) {
                good.push(found.id);
            }
        }
        let right = if *person.policy() == CODE {
            vec![id]
        } else {
            vec![]
        };
        assert_eq!(good, right, "{}: good codes", person.0);
    }
}

/// Prints how fast it was, and how old messages were when the gateway got them first.
fn figures(folder: &Path, schema: Option<&str>, messages: usize, kills: u64, took: Duration) {
    let time = |text: &str| DateTime::from_timestamp_micros(text.parse().unwrap()).unwrap();
    let mut since = HashMap::new();
    for line in lines(folder, "queued") {
        since.insert(line[1].clone(), time(&line[2]));
    }
    let got = lines(folder, "got");
    let (mut ages, mut seen, mut again) = (Vec::new(), HashSet::new(), 0);
    for line in &got {
        if !seen.insert(&line[1]) {
            again += 1;
        } else if let Some(since) = since.get(&line[1]) {
            ages.push((time(&line[2]) - *since).num_milliseconds().max(0));
        }
    }
    ages.sort_unstable();
    let place = if schema.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let asked = lines(folder, "asked-all");
    let all = asked.last().map(|line| time(&line[0]));
    let first = since.values().min().copied().unwrap();
    let asking = (all.unwrap() - first).as_seconds_f64();
    let age = |part: usize| ages[(ages.len() - 1) * part / 1_000];
    println!(
        "{place}: {messages} messages, {kills} kills, {:.1} s; queued {:.0}/s, handed over {:.0}/s, {} again; \
         age in ms: median {}, 99 % {}, most {}",
        took.as_secs_f64(),
        messages as f64 / asking,
        messages as f64 / took.as_secs_f64(),
        again,
        age(500),
        age(990),
        age(1_000),
    );
}

/// Over SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_killed_process_loses_no_message() {
    killed(None).await;
}

/// Over PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_process_loses_no_message() {
    let schema = postgres::Schema::new();
    killed(Some(&schema.name)).await;
}
