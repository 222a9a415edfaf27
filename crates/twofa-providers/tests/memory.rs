//! What the memory of a process holds of a factor's secret, of the key ring and of a handle, while an engine uses
//! them and after they were dropped.
//!
//! The keyed states of the ring's other keys are not searched for: the test of this name in `ott-core` does.
#![cfg(target_os = "linux")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a helper that panics fails its test"
)]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write, stdin, stdout},
    process::{Command, Stdio},
    sync::Arc,
};

use twofa_providers::{
    Attempt, CodeProvider, EnrolDetails, Response, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        Clock, FactorStore, ManualClock, MemoryStore, Tokens,
        ott_core::{
            Destination, Issuer, KeyRing, Policy, Purpose, Subject,
            chrono::{DateTime, TimeDelta},
        },
    },
};
use zeroize::Zeroizing;

const SEARCHED: &str = "TWOFA_PROVIDERS_SEARCHED";
const NAME: &str = "memory_holds_no_secret_that_was_dropped";
const START: i64 = 1_800_000_000;
const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));

/// The moments at which the searched process waits.
const HELD: &str = "held";
const DROPPED: &str = "dropped";
const ENDED: &str = "ended";

/// The bytes of the master key, made where they are put, so that they are nowhere else.
fn made() -> impl Iterator<Item = u8> {
    let mut state = 5_u32;
    (0..32).map(move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
}

fn ring() -> KeyRing {
    let mut text = Zeroizing::new(String::with_capacity(80));
    text.push_str("7 ");
    for byte in made() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(nibble.into(), 16).expect("a nibble"));
        }
    }
    KeyRing::from_text(&text).expect("a ring")
}

/// A secret's text in other symbols, so that its name is no copy.
fn masked(text: &str) -> String {
    text.bytes()
        .map(|byte| format!("{:02x}", byte ^ 0xff))
        .collect()
}

fn unmasked(text: &str) -> String {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits");
    (0..text.len())
        .step_by(2)
        .map(|at| char::from(byte(at) ^ 0xff))
        .collect()
}

/// Says what moment it is, and waits. Not by `println!`, which the test's harness may keep.
fn wait(moment: &str, names: &str) {
    let line = format!("{moment} {names}\n");
    stdout().write_all(line.as_bytes()).expect("a pipe");
    stdin().read_line(&mut String::new()).expect("a pipe");
}

/// Enrols and confirms an app, verifies its right and wrong codes, asks for a code by e-mail and tries wrong ones, and
/// waits while the secrets are held and after they were dropped.
async fn use_and_drop() {
    let start = DateTime::from_timestamp(START, 0).expect("a time");
    let (store, clock) = (
        Arc::new(MemoryStore::new()),
        Arc::new(ManualClock::new(start)),
    );
    let tokens = Tokens::builder_shared(ring(), Arc::clone(&store))
        .policy(&EMAIL_CODE)
        .clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let tokens = tokens.build().expect("a policy that fits").shared();
    let outbox = Outbox::new(10);
    let email = CodeProvider::email(&EMAIL_CODE, Arc::new(outbox.clone())).expect("it sends");
    let engine = TwoFactor::builder(tokens, Arc::clone(&store) as Arc<dyn FactorStore>)
        .provider(TotpProvider::new("Example").expect("an issuer"))
        .provider(email);
    let engine = engine.build().expect("an engine that starts");
    let owner = Subject::new("acme", "4711").expect("a subject");

    let details = EnrolDetails::new(&owner, "alice@example.org");
    let enrolled = engine.enrol("totp", &details, "app", None).await;
    let mut enrolled = enrolled.expect("enrolled");
    let shown = enrolled.provisioning.take().expect("it is shown");
    let secret = Secret::from_base32(shown.base32.expose_secret()).expect("a secret");
    let app = Attempt::new(&owner, "totp").factor(enrolled.factor);
    let code = |ahead: u64| Totp::default().generate(&secret, clock_seconds(ahead));
    let (first, far, next) = (code(0), code(3_000), code(30));
    let typed = Response::typed(first.expose_secret());
    let proof = engine.confirm(&app, &typed).await.expect("the right code");
    clock.advance(TimeDelta::seconds(30));
    for (code, right) in [(&far, false), (&next, true)] {
        let typed = Response::typed(code.expose_secret());
        assert_eq!(engine.verify(&app, &typed).await.is_ok(), right);
    }
    let fresh = engine.fresh(&owner, None, &proof).await.expect("fresh");

    let to = Destination::email("alice@example.org").expect("an address");
    let details = EnrolDetails::new(&owner, "alice").destination(&to);
    let mailbox = engine.enrol("email", &details, "mail", Some(&fresh)).await;
    let mailbox = Attempt::new(&owner, "email").factor(mailbox.expect("enrolled").factor);
    let asked = engine.request(&mailbox).await.expect("sent");
    let handle = asked.handle.expect("a flow");
    let sent = outbox.last().expect("a message");
    for (typed, right) in [("000000", false), (sent.expose_token(), true)] {
        let typed = Response::typed(typed);
        let tried = engine.confirm(&mailbox.handle(&handle), &typed).await;
        assert_eq!(tried.is_ok(), right);
    }

    let names = [
        masked(shown.base32.expose_secret()),
        masked(&handle.expose_secret()),
    ];
    wait(HELD, &names.join(" "));
    drop((shown, secret, handle));
    wait(DROPPED, "");
    drop((engine, store, outbox, sent));
    wait(ENDED, "");
}

