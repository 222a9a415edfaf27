//! What an attacker could time, in the classes that they would want to tell apart.

use core::hint::black_box;

use oath_otp::{Reach, Secret, Totp, Window};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use token_store::ott_core::TokenDigest;

use crate::measure::{Case, Work};

mod redeem;

/// Unix seconds within a step.
const NOW: u64 = 1_767_323_045;

pub fn all() -> Vec<Case> {
    vec![
        digest_comparison(false),
        first_wrong_digit(false),
        window(Question::Match),
        window(Question::Replay),
        redeem::case(false),
        // The same work on the same inputs, with a leak in it.
        digest_comparison(true),
        first_wrong_digit(true),
        window(Question::Planted),
        redeem::case(true),
    ]
}

/// Several comparisons a sample: one takes less than the clock's own time.
const COMPARISONS: usize = 32;

struct Compare {
    kept: [u8; 32],
    presented: [u8; 32],
    compare: fn(&[u8; 32], &[u8; 32]) -> bool,
}

/// A digest that differs first at the first, middle or last byte, or nowhere.
fn digest_comparison(leaks: bool) -> Case {
    let places = ["equal", "byte 1", "byte 16", "byte 32"];
    Case {
        name: if leaks {
            "planted: bytes until the first difference"
        } else {
            "digest comparison"
        },
        classes: places.map(String::from).to_vec(),
        leaks,
        work: Box::new(Compare {
            kept: StdRng::seed_from_u64(1).random(),
            presented: [0; 32],
            compare: if leaks {
                |one, other| until_different(one, other)
            } else {
                as_digests
            },
        }),
    }
}

fn as_digests(one: &[u8; 32], other: &[u8; 32]) -> bool {
    TokenDigest::from_bytes(*one) == TokenDigest::from_bytes(*other)
}

/// What must not be done.
fn until_different(one: &[u8], other: &[u8]) -> bool {
    for (one, other) in one.iter().zip(other) {
        if black_box(one) != black_box(other) {
            return false;
        }
    }
    true
}

impl Work for Compare {
    type Input = [u8; 32];

    fn prepare(&mut self, class: usize, rng: &mut StdRng) -> [u8; 32] {
        let random: [u8; 32] = rng.random();
        // How many bytes are right; one is wrong for certain, those behind it are anything.
        let right = [32, 0, 15, 31][class];
        let mut presented = [0; 32];
        for (place, byte) in presented.iter_mut().enumerate() {
            let kept = self.kept[place];
            *byte = match place {
                _ if place < right => kept,
                _ if place == right => kept ^ (random[place] | 1),
                _ => random[place],
            };
        }
        presented
    }

    fn place(&mut self, input: [u8; 32]) {
        self.presented = input;
    }

    fn work(&mut self) {
        for _ in 0..COMPARISONS {
            black_box((self.compare)(
                black_box(&self.kept),
                black_box(&self.presented),
            ));
        }
    }
}

type Make = fn(&Verify, usize, &mut StdRng) -> String;

struct Verify {
    totp: Totp,
    secret: Secret,
    typed: String,
    /// How often a sample asks: a digit is compared in less than the clock's own time.
    times: usize,
    /// Makes what is typed: the right code of the present step, the class, and something random.
    make: Make,
    verify: fn(&Totp, &Secret, &str) -> bool,
}

impl Work for Verify {
    type Input = String;

    fn prepare(&mut self, class: usize, rng: &mut StdRng) -> String {
        (self.make)(self, class, rng)
    }

    fn place(&mut self, input: String) {
        self.typed.clear();
        self.typed.push_str(&input);
    }

    fn work(&mut self) {
        for _ in 0..self.times {
            black_box((self.verify)(
                black_box(&self.totp),
                black_box(&self.secret),
                black_box(&self.typed),
            ));
        }
    }
}

impl Verify {
    fn new(totp: Totp, make: Make) -> Self {
        Self {
            totp,
            secret: Secret::from_bytes(b"a secret of 160 bits").expect("160 bits"),
            typed: String::with_capacity(64),
            times: 1,
            make,
            verify: |totp, secret, typed| totp.verify(secret, typed, NOW, None).is_ok(),
        }
    }

