//! Against plain implementations, and for every input. A failure prints its seed.

use hmac::{Mac, SimpleHmac};
use oath_otp::{
    Account, Algorithm, Digits, Hotp, Label, Method, Period, Reach, Secret, Totp, Window,
};
use proptest::prelude::*;

/// The code as RFC 4226 section 5.3 spells it, over the plain `hmac` crate.
fn plain_code(algorithm: Algorithm, key: &[u8], counter: u64, digits: Digits) -> String {
    fn mac<H>(key: &[u8], counter: u64) -> Vec<u8>
    where
        H: hmac::digest::Digest + hmac::digest::block_api::BlockSizeUser + Clone,
    {
        use hmac::KeyInit;
        let mac = SimpleHmac::<H>::new_from_slice(key).expect("any length");
        mac.chain_update(counter.to_be_bytes())
            .finalize()
            .into_bytes()
            .to_vec()
    }
    let mac = match algorithm {
        Algorithm::Sha1 => mac::<sha1::Sha1>(key, counter),
        Algorithm::Sha256 => mac::<sha2::Sha256>(key, counter),
        Algorithm::Sha512 => mac::<sha2::Sha512>(key, counter),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_224 => mac::<sha3::Sha3_224>(key, counter),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_256 => mac::<sha3::Sha3_256>(key, counter),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_384 => mac::<sha3::Sha3_384>(key, counter),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_512 => mac::<sha3::Sha3_512>(key, counter),
        other => panic!("no plain {other}"),
    };
    let offset = usize::from(mac.last().expect("not empty") & 0xf);
    let word: Vec<u8> = mac.into_iter().skip(offset).take(4).collect();
    let word = u32::from_be_bytes(word.try_into().expect("four bytes"));
    let value = u64::from(word & 0x7fff_ffff);
    let width = usize::from(digits.get());
    format!(
        "{:0width$}",
        value
            .checked_rem(10_u64.pow(digits.get().into()))
            .expect("not 0")
    )
}

/// A key of one block is used as it is, a longer one is hashed first (RFC 2104 section 2). The
/// blocks of all hashes.
#[test]
fn hmac_keys_around_the_block() {
    let key = [0xa7; 200];
    for block in [64, 72, 104, 128, 136, 144] {
        for length in [block - 1, block, block + 1] {
            let key = &key[..length];
            let secret = Secret::import_short(key).unwrap();
            for &algorithm in Algorithm::ALL {
                let hotp = Hotp {
                    algorithm,
                    ..Hotp::default()
                };
                let code = hotp.generate(&secret, 7);
                assert_eq!(
                    code.expose_secret(),
                    plain_code(algorithm, key, 7, Digits::Six)
                );
            }
        }
    }
}

/// HMAC fills a short key with zeros (RFC 2104 section 2), so keys that differ in zeros at the end
/// alone give the same codes; a test of ours or of others must not expect otherwise.
#[test]
fn hmac_ignores_zeros_behind_a_short_key() {
    for &algorithm in Algorithm::ALL {
        let hotp = Hotp {
            algorithm,
            ..Hotp::default()
        };
        let codes = [&b"key"[..], b"key\0", b"key\0\0\0", b"\0key"].map(|key| {
            let code = hotp.generate(&Secret::import_short(key).unwrap(), 7);
            code.expose_secret().to_owned()
        });
        let [plain, one, three, before] = codes;
        assert_eq!((&one, &three), (&plain, &plain), "{algorithm}");
        assert_ne!(before, plain, "{algorithm}");
    }
}

prop_compose! {
    fn any_digits()(digits in 5..=10_u8) -> Digits {
        Digits::try_from(digits).expect("5 to 10")
    }
}

fn any_algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(Algorithm::ALL)
}

fn any_counter() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..10_u64,
        u64::MAX - 10..=u64::MAX,
        Just(1 << 32),
        Just(1 << 53)
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,40}", "\\PC{0,40}"]
}

