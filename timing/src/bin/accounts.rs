//! Whether the time of an answer tells a known account from an unknown one: `accounts SERVER [SAMPLES [leaks]]`.
//!
//! SERVER is `operation-tokens`, built as it is released. Over one connection on loopback a key is recovered for accounts and
//! for addresses of nobody, mixed at random: the start, the request for a token, a wrong token. The answers have to be the
//! same bytes. How much longer an account takes is the median of all differences between the two classes (Hodges and
//! Lehmann), with the interval that misses it once in 10,000 (Moses). It has to lie within 20 µs. With `leaks`, SERVER is the
//! build with a planted leak of 50 µs at the start, and there the interval has to lie above 20 µs.
//!
//! Everything that the server keeps is in memory, if there is `/dev/shm`: the time of a disk is noise.

#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom as _};

/// In microseconds, the largest effect.
const LARGEST: f64 = 20.0;
/// The normal distribution beyond this, on both sides, is one in 10,000.
const Z: f64 = 3.890_6;
/// How often a run is taken again: other programs make noise, and noise does not repeat itself.
const RETRIES: usize = 4;
/// The first pairs, on cold caches, do not count.
const COLD: usize = 500;
/// After each recovery.
const REST: Duration = Duration::from_millis(2);
const STEPS: [&str; 3] = ["start", "ask", "wrong token"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(server) = arguments.first() else {
        eprintln!("usage: accounts SERVER [SAMPLES [leaks]]");
        return ExitCode::from(2);
    };
    let samples = arguments.get(1).map_or(Ok(10_000), |text| text.parse());
    let (Ok(samples), leaks) = (samples, arguments.get(2).is_some()) else {
        eprintln!("SAMPLES is a number");
        return ExitCode::from(2);
    };
    for run in 0..=RETRIES {
        let effects = measure(Path::new(server), samples, run as u64);
        let mut right = true;
        for (step, effect) in STEPS.iter().zip(&effects) {
            let planted = leaks && *step == "start";
            let fits = if planted {
                effect.low > LARGEST
            } else {
                leaks || (effect.low > -LARGEST && effect.high < LARGEST)
            };
            right &= fits;
            println!(
                "{step:<12} an account takes {:>8.1} µs, an unknown one {:>8.1} µs; difference {:>6.1}, between {:.1} and {:.1}{}",
                effect.known,
                effect.unknown,
                effect.shift,
                effect.low,
                effect.high,
                if fits { "" } else { "  NOT SO" }
            );
        }
        // A planted leak has one chance.
        if right {
            println!("ok");
            return ExitCode::SUCCESS;
        }
        if leaks {
            break;
        }
    }
    println!("FAILED: a time tells an account, or the planted leak was not found");
    ExitCode::FAILURE
}

/// How much longer an account takes, in microseconds.
struct Effect {
    known: f64,
    unknown: f64,
    shift: f64,
    low: f64,
    high: f64,
}

/// Measures every step of so many pairs of recoveries: an account and an address of nobody, whichever comes first.
fn measure(program: &Path, pairs: usize, seed: u64) -> Vec<Effect> {
    let server = Server::start(program, pairs + COLD);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut wire = Wire::new(&server.address);
    let mut took = vec![Vec::new(); STEPS.len()];
    let mut answers = [None, None];
    // Not in the order in which they were made: neighbours would rest in one page.
    let mut order: Vec<_> = (0..pairs + COLD).collect();
    order.shuffle(&mut rng);
    for (turn, at) in order.into_iter().enumerate() {
        let first = usize::from(rng.random_bool(0.5));
        let mut pair = [None, None];
        for class in [first, 1 - first] {
            // As long as each other, and each of them once: no limit of an address is reached.
            let key = format!("{}{at:07}@example.org", ["u", "x"][class]);
            let Some((nanos, answer)) = recovery(&mut wire, &key) else {
                continue;
            };
            let before = answers[class].get_or_insert_with(|| answer.clone());
            assert_eq!(*before, answer, "an answer of its own");
            pair[class] = Some(nanos);
        }
        if let (true, [Some(known), Some(unknown)]) = (turn >= COLD, pair) {
            for (step, took) in took.iter_mut().enumerate() {
                took.push((known[step], unknown[step]));
            }
        }
    }
    assert_eq!(answers[0], answers[1], "the answers differ");
    drop(server);
    took.iter().map(|pairs| effect(pairs)).collect()
}

