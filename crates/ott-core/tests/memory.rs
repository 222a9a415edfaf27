//! What the memory of a process holds of keys, handles and tokens, while a ring lives and after it
//! was dropped.
#![cfg(target_os = "linux")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "an overflow or a wrong index here fails the test"
)]

use core::ops::Range;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write, stdin, stdout},
    process::{Command, Stdio},
};

use ott_core::{
    Binding, Decider, Destination, Format, Handle, IssueOptions, Issued, Issuer, KeyRing, Policy,
    Purpose, Subject, Verdict,
    chrono::DateTime,
    rand::{TryCryptoRng, TryRng},
};
use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::Zeroizing;

const SEARCHED: &str = "OTT_CORE_SEARCHED";
const NAME: &str = "memory_holds_no_copy_of_a_secret";

/// The moments at which the searched process waits.
const READ: &str = "ring read";
const USED: &str = "used";
const DROPPED: &str = "handle and token dropped";
const ENDED: &str = "ring dropped";

/// Bytes that are made where they are put, so that they are nowhere else: no random source and no
/// secret of this test keeps a copy.
struct Made(u32);

impl Made {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()[0]
    }
}

impl TryRng for Made {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("bytes alone are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("bytes alone are drawn")
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.iter_mut().for_each(|byte| *byte = self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Made {}

const CODE: Policy = Policy::code(Purpose::new("sign-in")).format(Format::LINK);
const LINK: Policy = Policy::link(Purpose::new("reset"));
const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));

/// What the process that is searched has issued, by the same bytes in each.
fn issue(issuer: &Issuer, owner: &Subject) -> Issued {
    let binding = Binding::subject(owner);
    let options = IssueOptions::default();
    let issued =
        issuer.issue_from_rng(&CODE, &binding, options, DateTime::UNIX_EPOCH, &mut Made(2));
    issued.expect("a token").remove(0)
}

fn ring() -> KeyRing {
    let mut text = Zeroizing::new(String::with_capacity(80));
    text.push_str("7 ");
    let mut made = Made(1);
    for _ in 0..32 {
        let byte = made.byte();
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(nibble.into(), 16).expect("a nibble"));
        }
    }
    KeyRing::from_text(&text).expect("a ring")
}

/// Uses the keys in every way, and waits while something is held and after it was dropped.
fn use_and_drop() {
    // Not by `println!`, which the test's harness may keep.
    let wait = |moment: &str| {
        stdout().write_all(moment.as_bytes()).expect("a pipe");
        stdout().write_all(b"\n").expect("a pipe");
        stdin().read_line(&mut String::new()).expect("a pipe");
    };
    let (owner, now) = (
        Subject::new("acme", "4711").expect("a subject"),
        DateTime::UNIX_EPOCH,
    );
    let binding = Binding::subject(&owner);
    let issuer = Issuer::new(ring());
    wait(READ);
    let shared = issuer.keys().clone();
    let issued = issue(&issuer, &owner);
    let (mut record, token) = (issued.record, issued.token);
    let handle = Handle::parse(&issued.handle.expose_secret()).expect("a handle");
    drop(issued.handle);
    // Moved about, as into a cookie or session.
    let mut handles = vec![handle];
    handles.reserve(100);
    let handle = handles.remove(0);
    let typed = token.expose_secret();
    let presented = issuer.present_by_handle(&CODE, &handle, &binding, typed, now);
    record
        .redeem(&presented.expect("a digest"), now)
        .expect("redeemed");
    let opened = issuer.open(&CODE, record.stored().clone()).expect("opened");
    issuer.check(&opened, &binding).expect("checked");
    let link = issuer.present_by_itself(&LINK, "acme", typed, now);
    assert!(link.is_ok());
    let options = IssueOptions {
        resend: Some(&handle),
        ..IssueOptions::default()
    };
    let parked = issuer
        .park_from_rng(&PROMPT, &binding, options, now, &mut Made(3))
        .expect("parked");
    let decider = Decider::from(&owner);
    let decision = issuer.decide(&PROMPT, &parked.record, &decider, Verdict::Deny, b"", now);
    assert!(decision.is_ok());
    let email = Destination::email("a@example.org").expect("an address");
    let pseudonym = issuer.keys().pseudonym(&email).to_string();
    assert_eq!(pseudonym.len(), 16);
    assert!(
        shared
            .sealing()
            .is_some_and(|(id, _)| shared.opening(id).is_some())
    );
    wait(USED);
    drop((handle, token, parked));
    wait(DROPPED);
    drop((issuer, shared));
    wait(ENDED);
}

/// Eight bytes of a secret, by what they are of.
type Pieces = BTreeMap<[u8; 8], &'static str>;

fn add(pieces: &mut Pieces, name: &'static str, bytes: &[u8]) {
    for piece in bytes.windows(8) {
        pieces.insert(piece.try_into().expect("eight"), name);
    }
}

/// HMAC-SHA-256 as RFC 2104 has it, and the two states that stand for its key.
fn states(key: &[u8; 32]) -> [[u32; 8]; 2] {
    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    [0x36, 0x5c].map(|pad| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        let mut state = INITIAL;
        compress256(&mut state, &[block]);
        state
    })
}