proptest! {
    /// For every algorithm, key, counter and number of digits, the code is that of a plain implementation.
    #[test]
    fn codes_equal_plain_ones(
        algorithm in any_algorithm(),
        digits in any_digits(),
        key in prop::collection::vec(any::<u8>(), 1..300),
        counter in any_counter(),
    ) {
        let secret = Secret::import_short(&key).unwrap();
        let hotp = Hotp { algorithm, digits, ..Hotp::default() };
        let code = hotp.generate(&secret, counter);
        prop_assert_eq!(code.expose_secret(), plain_code(algorithm, &key, counter, digits));
    }

    /// Whatever is accepted is in the window, newer than the last one, and its code was typed.
    #[test]
    fn verify_is_sound_and_complete(
        algorithm in any_algorithm(),
        past in 0..=31_u8,
        future in 0..=31_u8,
        time in any_counter(),
        start in prop_oneof![Just(0), any_counter()],
        seconds in 1..120_u32,
        step in -40..40_i64,
        last in prop::option::of(-40..40_i64),
    ) {
        let period = Period::from_seconds(seconds).unwrap();
        let [before, after] = [past, future].map(|beyond| Reach::new(beyond).unwrap());
        let window = Window { past: before, future: after };
        let digits = Digits::Ten;
        let totp = Totp { algorithm, digits, period, start, window };
        let hotp = Hotp { algorithm, digits, ..Hotp::default() };
        let secret = Secret::import_short(b"some key").unwrap();
        let now = totp.step_at(time);
        let base = now.unwrap_or(0);
        let step = base.saturating_add_signed(step);
        let last = last.map(|last| base.saturating_add_signed(last));
        let code = hotp.generate(&secret, step);
        let found = totp.verify(&secret, code.expose_secret(), time, last);
        let inside = now.is_some()
            && base.saturating_sub(past.into()) <= step
            && step <= base.saturating_add(future.into());
        let fresh = last.is_none_or(|last| step > last);
        prop_assert_eq!(found.ok().map(|step| step.get()), (inside && fresh).then_some(step));
    }

    /// Verifying never panics, whatever is typed and whenever.
    #[test]
    fn verify_never_panics(
        typed in any::<String>(),
        time in any::<u64>(),
        start in any::<u64>(),
        last in any::<Option<u64>>(),
    ) {
        let secret = Secret::import_short(b"k").unwrap();
        let totp = Totp { start, ..Totp::default() };
        let _ = totp.verify(&secret, &typed, time, last);
        let _ = Hotp::default().verify(&secret, &typed, last);
        let _ = Hotp::default().resync(&secret, &typed, &typed, last);
    }

    /// What is written as base32 is what the plain encoder writes, and is read again.
    #[test]
    fn base32_equals_the_plain_one(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        let text = Secret::import_short(&bytes).unwrap().to_base32();
        prop_assert_eq!(text.expose_secret(), data_encoding::BASE32_NOPAD.encode(&bytes));
        let again = Secret::import_short_base32(text.expose_secret()).unwrap();
        prop_assert_eq!(again.expose_secret(), bytes);
    }

    /// Short texts over symbols that matter: what is read, and what is refused, is what the plain
    /// decoder says of the text without blanks, with or without padding.
    #[test]
    fn base32_refuses_what_the_plain_one_refuses(text in "[A-Za-z2-7= -]{0,12}|[A27=]{0,17}|\\PC{0,9}") {
        let compact = text.replace([' ', '-'], "").to_ascii_uppercase();
        // It also reads one padded text behind another, where ours ends with its padding.
        let several = compact.trim_end_matches('=').contains('=');
        let plain = if several {
            Ok(Vec::new())
        } else if compact.contains('=') {
            data_encoding::BASE32.decode(compact.as_bytes())
        } else {
            data_encoding::BASE32_NOPAD.decode(compact.as_bytes())
        };
        let ours = Secret::import_short_base32(&text);
        let plain = plain.ok().filter(|bytes| !bytes.is_empty());
        prop_assert_eq!(ours.ok().map(|secret| secret.expose_secret().to_vec()), plain);
    }

    /// What a label holds is written as a URI of plain characters and read again, to the last field.
    #[test]
    fn uri_round_trip(
        algorithm in any_algorithm(),
        digits in any_digits(),
        seconds in 1..=i32::MAX.cast_unsigned(),
        counter in prop::option::of(any_counter()),
        key in prop::collection::vec(any::<u8>(), 1..100),
        issuer in prop::option::of(any_name()),
        account in any_name(),
    ) {
        let label = match &issuer {
            Some(issuer) => Label::new(issuer, &account),
            None => Label::without_issuer(&account),
        };
        let Ok(label) = label else { return Ok(()) };
        let secret = Secret::import_short(&key).unwrap();
        let method = match counter {
            Some(counter) => Method::Hotp(Hotp { algorithm, digits, ..Hotp::default() }, counter),
            None => {
                let period = Period::from_seconds(seconds).unwrap();
                Method::Totp(Totp { algorithm, digits, period, ..Totp::default() })
            }
        };
        let account = Account { label, secret, method, cleaned: None };
        let uri = account.to_uri().unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:/?&=".contains(&byte);
        prop_assert!(uri.expose_secret().bytes().all(plain));
        let again = Account::from_uri(uri.expose_secret()).unwrap();
        prop_assert_eq!(&again.label, &account.label);
        prop_assert_eq!(again.method, account.method);
        prop_assert_eq!(again.secret.expose_secret(), key);
    }

    /// What is read can be written, and reads the same again.
    #[test]
    fn uri_parsing_is_total_and_stable(
        text in "(otpauth://)?(totp|hotp|x)?/?[a-c:%@# +/]{0,9}(%3A|%zz|é)?[?]?((secret|issuer|digits|period|counter|algorithm|x)=(A7|MFRGGZDFMZTWQ2LK|6|30|SHA1|%20|a:b|)&?){0,6}"
    ) {
        if let Ok(account) = Account::from_uri(&text) {
            let again = Account::from_uri(account.to_uri().unwrap().expose_secret()).unwrap();
            prop_assert_eq!(&again.label, &account.label);
            prop_assert_eq!(again.cleaned, None);
            prop_assert_eq!(again.method, account.method);
            prop_assert_eq!(again.secret.expose_secret(), account.secret.expose_secret());
        }
    }
}

