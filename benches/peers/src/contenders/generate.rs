//! One code: as each crate returns it, and as text.

use std::{fmt, hint::black_box, time::SystemTime};

use oath_otp::{Secret, Totp};
use slauth::oath::totp::TOTPContext;

use super::{Hash, KEY, NOW, libre, line, rfc};
use crate::rounds::{Contender, Line};

/// Text on the stack, as long as the longest code.
#[derive(Default)]
pub(super) struct Text {
    bytes: [u8; 16],
    length: usize,
}

impl Text {
    fn put(&mut self, digits: &str) {
        fmt::Write::write_str(self, digits).expect("room for a code");
    }

    fn write(&mut self, code: impl fmt::Display) {
        fmt::Write::write_fmt(self, format_args!("{code}")).expect("room for a code");
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).expect("digits")
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, digits: &str) -> fmt::Result {
        let end = self.length + digits.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(digits.as_bytes());
        self.length = end;
        Ok(())
    }
}

type Writer = (&'static str, Box<dyn FnMut(&mut Text)>);

/// What each crate returns is not the same: totp-rs and totp-rfc return a number, which they turn into
/// text when asked, the others text. So a line for each.
pub(super) fn lines(hash: &Hash) -> [Line; 2] {
    let [_, _, bare, text, _] = hash.names;
    let floor = || -> Contender {
        let floor = hash.floor;
        ("floor", Box::new(move || floor(black_box(4))))
    };
    let mut writing = vec![floor()];
    writing.extend(writers(hash).into_iter().map(|(name, mut write)| {
        let work = move || {
            let mut text = Text::default();
            write(&mut text);
            black_box(&text);
            1_u64
        };
        (name, Box::new(work) as Box<dyn FnMut() -> u64>)
    }));
    let mut returning = vec![floor()];
    returning.extend(returners(hash));
    [line(bare, 40, returning), line(text, 40, writing)]
}

/// Whoever writes another code does not do the same work. slauth goes by the clock, which may reach
/// the next step between two looks at it.
pub(super) fn check(hash: &Hash) {
    let (ours, secret) = ours(hash);
    let code = |time| ours.generate(&secret, time).expose_secret().to_owned();
    let clock = || {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        time.expect("a clock behind 1970").as_secs()
    };
    for (name, mut write) in writers(hash) {
        let before = clock();
        let mut text = Text::default();
        write(&mut text);
        let right = match name {
            "slauth" => vec![code(before), code(clock())],
            _ => vec![code(NOW)],
        };
        let text = text.as_str();
        assert!(
            right.iter().any(|code| code == text),
            "{name} writes {text}, not {right:?}: {}",
            ours.algorithm
        );
    }
}

fn ours(hash: &Hash) -> (Totp, Secret) {
    let totp = Totp {
        algorithm: hash.ours,
        ..Totp::default()
    };
    (totp, Secret::from_bytes(key(hash)).expect("a key"))
}

fn key(hash: &Hash) -> &'static [u8] {
    &KEY[..hash.ours.output_bytes()]
}

fn totp_rs(hash: &Hash) -> totp_rs::Totp {
    totp_rs::Builder::new()
        .with_algorithm(hash.totp_rs)
        .with_secret(key(hash).to_vec().into_boxed_slice())
        .with_account_name("alice")
        .build()
        .expect("a secret")
}

fn slauth(hash: &Hash) -> TOTPContext {
    TOTPContext::builder()
        .algorithm(hash.slauth.clone())
        .secret(key(hash))
        .build()
}

/// Each code as its crate returns it.
fn returners(hash: &Hash) -> Vec<Contender> {
    let ((ours, secret), totp_rs, slauth) = (ours(hash), totp_rs(hash), slauth(hash));
    let (totp_rfc, libreauth, key) = (rfc(hash), libre(hash, key(hash)), key(hash));
    vec![
        (
            "oath-otp",
            Box::new(move || {
                black_box(ours.generate(&secret, black_box(NOW)));
                1
            }),
        ),
        (
            "totp-rs",
            Box::new(move || {
                black_box(totp_rs.generate(black_box(NOW)));
                1
            }),
        ),
        (
            "totp-rfc",
            Box::new(move || {
                let secret = totp_rfc::Secret::new(key).expect("a key");
                black_box(totp_rfc.generate(&secret, black_box(NOW)).expect("a time"));
                1
            }),
        ),
        (
            "libreauth",
            Box::new(move || black_box(libreauth.generate()).len() as u64),
        ),
        (
            "slauth",
            Box::new(move || black_box(slauth.r#gen()).len() as u64),
        ),
    ]
}

/// Each code as text on the stack.
fn writers(hash: &Hash) -> Vec<Writer> {
    let ((ours, secret), totp_rs, slauth) = (ours(hash), totp_rs(hash), slauth(hash));
    let (totp_rfc, libreauth, key) = (rfc(hash), libre(hash, key(hash)), key(hash));
    vec![
        (
            "oath-otp",
            Box::new(move |text: &mut Text| {
                text.put(ours.generate(&secret, black_box(NOW)).expose_secret())
            }),
        ),
        (
            "totp-rs",
            Box::new(move |text| text.write(totp_rs.generate(black_box(NOW)))),
        ),
        (
            "totp-rfc",
            Box::new(move |text| {
                let secret = totp_rfc::Secret::new(key).expect("a key");
                text.write(totp_rfc.generate(&secret, black_box(NOW)).expect("a time"))
            }),
        ),
        (
            "libreauth",
            Box::new(move |text| text.put(&libreauth.generate())),
        ),
        ("slauth", Box::new(move |text| text.put(&slauth.r#gen()))),
    ]
}
