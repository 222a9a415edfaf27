//! Writes inputs to begin with into a folder for each target: `seeds FOLDER`.
//!
//! Texts come from our own writers, and everything with a structure is drawn: `arbitrary` makes
//! sense of any bytes. `scripts/fuzz --seeds` keeps those that reach something new.

use std::{error::Error, fs, path::Path};

use fuzz::people::{POLICIES, at, issuer, seeded, subject};
use oath_otp::{Account, Algorithm, Digits, Hotp, Label, Method, Period, Secret, Totp};
use ott_core::{Binding, Handle, Token};
use rand::{Rng, RngExt};

/// How many inputs are drawn for each target with a structure, and how long they are at most.
const DRAWN: u32 = 16;
const LONGEST: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    let folder = Path::new(&folder);
    write(folder, "base32", secrets()?)?;
    write(folder, "otpauth_parse", uris()?)?;
    for (target, seed) in [
        ("hotp_resync", 1),
        ("record_histories", 2),
        ("sealed_open", 3),
        ("showcase_forms", 4),
        ("stored_open", 5),
        ("token_present", 6),
        ("totp_verify", 7),
    ] {
        let mut inputs = drawn(seed);
        inputs.extend(tokens()?);
        write(folder, target, inputs)?;
    }
    Ok(())
}

fn write(folder: &Path, target: &str, inputs: Vec<Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("{number:04}")), input)?;
    }
    Ok(())
}

fn drawn(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = seeded(seed);
    let inputs = (0..DRAWN).map(|_| {
        let mut input = vec![0; rng.random_range(16..LONGEST)];
        rng.fill_bytes(&mut input);
        input
    });
    inputs.collect()
}

/// Base32 as people copy it, right and wrong.
fn secrets() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut texts = vec![String::new(), "=".into(), "1".into(), "ä".into()];
    for length in [1, 2, 3, 4, 5, 10, 16, 20, 33, 1024] {
        let secret = Secret::import_short(&vec![0xa5; length])?;
        let text = secret.to_base32().expose_secret().to_owned();
        let padding = "=".repeat((8 - text.len() % 8) % 8);
        texts.push(text.to_lowercase());
        texts.push(text.split_at(2).0.to_owned() + "-" + text.split_at(2).1 + "\n");
        texts.push(format!("{text}{padding}"));
        texts.push(format!("{text}="));
        texts.push(text + "7");
    }
    Ok(texts.into_iter().map(String::into_bytes).collect())
}

/// Every kind of otpauth URI that is written here.
fn uris() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let labels = [
        Label::without_issuer("")?,
        Label::without_issuer("alice@example.org")?,
        Label::new("Big Co", "alice: at home")?,
        Label::new("C++ & Söhne", "50%+1#?/=&")?,
    ];
    let mut uris = Vec::new();
    for (label, algorithm) in labels.into_iter().zip(Algorithm::ALL.iter().cycle()) {
        let digits = Digits::Eight;
        let (algorithm, period) = (*algorithm, Period::from_seconds(60)?);
        let secret = || Secret::from_bytes(b"a secret of 160 bits");
        let totp = Totp {
            algorithm,
            digits,
            period,
            ..Totp::default()
        };
        let hotp = Hotp {
            algorithm,
            digits,
            ..Hotp::default()
        };
        for method in [Method::Totp(totp), Method::Hotp(hotp, u64::MAX)] {
            let (label, secret) = (label.clone(), secret()?);
            let account = Account {
                label,
                secret,
                method,
            };
            let uri = account.to_uri()?.expose_secret().to_owned();
            uris.push(uri.replace("%20", " ").to_lowercase().into_bytes());
            uris.push(uri.replace("issuer", "encoder").into_bytes());
            uris.push(uri.into_bytes());
        }
    }
    // The other kind of input: a first byte of 128 and above.
    let parts = drawn(8).into_iter().map(|mut input| {
        input.insert(0, 0xff);
        input
    });
    uris.extend(parts);
    Ok(uris)
}

/// Tokens and handles, in the text that they are sent in.
fn tokens() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let (issuer, owner, mut rng) = (issuer(), subject("acme", "4711"), seeded(9));
    let mut texts = Vec::new();
    for policy in POLICIES {
        let token = Token::try_generate_from_rng(policy.token_format(), &mut rng)?;
        texts.push(token.expose_secret().as_bytes().to_vec());
    }
    let binding = Binding::subject(&owner);
    let now = at(fuzz::people::NOW);
    let issued = issuer
        .issue_from_rng(&POLICIES[0], &binding, Default::default(), now, &mut rng)?
        .remove(0);
    let handle = issued.handle.expose_secret();
    Handle::parse(&handle).map_err(|_| "a handle")?;
    texts.push(handle.as_bytes().to_vec());
    Ok(texts)
}
