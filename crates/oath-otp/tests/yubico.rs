//! OTPs of Yubikeys: published and made-up vectors, layouts, counters, and what is wiped and shown.
#![cfg(feature = "yubico")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that panics fails its test"
)]

use core::fmt::Display;

use allocation_counter::measure;
use oath_otp::Reason;
use oath_otp::yubico::{Key, Otp, Press, PublicId, modhex};
use proptest::prelude::*;

/// A line of `yubico/right.txt`.
struct Line {
    key: Key,
    press: Press,
    otp: &'static str,
}

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

fn lines(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect())
}

fn right() -> Vec<Line> {
    let read = lines(include_str!("yubico/right.txt")).map(|fields| Line {
        key: Key::from_bytes(&hex(fields[1]), &hex(fields[0])),
        press: Press {
            session: fields[2].parse().unwrap(),
            uses: fields[3].parse().unwrap(),
            timestamp: fields[4].parse().unwrap(),
            random: fields[5].parse().unwrap(),
        },
        otp: fields[6],
    });
    read.collect()
}

fn reason(answer: Result<Press, oath_otp::Rejected>) -> Reason {
    answer.expect_err("a refusal").reason()
}

fn dvorak(text: &str) -> String {
    let typed = |letter| {
        let place = "cbdefghijklnrtuv".find(letter).unwrap();
        "jxe.uidchtnbpygk".chars().nth(place).unwrap()
    };
    text.chars().map(typed).collect()
}

/// Every vector is read as what is in it, and written as it was typed.
#[test]
fn vectors_are_read_and_written() {
    let lines = right();
    assert_eq!(lines.len(), 118);
    for Line { key, press, otp } in &lines {
        let read = Otp::parse(otp).unwrap();
        assert_eq!(key.verify(&read, None).unwrap(), *press, "{otp}");
        assert_eq!(read.to_modhex().expose_secret(), *otp);
        assert_eq!(read.public_id().to_string(), otp[..otp.len() - 32]);
        let written = key.generate(*read.public_id(), press);
        assert_eq!(written.to_modhex().expose_secret(), *otp);
    }
}

/// What is no OTP of its key is refused.
#[test]
fn wrong_vectors_are_refused() {
    let (mut refused, right) = (0, right());
    for fields in lines(include_str!("yubico/wrong.txt")) {
        let mut own = right.iter().map(|line| &line.key);
        let own = own.find(|key| *key.expose_aes_key() == hex::<16>(fields[0]));
        // Where it is known, the key has the private id of the block: nothing but the block refuses it.
        let stranger = Key::from_bytes(&[0; 6], &hex(fields[0]));
        let key = own.unwrap_or(&stranger);
        match Otp::parse(fields[1]) {
            Err(rejected) => assert_eq!(rejected.reason(), Reason::Malformed),
            Ok(otp) => assert_eq!(reason(key.verify(&otp, None)), Reason::NoMatch),
        }
        refused += 1;
    }
    assert_eq!(refused, 27);
}

/// What a keyboard types in another way is the OTP that was meant, and right.
#[test]
fn typed_vectors_are_what_was_meant() {
    let (mut read, right) = (0, right());
    for fields in lines(include_str!("yubico/typed.txt")) {
        let otp = Otp::parse(fields[0]).unwrap();
        assert_eq!(otp.to_modhex().expose_secret(), fields[1]);
        let line = right.iter().find(|line| line.otp == fields[1]).unwrap();
        assert_eq!(line.key.verify(&otp, None), Ok(line.press));
        read += 1;
    }
    assert_eq!(read, 3);
}

/// Each bit of a block counts: checksum or private id is wrong then.
#[test]
fn flipped_bits_are_refused() {
    for Line { key, otp, .. } in right() {
        let block = modhex::decode(&otp[otp.len() - 32..]).unwrap();
        for bit in 0..128 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let otp = Otp::parse(&modhex::encode(&flipped)).unwrap();
            assert_eq!(reason(key.verify(&otp, None)), Reason::NoMatch);
        }
    }
}