fn clock_seconds(ahead: u64) -> u64 {
    u64::try_from(START).expect("after 1970") + ahead
}

/// Eight bytes of a secret, by what they are of.
type Pieces = BTreeMap<[u8; 8], &'static str>;

fn add(pieces: &mut Pieces, name: &'static str, bytes: &[u8]) {
    for piece in bytes.windows(8) {
        pieces.insert(piece.try_into().expect("eight"), name);
    }
}

/// Bytes as they are, and masked as HMAC masks a key.
fn add_key(pieces: &mut Pieces, name: &'static str, bytes: &[u8]) {
    for pad in [0, 0x36, 0x5c] {
        let masked: Vec<u8> = bytes.iter().map(|byte| byte ^ pad).collect();
        add(pieces, name, &masked);
    }
}

/// Everything that is searched for.
fn pieces(base32: &str, handle: &str) -> Pieces {
    let mut pieces = Pieces::new();
    let secret = Secret::from_base32(base32).expect("base32");
    add_key(&mut pieces, "secret", secret.expose_secret());
    add(&mut pieces, "secret, as text", base32.as_bytes());
    let master: Vec<u8> = made().collect();
    add_key(&mut pieces, "master key", &master);
    let hex: String = master.iter().map(|byte| format!("{byte:02x}")).collect();
    add(&mut pieces, "master key, as text", hex.as_bytes());
    let issuer = Issuer::new(ring());
    let (_, seal) = issuer.keys().sealing().expect("a key");
    add_key(&mut pieces, "seal key", seal);
    let bytes = |at| u8::from_str_radix(&handle[at..at + 2], 16).expect("two digits");
    let bytes: Vec<u8> = (0..handle.len()).step_by(2).map(bytes).collect();
    add(&mut pieces, "handle", &bytes);
    add(&mut pieces, "handle, as text", handle.as_bytes());
    pieces
}

/// Where memory that can be written holds which of them.
fn search(pid: u32, pieces: &Pieces) -> BTreeMap<&'static str, Vec<String>> {
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("the memory");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the maps");
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    // By the first two bytes first: nearly all of memory is no piece.
    let pair = |bytes: &[u8]| usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
    let mut begins = vec![false; 1 << 16];
    pieces.keys().for_each(|piece| begins[pair(piece)] = true);
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (start, rest) = map.split_once('-').expect("a map");
        let (end, _) = rest.split_once(' ').expect("a map");
        let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).expect("hex"));
        let mut bytes = vec![0; usize::try_from(end - start).expect("64 bits")];
        memory.seek(SeekFrom::Start(start)).expect("a map");
        memory.read_exact(&mut bytes).expect("a map");
        for (at, piece) in (start..).zip(bytes.windows(8)) {
            if let Some(name) = begins[pair(piece)].then(|| pieces.get(piece)).flatten() {
                found
                    .entry(*name)
                    .or_default()
                    .push(format!("{at:x} in {map}"));
            }
        }
    }
    found
}

/// An engine leaves no copy of a factor's secret, the ring's keys or a handle. Once what was shown is dropped, the
/// store's seal alone has the secret, and of the ring its seal key alone is there as bytes; once the engine is dropped,
/// nothing is.
#[test]
fn memory_holds_no_secret_that_was_dropped() {
    if std::env::var(SEARCHED).is_ok() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        return runtime.block_on(Box::pin(use_and_drop()));
    }
    let mut searched = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", NAME, "--nocapture"])
        .env(SEARCHED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(searched.stdout.take().expect("a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    let held: [(&str, &[&str]); 3] = [
        (HELD, &["handle", "seal key", "secret", "secret, as text"]),
        (DROPPED, &["seal key"]),
        (ENDED, &[]),
    ];
    let mut pieces_of = Pieces::new();
    for (moment, names) in held {
        // The harness names the test on the same line.
        let line = lines.find(|line| line.contains(&format!("{moment} ")));
        let line = line.expect(moment);
        if moment == HELD {
            let mut words = line.rsplit(' ').map(unmasked);
            let (handle, base32) = (words.next().expect("two"), words.next().expect("two"));
            pieces_of = pieces(&base32, &handle);
        }
        let found = search(searched.id(), &pieces_of);
        let there: Vec<&str> = found.keys().copied().collect();
        assert_eq!(there, names, "{moment}: {found:#?}");
        writeln!(searched.stdin.as_ref().expect("a pipe")).expect("a pipe");
    }
    // Its last lines are read, so that it ends.
    assert_ne!(lines.count(), 0);
    assert!(searched.wait().expect("an end").success());
}
