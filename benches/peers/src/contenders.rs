//! The same work for each crate.

mod generate;
mod uris;

use std::{cell::RefCell, hint::black_box, rc::Rc};

use libreauth::{hash::HashFunction, oath::TOTPBuilder as LibreTotp};
use oath_otp::{Algorithm, Reach, Secret, Totp, Window};
use slauth::oath::{HashesAlgorithm, totp::TOTPContext};

use crate::{
    floor,
    rounds::{Contender, Line},
};

/// Behind every crate's default epoch, and a multiple of no step.
const NOW: u64 = 1_700_000_000;
const KEY: [u8; 64] = *b"an authenticator's secret, as long as the longest hash asks for!";

/// A hash, as each crate calls it.
struct Hash {
    ours: Algorithm,
    totp_rs: totp_rs::Algorithm,
    totp_rfc: totp_rfc::Algorithm,
    libreauth: HashFunction,
    slauth: HashesAlgorithm,
    floor: fn(usize) -> u64,
    /// Verify on a miss, on a hit, generate, generate text, our window.
    names: [&'static str; 5],
}

fn hashes() -> [Hash; 3] {
    [
        Hash {
            ours: Algorithm::Sha1,
            totp_rs: totp_rs::Algorithm::SHA1,
            totp_rfc: totp_rfc::Algorithm::Sha1,
            libreauth: HashFunction::Sha1,
            slauth: HashesAlgorithm::SHA1,
            floor: floor::sha1,
            names: [
                "TOTP verify, miss, SHA-1",
                "TOTP verify, oldest step hits, SHA-1",
                "TOTP generate, SHA-1",
                "TOTP generate text, SHA-1",
                "our window, SHA-1",
            ],
        },
        Hash {
            ours: Algorithm::Sha256,
            totp_rs: totp_rs::Algorithm::SHA256,
            totp_rfc: totp_rfc::Algorithm::Sha256,
            libreauth: HashFunction::Sha256,
            slauth: HashesAlgorithm::SHA256,
            floor: floor::sha256,
            names: [
                "TOTP verify, miss, SHA-256",
                "TOTP verify, oldest step hits, SHA-256",
                "TOTP generate, SHA-256",
                "TOTP generate text, SHA-256",
                "our window, SHA-256",
            ],
        },
        Hash {
            ours: Algorithm::Sha512,
            totp_rs: totp_rs::Algorithm::SHA512,
            totp_rfc: totp_rfc::Algorithm::Sha512,
            libreauth: HashFunction::Sha512,
            slauth: HashesAlgorithm::SHA512,
            floor: floor::sha512,
            names: [
                "TOTP verify, miss, SHA-512",
                "TOTP verify, oldest step hits, SHA-512",
                "TOTP generate, SHA-512",
                "TOTP generate text, SHA-512",
                "our window, SHA-512",
            ],
        },
    ]
}

pub(crate) fn lines() -> Vec<Line> {
    let mut lines: Vec<_> = hashes().iter().flat_map(of_hash).collect();
    lines.extend(uris::lines());
    lines
}

/// Whoever accepts a wrong code, refuses a right one or makes another does not do the same work. slauth
/// verifies by the clock, at which neither code is right.
pub(crate) fn check() {
    for hash in hashes() {
        generate::check(&hash);
    }
    for line in lines() {
        let (verify, window) = (line.name.contains("verify"), line.name.contains("window"));
        for (name, work) in line.contenders.borrow_mut().iter_mut() {
            if window || verify && !["floor", "slauth"].contains(name) {
                let right = line.name.contains("hits") || name.contains("hits");
                assert_eq!(work(), right.into(), "{name}: {}", line.name);
            }
        }
    }
}

fn line(name: &'static str, repeat: u32, contenders: Vec<Contender>) -> Line {
    Line {
        name,
        repeat,
        contenders: RefCell::new(contenders),
    }
}

/// Verifying and generating. slauth reads the clock itself, and its window ends before the step to
/// come: it compares two steps where the others compare three.
fn of_hash(hash: &Hash) -> [Line; 5] {
    let key = &KEY[..hash.ours.output_bytes()];
    let ours = Totp {
        algorithm: hash.ours,
        window: Window {
            past: Reach::ONE,
            future: Reach::ONE,
        },
        ..Totp::default()
    };
    let secret = Secret::from_bytes(key).expect("a key");
    let shown = |ago: u64| ours.generate(&secret, NOW - ago).expose_secret().to_owned();
    let window = [
        shown(30),
        shown(0),
        ours.generate(&secret, NOW + 30).expose_secret().to_owned(),
    ];
    let wrong = ["000000", "111111", "222222", "333333"]
        .into_iter()
        .find(|wrong| !window.iter().any(|shown| shown == wrong))
        .expect("four codes are not three");
    let [miss, hit, _, _, of_window] = hash.names;
    let [bare, text] = generate::lines(hash);
    let floor = hash.floor;
    [
        line(
            miss,
            20,
            verifying(
                hash,
                key,
                wrong.to_owned(),
                Box::new(move || floor(black_box(10))),
            ),
        ),
        line(
            hit,
            20,
            verifying(hash, key, shown(30), Box::new(move || floor(black_box(10)))),
        ),
        bare,
        text,
        line(of_window, 20, in_window(ours, secret, wrong, &window)),
    ]
}

/// Our own verify alone, by what matches: the times of one line are taken in turn, so that they can be
/// told from each other to a few parts in a hundred.
fn in_window(totp: Totp, secret: Secret, wrong: &str, window: &[String; 3]) -> Vec<Contender> {
    let secret = Rc::new(secret);
    let [oldest, present, next] = window;
    let cases = [
        ("our miss", wrong),
        ("our oldest hits", oldest),
        ("our present hits", present),
        ("our next hits", next),
    ];
    let contender = |(name, typed): (&'static str, &str)| -> Contender {
        let (secret, typed) = (Rc::clone(&secret), typed.to_owned());
        let work = move || {
            let found = totp.verify(&secret, black_box(&typed), black_box(NOW), None);
            black_box(found).is_ok().into()
        };
        (name, Box::new(work))
    };
    cases.map(contender).into()
}

fn verifying(
    hash: &Hash,
    key: &[u8],
    typed: String,
    floor: Box<dyn FnMut() -> u64>,
) -> Vec<Contender> {
    let ours = Totp {
        algorithm: hash.ours,
        window: Window {
            past: Reach::ONE,
            future: Reach::ONE,
        },
        ..Totp::default()
    };
    let secret = Secret::from_bytes(key).expect("a key");
    let totp_rs = totp_rs::Builder::new()
        .with_algorithm(hash.totp_rs)
        .with_secret(key.to_vec().into_boxed_slice())
        .with_skew(1)
        .with_account_name("alice")
        .build()
        .expect("a secret");
    let totp_rfc = rfc(hash);
    let libreauth = libre(hash, key);
    let mut slauth = TOTPContext::builder()
        .algorithm(hash.slauth.clone())
        .re_sync_parameter(1, 1)
        .secret(key)
        .build();
    let key = key.to_vec();
    let [a, b, c, d, e] = core::array::from_fn(|_| typed.clone());
    vec![
        ("floor", floor),
        (
            "oath-otp",
            Box::new(move || {
                u64::from(
                    ours.verify(&secret, black_box(&a), black_box(NOW), None)
                        .is_ok(),
                )
            }),
        ),
        (
            "totp-rs",
            Box::new(move || u64::from(totp_rs.check(black_box(&b), black_box(NOW)).is_some())),
        ),
        (
            "totp-rfc",
            Box::new(move || {
                let secret = totp_rfc::Secret::new(&key).expect("a key");
                let window = totp_rfc::ValidationWindow::new(1, 1);
                let found = totp_rfc.verify_window(&secret, black_box(NOW), window, black_box(&c));
                u64::from(found.is_ok_and(|found| found.is_some()))
            }),
        ),
        (
            "libreauth",
            Box::new(move || u64::from(libreauth.is_valid(black_box(&d)))),
        ),
        (
            "slauth",
            Box::new(move || u64::from(slauth.verify(black_box(&e)))),
        ),
    ]
}

fn rfc(hash: &Hash) -> totp_rfc::Totp {
    totp_rfc::Totp::new(hash.totp_rfc, totp_rfc::Digits::SIX, 30, 0).expect("parameters")
}

fn libre(hash: &Hash, key: &[u8]) -> libreauth::oath::TOTP {
    let mut builder = LibreTotp::new();
    let builder = builder
        .key(key)
        .timestamp(NOW as i64)
        .hash_function(hash.libreauth);
    builder
        .positive_tolerance(1)
        .negative_tolerance(1)
        .finalize()
        .expect("parameters")
}
