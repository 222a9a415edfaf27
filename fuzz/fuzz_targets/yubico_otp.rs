//! Whatever is typed in place of a Yubikey's OTP: it is read as the plain reading reads it, and right exactly where
//! AES and CRC of others say so.
#![cfg_attr(feature = "libfuzzer", no_main)]

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt, KeyInit},
};
use arbitrary::Arbitrary;
use oath_otp::{
    Reason,
    yubico::{Key, Otp, Press, PublicId, modhex},
};

#[derive(Arbitrary, Debug)]
struct Input {
    private_id: [u8; 6],
    aes: [u8; 16],
    last: Option<u32>,
    typed: Typed,
}

#[derive(Arbitrary, Debug)]
enum Typed {
    /// A press of this key, or of nearly this key.
    Press {
        public_id: Vec<u8>,
        session: u16,
        uses: u8,
        timestamp: u32,
        random: u16,
        flipped: Option<u8>,
        layout: Layout,
    },
    Text(String),
}

#[derive(Arbitrary, Debug)]
enum Layout {
    Plain,
    Upper,
    Dvorak,
    Blanks,
}

const MODHEX: &str = "cbdefghijklnrtuv";
const DVORAK: &str = "jxe.uidchtnbpygk";

fuzz::fuzz_target!(|input: Input| {
    let key = Key::from_bytes(&input.private_id, &input.aes);
    let (text, another) = match &input.typed {
        Typed::Text(text) => (text.clone(), true),
        Typed::Press {
            public_id,
            session,
            uses,
            timestamp,
            random,
            flipped,
            layout,
        } => {
            let press = Press {
                session: *session,
                uses: *uses,
                timestamp: timestamp & 0xff_ffff,
                random: *random,
            };
            let public_id = &public_id[..public_id.len().min(16)];
            let otp = key.generate(PublicId::from_bytes(public_id).unwrap(), &press);
            let mut text = otp.to_modhex().expose_secret().to_owned();
            if let Some(bit) = flipped {
                let mut bytes = modhex::decode(&text).unwrap();
                let place = bytes.len() - 1 - usize::from(bit / 8 % 16);
                bytes[place] ^= 1 << (bit % 8);
                text = modhex::encode(&bytes);
            }
            let text = match layout {
                Layout::Plain => text,
                Layout::Upper => text.to_uppercase(),
                Layout::Dvorak => mapped(&text, MODHEX, DVORAK).unwrap(),
                Layout::Blanks => format!(" {text}\r\n"),
            };
            // Where a Dvorak keyboard types modhex letters alone, they are read as they stand.
            let modhex = matches!(layout, Layout::Dvorak) && modhex::decode(&text).is_some();
            (text, flipped.is_some() || modhex)
        }
    };
    let expected = plain(&text);
    let read = Otp::parse(&text);
    assert_eq!(read.is_ok(), expected.is_some(), "{text:?}");
    let (Ok(otp), Some(bytes)) = (read, expected) else {
        return;
    };
    let (name, block) = bytes.split_at(bytes.len() - 16);
    assert_eq!(otp.public_id().as_bytes(), name);
    assert_eq!(otp.to_modhex().expose_secret(), modhex::encode(&bytes));
    let block = decrypted(&input.aes, block);
    let sum = crc::Crc::<u16>::new(&crc::CRC_16_IBM_SDLC).checksum(&block[..14]);
    let right = block[14..] == sum.to_le_bytes() && block[..6] == input.private_id;
    assert!(right || another, "what was pressed is right");
    let counter = u64::from(u16::from_le_bytes([block[6], block[7]])) << 8 | u64::from(block[11]);
    let last = input.last.map(u64::from);
    match key.verify(&otp, last) {
        Ok(press) => {
            assert!(right && last.is_none_or(|last| counter > last));
            assert_eq!(press.counter(), counter);
            assert!(key.verify(&otp, Some(counter)).is_err());
        }
        Err(why) if why.reason() == Reason::Replayed => {
            assert!(right && last.is_some_and(|last| counter <= last));
        }
        Err(why) => {
            assert_eq!(why.reason(), Reason::NoMatch);
            assert!(!right);
        }
    }
});

/// Each letter by the one that stands in its place.
fn mapped(text: &str, from: &str, to: &str) -> Option<String> {
    let letter = |letter: char| to.chars().nth(from.find(letter)?);
    text.chars().map(letter).collect()
}

/// The bytes of what was typed, by tables of text.
fn plain(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0c']);
    let text = text.to_ascii_lowercase();
    let hex = mapped(&text, MODHEX, "0123456789abcdef")
        .or_else(|| mapped(&text, DVORAK, "0123456789abcdef"))?;
    let fits = (32..=64).contains(&hex.len());
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok();
    bytes.filter(|_| fits)
}

fn decrypted(key: &[u8; 16], block: &[u8]) -> [u8; 16] {
    let mut block = aes::Block::try_from(block).unwrap();
    Aes128::new(key.into()).decrypt_block(&mut block);
    block.into()
}