/// Some zeros, in the scripts of people who type codes, and at both ends of the list.
const ZEROS: [char; 8] = ['0', '٠', '۰', '०', '๐', '０', '𝟎', '\u{1fbf0}'];

proptest! {
    /// A code in the decimal digits of any script, mixed with whatever a copy brings along, is the same code.
    #[test]
    fn typed_code_in_any_script(
        counter: u64,
        scripts in proptest::collection::vec(proptest::sample::select(&ZEROS), 6),
        between in proptest::collection::vec(r"[ \t\r\n\-\u{a0}\u{2009}\u{200b}\u{2013}\u{2066}]?", 6),
    ) {
        let secret = Secret::from_bytes(&[7; 20]).unwrap();
        let code = Hotp::default().generate(&secret, counter);
        let digits = code.expose_secret().chars().zip(scripts).map(|(digit, zero)| {
            let value = digit.to_digit(10).unwrap();
            char::from_u32(u32::from(zero).saturating_add(value)).unwrap()
        });
        let text: String = digits.zip(between).map(|(digit, blank)| format!("{digit}{blank}")).collect();
        // The next counter may have the same code.
        let hotp = Hotp { look_ahead: Reach::NONE, ..Hotp::default() };
        let found = hotp.verify(&secret, &text, counter.checked_sub(1));
        prop_assert_eq!(found.map(|found| found.get()), Ok(counter));
    }

    /// Every decimal digit that Unicode knows is one.
    #[test]
    fn typed_digits_of_every_script(text in r"\p{Nd}{6}") {
        prop_assert_eq!(Digits::Six.check_form(&text), Ok(()));
    }
}