    /// The code so many steps from the present one.
    fn code(&self, steps: i64) -> String {
        let now = NOW.saturating_add_signed(steps * 30);
        self.totp
            .generate(&self.secret, now)
            .expose_secret()
            .to_owned()
    }
}

/// The right code up to a digit, a wrong digit there, and anything behind.
fn wrong_from(code: &str, first_wrong: usize, rng: &mut StdRng) -> String {
    let digits = code.bytes().enumerate().map(|(place, digit)| {
        let random = rng.random_range(1..10);
        let digit = digit - b'0';
        match place {
            _ if place < first_wrong => digit,
            _ if place == first_wrong => (digit + random) % 10,
            _ => random,
        }
    });
    digits.map(|digit| char::from(b'0' + digit)).collect()
}

fn first_wrong_digit(leaks: bool) -> Case {
    let names = (1..=6).map(|place| format!("digit {place}"));
    let totp = Totp {
        window: Window::STRICT,
        ..Totp::default()
    };
    let make = |verify: &Verify, class, rng: &mut StdRng| wrong_from(&verify.code(0), class, rng);
    let mut verify = Verify {
        times: 8,
        ..Verify::new(totp, make)
    };
    if leaks {
        verify.verify = until_wrong_digit;
    }
    Case {
        name: if leaks {
            "planted: digits until the first wrong one"
        } else {
            "TOTP verify: first wrong digit"
        },
        classes: names.collect(),
        leaks,
        work: Box::new(verify),
    }
}

/// What must not be done.
fn until_wrong_digit(totp: &Totp, secret: &Secret, typed: &str) -> bool {
    let code = totp.generate(secret, NOW);
    until_different(code.expose_secret().as_bytes(), typed.as_bytes())
}

/// What is asked about a code of each step of the window, or of none.
///
/// A code that is accepted is compared with other accepted ones, and a refused one with other refused
/// ones: which of the two it is, is the answer, and whoever asked branches on it.
#[derive(Clone, Copy, PartialEq)]
enum Question {
    /// Which step matches.
    Match,
    /// Which step matches, where the search stops at it: what must not be done.
    Planted,
    /// Whether a refused code is that of a step, and of which one.
    Replay,
}

fn window(question: Question) -> Case {
    let two = Reach::new(2).expect("it fits");
    let totp = Totp {
        window: Window {
            past: two,
            future: two,
        },
        ..Totp::default()
    };
    let steps = ["none", "step -2", "step -1", "step 0", "step 1", "step 2"];
    let make = |verify: &Verify, class: usize, rng: &mut StdRng| match class {
        0 => loop {
            let typed = format!("{:06}", rng.random_range(0..1_000_000));
            if (-2..=2).all(|steps| verify.code(steps) != typed) {
                break typed;
            }
        },
        class => verify.code(class as i64 - 3),
    };
    let accepted = |verify: &Verify, class: usize, _: &mut StdRng| verify.code(class as i64 - 2);
    let (make, steps): (Make, _) = match question {
        Question::Match => (accepted, &steps[1..]),
        Question::Planted | Question::Replay => (make, &steps[..]),
    };
    let mut verify = Verify::new(totp, make);
    let name = match question {
        Question::Match => "TOTP verify: match in the window",
        Question::Planted => "planted: steps until the first match",
        Question::Replay => "TOTP verify: replay in the window",
    };
    match question {
        Question::Match => {}
        Question::Planted => verify.verify = until_matching,
        Question::Replay => verify.verify = replayed,
    }
    Case {
        name,
        classes: steps.iter().map(|step| (*step).into()).collect(),
        leaks: question == Question::Planted,
        work: Box::new(verify),
    }
}

/// Every step of the window is used up: all codes are refused, with a reason for the log alone.
fn replayed(totp: &Totp, secret: &Secret, typed: &str) -> bool {
    let last = totp.step_at(NOW).map(|step| step + 2);
    totp.verify(secret, typed, NOW, last).is_ok()
}

/// What must not be done.
fn until_matching(totp: &Totp, secret: &Secret, typed: &str) -> bool {
    let mut steps = (0..5).map(|step| NOW - 60 + 30 * step);
    steps.any(|time| totp.generate(secret, time).expose_secret() == typed)
}