fn sub_key(master: &[u8; 32], label: &str) -> [u8; 32] {
    let pad = |pad: u8| {
        let mut block = [pad; 64];
        block
            .iter_mut()
            .zip(master)
            .for_each(|(to, from)| *to ^= from);
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(label)
        .chain_update([1]);
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

/// What a ring keeps instead of those keys.
const STATES: [&str; 3] = [
    "digest key, as a state",
    "tag key, as a state",
    "pseudonym key, as a state",
];

/// Everything that is searched for: as bytes, masked as HMAC masks a key, as text, and as the states
/// of keyed hashes.
fn pieces() -> Pieces {
    let mut pieces = Pieces::new();
    let mut master = [0; 32];
    Made(1).try_fill_bytes(&mut master).expect("infallible");
    let issuer = Issuer::new(ring());
    let owner = Subject::new("acme", "4711").expect("a subject");
    let issued = issue(&issuer, &owner);
    let handle_text = issued.handle.expose_secret();
    let handle: Vec<u8> = handle_text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect();
    let hex: String = master.iter().map(|byte| format!("{byte:02x}")).collect();
    let masked = |key: &[u8; 32], pad: u8| key.map(|byte| byte ^ pad);

    add(&mut pieces, "master key", &master);
    add(&mut pieces, "master key, masked", &masked(&master, 0x36));
    add(&mut pieces, "master key, masked", &masked(&master, 0x5c));
    add(&mut pieces, "master key, as text", hex.as_bytes());
    add(&mut pieces, "handle", &handle);
    add(&mut pieces, "handle, as text", handle_text.as_bytes());
    add(
        &mut pieces,
        "token",
        issued.token.expose_secret().as_bytes(),
    );
    let (_, seal) = issuer.keys().sealing().expect("a key");
    assert_eq!(*seal, sub_key(&master, "ott seal key v1"));
    let mut state = |name, key: &[u8; 32]| {
        for state in states(key) {
            let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_ne_bytes()).collect();
            add(&mut pieces, name, &bytes);
        }
    };
    state("master key, as a state", &master);
    let keyed = [
        ("ott digest key v1", "digest key", STATES[0]),
        ("ott tag key v1", "tag key", STATES[1]),
        ("ott pseudonym key v1", "pseudonym key", STATES[2]),
    ];
    for (label, _, as_state) in keyed {
        state(as_state, &sub_key(&master, label));
    }
    add(&mut pieces, "seal key", seal);
    for (label, name, _) in keyed {
        let key = sub_key(&master, label);
        for pad in [0, 0x36, 0x5c] {
            add(&mut pieces, name, &masked(&key, pad));
        }
    }
    pieces
}

/// Where memory that can be written holds which of them: in which mapping, at which bytes.
type Found = BTreeMap<&'static str, Vec<(u64, Range<u64>)>>;

fn search(pid: u32, pieces: &Pieces) -> Found {
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("the memory");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the maps");
    let mut found = Found::new();
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
            let Some(name) = begins[pair(piece)].then(|| pieces.get(piece)).flatten() else {
                continue;
            };
            let places = found.entry(*name).or_default();
            match places.last_mut() {
                Some((_, last)) if last.end >= at => last.end = at + 8,
                _ => places.push((start, at..at + 8)),
            }
        }
    }
    found
}

/// Keys, handles and tokens leave no copy: of the master key nothing is there once the ring is read,
/// of a handle and a token nothing once they are dropped, of the ring nothing once it is. Each is held
/// once while it lives.
#[test]
fn memory_holds_no_copy_of_a_secret() {
    if std::env::var(SEARCHED).is_ok() {
        return use_and_drop();
    }
    let pieces = pieces();
    let mut searched = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", NAME, "--nocapture"])
        .env(SEARCHED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let output = searched.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(output).lines();
    let held: [(&str, &[&str]); 4] = [
        (READ, &["seal key"]),
        (USED, &["handle", "seal key", "token"]),
        (DROPPED, &["seal key"]),
        (ENDED, &[]),
    ];
    let mut ring = 0;
    for (moment, names) in held {
        assert!(lines.any(|line| line.expect("text").ends_with(moment)));
        let mut found = search(searched.id(), &pieces);
        if let Some([(map, _)]) = found.get("seal key").map(Vec::as_slice) {
            ring = *map;
        }
        // The states of keyed hashes are where the ring is, and perhaps on the stack of who used it.
        for name in STATES {
            let mut places = found.remove(name).unwrap_or_default();
            places.retain(|(map, _)| *map == ring);
            assert_eq!(
                places.is_empty(),
                moment == ENDED,
                "{moment}: {name} {places:x?}"
            );
        }
        let there: Vec<&str> = found.keys().copied().collect();
        assert_eq!(there, names, "{moment}: {found:x?}");
        for (name, places) in &found {
            // A flow's half of the handle stands in its resend too.
            let copies = if *name == "handle" { 2 } else { 1 };
            assert_eq!(places.len(), copies, "{moment}: {name} {places:x?}");
        }
        writeln!(searched.stdin.as_ref().expect("a pipe")).expect("a pipe");
    }
    // Its last lines are read, so that it ends.
    assert_ne!(lines.count(), 0);
    assert!(searched.wait().expect("an end").success());
}