/// A block of the right AES key with another private id is refused.
#[test]
fn private_id_is_compared() {
    let press = right()[0].press;
    let own = Key::from_bytes(&[1; 6], &[2; 16]);
    for place in 0..6 {
        let mut other = [1; 6];
        other[place] ^= 0x80;
        let otp = Key::from_bytes(&other, &[2; 16]).generate("".parse().unwrap(), &press);
        assert_eq!(reason(own.verify(&otp, None)), Reason::NoMatch);
    }
}

/// Counters go forward alone: session first, then use. A key that starts again from 0 is refused.
#[test]
fn counters_go_forward_alone() {
    let key = Key::from_bytes(&[1; 6], &[2; 16]);
    let counters = [
        0, 1, 254, 255, 256, 257, 0x7fff, 0x8000, 0xff_fe_ff, 0xff_ff_00, 0xff_ff_ff,
    ];
    for counter in counters {
        let press = Press {
            session: u16::try_from(counter >> 8).unwrap(),
            uses: u8::try_from(counter & 255).unwrap(),
            timestamp: 0xff_ffff,
            random: 0,
        };
        assert_eq!(press.counter(), counter);
        let otp = key.generate("cc".parse().unwrap(), &press);
        assert_eq!(key.verify(&otp, None), Ok(press));
        for last in counters {
            let verified = key.verify(&otp, Some(last));
            match counter > last {
                true => assert_eq!(verified, Ok(press)),
                false => assert_eq!(reason(verified), Reason::Replayed),
            }
        }
        assert_eq!(reason(key.verify(&otp, Some(u64::MAX))), Reason::Replayed);
    }
}

/// Caps lock, a Dvorak keyboard, and blanks around it type the same OTP.
#[test]
fn otp_is_one_in_every_layout() {
    for Line { otp, .. } in right() {
        let typed = [
            otp.to_uppercase(),
            dvorak(otp),
            dvorak(otp).to_uppercase(),
            format!(" {otp}\r\n"),
            format!("\t{}\n", dvorak(otp)),
        ];
        for typed in typed {
            let read = Otp::parse(&typed).unwrap();
            assert_eq!(read.to_modhex().expose_secret(), otp, "{typed}");
        }
    }
}

/// A text that is neither modhex nor Dvorak throughout is no OTP; one that is both is modhex.
#[test]
fn mixed_layouts_are_malformed() {
    let otp = "dvgtiblfkbgturecfllberrvkinnctnn";
    let typed = dvorak(otp);
    let mixed = format!("{}{}", &typed[..16], &otp[16..]);
    assert_eq!(Otp::parse(&mixed).unwrap_err().reason(), Reason::Malformed);
    let both = "bcdeghijkntu".repeat(3);
    let both = &both[..32];
    assert_eq!(Otp::parse(both).unwrap().to_modhex().expose_secret(), both);
}

/// Hostile texts are malformed, whatever their length.
#[test]
fn hostile_text_is_malformed() {
    let otp = "dvgtiblfkbgturecfllberrvkinnctnn";
    let texts = [
        String::new(),
        otp[1..].to_owned(),
        format!("c{otp}"),
        format!("{}{otp}", "c".repeat(33)),
        format!("{}{otp}", "c".repeat(34)),
        otp.repeat(100_000),
        " ".repeat(100_000),
        otp.replace('d', "a"),
        otp.replace('d', " "),
        otp.replace('d', "\0"),
        otp.replace('d', "\u{ff44}"),
        otp.replace('d', "ä"),
        format!("{otp}\u{200b}"),
        format!("{otp}="),
    ];
    for text in texts {
        let rejected = Otp::parse(&text).unwrap_err();
        assert_eq!(rejected.reason(), Reason::Malformed, "{:.50}", text);
        assert_eq!(rejected.to_string(), "the code was not accepted");
    }
    assert!(Otp::parse(&format!("{}{otp}", "c".repeat(32))).is_ok());
}

