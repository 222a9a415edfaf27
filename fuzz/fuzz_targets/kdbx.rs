//! Whatever a KeePass database holds, it is read or refused. The first byte says whether a header follows, whose cost is
//! held against its caps, or the content of a database that is sealed here as KeePass does.
#![cfg_attr(feature = "libfuzzer", no_main)]

use aes::cipher::BlockCipherEncrypt;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use otp_vault::{Import, ImportError, Password};
use sha2::{Digest, Sha256, Sha512};

const MAGIC: &[u8] = b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01\0\x04\0";
const CHACHA20: &[u8] = b"\xd6\x03\x8a\x2b\x8b\x6f\x4c\xb5\xa5\x24\x33\x9a\x31\xdb\xb5\x9a";
const AES_KDF: &[u8] = b"\xc9\xd9\xf3\x9a\x62\x8a\x44\x60\xbf\x74\x0d\x08\xc1\x8a\x4f\xea";

fuzz::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    if first & 2 != 0 {
        let header = [MAGIC, rest].concat();
        let hash: [u8; 32] = Sha256::digest(&header).into();
        let file = [&header[..], &hash, &[0; 32]].concat();
        // No password: costs are capped before one is asked for.
        assert!(Import::new(&file).read().is_err());
        return;
    }
    let file = sealed(rest, first & 1 != 0);
    let password = Password::new("x".to_owned());
    match Import::new(&file).password(&password).read() {
        Ok(imported) => {
            for entry in &imported.entries {
                let _ = entry.code(59);
            }
        }
        // The container is whole, and opens.
        Err(error) => assert!(!matches!(
            error,
            ImportError::WrongPassword(_) | ImportError::Unrecognised
        )),
    }
});

fn sealed(content: &[u8], is_compressed: bool) -> Vec<u8> {
    let field =
        |id: u8, value: &[u8]| [&[id][..], &(value.len() as u32).to_le_bytes(), value].concat();
    let item = |kind: u8, name: &[u8], value: &[u8]| {
        [field(kind, name), field(0, value)[1..].to_vec()].concat()
    };
    let derivation = [
        vec![0, 1],
        item(0x42, b"$UUID", AES_KDF),
        item(0x05, b"R", &1_u64.to_le_bytes()),
        item(0x42, b"S", &[7; 32]),
        vec![0],
    ]
    .concat();
    let header = [
        MAGIC.to_vec(),
        field(2, CHACHA20),
        field(3, &u32::from(is_compressed).to_le_bytes()),
        field(4, &[5; 32]),
        field(7, &[6; 12]),
        field(11, &derivation),
        field(0, b"\r\n\r\n"),
    ]
    .concat();

    let mut key: [u8; 32] = Sha256::digest(Sha256::digest(b"x")).into();
    let cipher = aes::Aes256::new(&[7; 32].into());
    for half in key.chunks_mut(16) {
        let mut block = aes::Block::try_from(&*half).expect("a block");
        cipher.encrypt_block(&mut block);
        half.copy_from_slice(&block);
    }
    let key = Sha256::digest(key);
    let base = Sha512::digest([&[5; 32][..], &key, &[1]].concat());
    let tag = |index: u64, content: &[u8]| {
        let key = Sha512::digest([&index.to_le_bytes()[..], &base].concat());
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(content);
        mac.finalize().into_bytes().to_vec()
    };
    let mut content = content.to_vec();
    let outer = Sha256::digest([&[5; 32][..], &key].concat());
    ChaCha20::new_from_slices(&outer, &[6; 12])
        .expect("lengths")
        .apply_keystream(&mut content);

    let mut file = header.clone();
    file.extend(Sha256::digest(&header));
    file.extend(tag(u64::MAX, &header));
    for (index, block) in [&content[..], &[]].into_iter().enumerate() {
        let (index, length) = (index as u64, (block.len() as u32).to_le_bytes());
        file.extend(tag(
            index,
            &[&index.to_le_bytes()[..], &length, block].concat(),
        ));
        file.extend(length);
        file.extend(block);
        if block.is_empty() {
            break;
        }
    }
    file
}