/// The microseconds of each step and what is answered, unless the wrong token was right: once in a million.
fn recovery(wire: &mut Wire, key: &str) -> Option<([f64; 3], [String; 3])> {
    let start = format!(r#"{{"userKey":"{key}","keyType":"PHONE_NUMBER"}}"#);
    let (took, started) = wire.post("userKeys/recovery", &start);
    let (_, id) = started
        .split_once(r#"{"processingId":""#)
        .expect("a process");
    let id = &id[..36];
    let ask = format!(r#"{{"processingId":"{id}"}}"#);
    let (asked, sent) = wire.post("token/userKeys/recovery/verification", &ask);
    let wrong = format!(r#"{{"processingId":"{id}","oneTimeToken":"123456"}}"#);
    let (tried, refused) = wire.post("userKeys/recovery/verification", &wrong);
    // What was asked for is sent after the answer: the next one does not wait for it.
    sleep(REST);
    if refused.contains(" 200 ") {
        return None;
    }
    assert!(
        started.contains(" 200 ") && sent.contains(" 200 ") && refused.contains(" 422 "),
        "{started}\n{sent}\n{refused}"
    );
    let answers = [&started, &sent, &refused].map(|answer| plain(answer, id, key));
    Some(([took, asked, tried], answers))
}

/// An answer without what is each one's own: its time, its process, its key.
fn plain(answer: &str, id: &str, key: &str) -> String {
    let lines = answer.lines().filter(|line| !line.starts_with("date:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace(id, "ID").replace(key, "KEY")
}

/// The shift within the pairs, and the interval that misses it once in 10,000.
fn effect(pairs: &[(f64, f64)]) -> Effect {
    let median = |mut all: Vec<f64>| {
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let mut shifts: Vec<_> = pairs
        .iter()
        .map(|(known, unknown)| known - unknown)
        .collect();
    shifts.sort_unstable_by(f64::total_cmp);
    let n = shifts.len() as f64;
    let half = n * (n + 1.0) / 4.0;
    let reach = Z * (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    Effect {
        known: median(pairs.iter().map(|pair| pair.0).collect()),
        unknown: median(pairs.iter().map(|pair| pair.1).collect()),
        shift: mean(&shifts, half),
        low: mean(&shifts, half - reach),
        high: mean(&shifts, half + reach),
    }
}

/// The mean of two shifts (of one, too) that so many of all such means do not exceed.
fn mean(shifts: &[f64], rank: f64) -> f64 {
    let not_above = |limit: f64| -> f64 {
        let mut count = 0_usize;
        // The larger the one, the fewer others are small enough.
        let mut until = shifts.len();
        for (at, one) in shifts.iter().enumerate() {
            while until > 0 && one + shifts[until - 1] > 2.0 * limit {
                until -= 1;
            }
            count += until.saturating_sub(at);
        }
        count as f64
    };
    let (mut low, mut high) = (-1e7, 1e7);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if not_above(middle) < rank {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// A server with accounts, which ends with this value and leaves nothing.
struct Server {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Server {
    fn start(program: &Path, accounts: usize) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.into()
        } else {
            std::env::temp_dir()
        };
        let folder = parent.join(format!("timing-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let users: Vec<_> = (0..accounts)
            .map(|at| {
                format!(
                    r#"{{"id":"u{at:07}","email":"u{at:07}@example.org","phone":"+49151{at:07}"}}"#
                )
            })
            .collect();
        let file = folder.join("accounts.json");
        fs::write(&file, format!(r#"{{"users":[{}]}}"#, users.join(","))).expect("a file");
        let mut child = Command::new(program)
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--accounts")
            .arg(file)
            .arg("--outbox")
            .arg(folder.join("outbox"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.expect("it listens").into();
        Self {
            child,
            folder,
            address,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One connection.
struct Wire {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Wire {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self {
            stream: BufReader::new(stream),
            host: address.into(),
        }
    }

    /// Posts, and says how many microseconds the answer took, and what it is.
    fn post(&mut self, path: &str, body: &str) -> (f64, String) {
        let request = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let begun = Instant::now();
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("sent");
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let from = head.len();
            self.stream.read_line(&mut head).expect("a line");
            let line = head[from..].trim_end();
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().expect("a length");
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        let took = begun.elapsed().as_secs_f64() * 1e6;
        (took, head + &String::from_utf8(body).expect("text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(seed: u64, shift: f64) -> Vec<(f64, f64)> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = |shift: f64| {
            let noise: f64 = (0..8).map(|_| rng.random_range(0.0..40.0)).sum();
            let interrupted = rng.random_ratio(1, 20);
            500.0 + shift + noise + if interrupted { 5_000.0 } else { 0.0 }
        };
        // Both grow slower with time.
        (0..5_000)
            .map(|at| (draw(shift) + f64::from(at), draw(0.0) + f64::from(at)))
            .collect()
    }

    /// The shift is found to a few microseconds beneath interrupts and drift, and none where there is none.
    #[test]
    fn effect_is_found_beneath_interrupts() {
        for (shift, seed) in [(0.0, 1), (50.0, 3), (-50.0, 5)] {
            let found = effect(&pairs(seed, shift));
            assert!((found.shift - shift).abs() < 6.0, "{}", found.shift);
            assert!(found.low < shift && shift < found.high && found.high - found.low < 25.0);
        }
    }

    /// A rank among all means of two, counted one by one.
    #[test]
    fn mean_is_the_one_of_its_rank() {
        // 0, 1, 2, 4, 5, 8
        let shifts = [0.0, 2.0, 8.0];
        for (rank, expected) in [(1.0, 0.0), (2.0, 1.0), (4.0, 4.0), (5.0, 5.0), (6.0, 8.0)] {
            let found = mean(&shifts, rank);
            assert!((found - expected).abs() < 1e-6, "{rank}: {found}");
        }
    }
}