/// Modhex of other implementations, and its own round trip.
#[test]
fn modhex_is_read_and_written() {
    let text = "hligieifhbhuhvifhjhgidhihvifhgieif";
    assert_eq!(modhex::encode(b"justanothergotest"), text);
    assert_eq!(
        modhex::decode(&text.to_uppercase()).unwrap(),
        b"justanothergotest"
    );
    assert_eq!(modhex::encode(&[]), "");
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(modhex::decode(&modhex::encode(&all)), Some(all));
    for wrong in ["c", "ccc", "ca", "c ", "0a", "ｃｃ"] {
        assert_eq!(modhex::decode(wrong), None, "{wrong}");
    }
}

/// Public ids of every length, and none that is longer.
#[test]
fn public_ids_have_up_to_16_bytes() {
    for length in 0..=16 {
        let id = PublicId::from_bytes(&[0xfe; 16][..length]).unwrap();
        assert_eq!(id.as_bytes().len(), length);
        assert_eq!(id.to_string().parse::<PublicId>(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<PublicId>(), Ok(id));
    }
    assert!(PublicId::from_bytes(&[0; 17]).is_err());
    for wrong in [
        "c",
        "a1",
        &"c".repeat(33),
        &"c".repeat(34),
        &"c".repeat(1_000_000),
    ] {
        assert!(wrong.parse::<PublicId>().is_err());
    }
}

/// Reading and verifying allocate nothing.
#[test]
fn reading_and_verifying_allocate_nothing() {
    let line = &right()[20];
    let huge = "c".repeat(1_000_000);
    let counted = measure(|| {
        let otp = Otp::parse(line.otp).unwrap();
        assert!(line.key.verify(&otp, None).is_ok());
        assert!(line.key.verify(&otp, Some(u64::MAX)).is_err());
        assert!(Otp::parse(&huge).is_err());
    });
    assert_eq!(counted.count_total, 0);
}

/// Debug text shows the public id and nothing else.
#[test]
fn debug_shows_nothing_secret() {
    let key = Key::from_bytes(&[0xab; 6], &[0xcd; 16]);
    assert_eq!(format!("{key:?}"), "Key(..)");
    let otp = Otp::parse("ccdvgtiblfkbgturecfllberrvkinnctnn").unwrap();
    assert_eq!(format!("{otp:?}"), "Otp { public_id: PublicId(cc), .. }");
}

/// Fails to compile if the type has the trait: the two candidates for `_` are ambiguous then.
macro_rules! assert_not_impl {
    ($type:ty: $($trait:path),+) => {$(
        const _: fn() = || {
            trait Ambiguous<Marker> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
            <$type as Ambiguous<_>>::check();
        };
    )+};
}

assert_not_impl!(Key: Clone, Copy, PartialEq, Display, Default, AsRef<[u8]>);
assert_not_impl!(Otp: Clone, Copy, PartialEq, Display, Default);

proptest! {
    /// What is written is read as the same, whatever is in it.
    #[test]
    fn press_is_read_as_it_was_written(
        private_id: [u8; 6], aes: [u8; 16], session: u16, uses: u8, timestamp in 0..1_u32 << 24, random: u16,
        public_id in prop::collection::vec(any::<u8>(), 0..=16),
    ) {
        let press = Press { session, uses, timestamp, random };
        let key = Key::from_bytes(&private_id, &aes);
        prop_assert_eq!(key.expose_private_id(), &private_id);
        prop_assert_eq!(key.expose_aes_key(), &aes);
        let otp = key.generate(PublicId::from_bytes(&public_id).unwrap(), &press);
        let otp = Otp::parse(otp.to_modhex().expose_secret()).unwrap();
        prop_assert_eq!(otp.public_id().as_bytes(), &public_id[..]);
        prop_assert_eq!(key.verify(&otp, None), Ok(press));
    }
}
