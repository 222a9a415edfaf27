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
    write(folder, "authorization_header", headers())?;
    write(folder, "vault_import", exports()?)?;
    write(folder, "google_migration", migrations()?)?;
    write(folder, "qr_picture", pictures()?)?;
    write(folder, "smtp_reply", replies())?;
    write(folder, "push_answer", answers())?;
    write(folder, "gateway_answer", answers())?;
    write(folder, "message_template", templates())?;
    write(folder, "icon_read", icons()?)?;
    write(folder, "importer_each", chosen(exports()?))?;
    write(folder, "kdbx", databases())?;
    for (target, seed) in [
        ("hotp_resync", 1),
        ("record_histories", 2),
        ("sealed_open", 3),
        ("showcase_forms", 4),
        ("stored_open", 5),
        ("token_present", 6),
        ("totp_verify", 7),
        ("device_decision", 8),
        ("pwdv1r1_challenge", 9),
        ("yubico_otp", 10),
        ("validation_query", 11),
    ] {
        let mut inputs = drawn(seed);
        inputs.extend(tokens()?);
        write(folder, target, inputs)?;
    }
    Ok(())
}

/// Headers that are near the edge of what is read.
fn headers() -> Vec<Vec<u8>> {
    let longest = format!("Bearer {}", "a".repeat(4_096));
    let texts = [
        "Bearer mF_9.B5f-4.1JqM",
        "bearer   a==",
        "BEARER a-._~+/0=  ",
        "Basic YTpi",
        "Bearer",
        "Bearer a b",
        "Bearer a=b",
        "Bearer a\nBearer b",
        "a\"b\\c\r\0",
        &longest,
    ];
    texts.iter().map(|text| text.as_bytes().into()).collect()
}

/// What SMTP servers say.
fn replies() -> Vec<Vec<u8>> {
    let texts = [
        "250 ok\r\n",
        "250-a\r\n250-SIZE 1\r\n250 b\r\n",
        "250-a\r\n251 b\r\n",
        "354\n",
        "535-5.7.8 no\r\n535 no\r\n",
        "99 a\r\n",
        "250_a\r\n",
        "600 a\r\n",
    ];
    texts.iter().map(|text| text.as_bytes().into()).collect()
}

/// What gateways and push services answer, before and behind the numbers that a target draws.
fn answers() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"status":"queued","id":4711}"#,
        r#"{"status":1,"id":"a"}"#,
        r#"{"status":"failed","id":true}"#,
        r#"{"reason":"ExpiredProviderToken"}"#,
        r#"{"reason":"BadDeviceToken"}"#,
        r#"{"reason":"Unregistered","timestamp":1454402113000}"#,
        r#"{"reason":"IdleTimeout"}"#,
        r#"{"error":{"code":404,"message":"no such","status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED"}]}}"#,
        r#"{"error":{"status":"UNAUTHENTICATED","details":[{"errorCode":"THIRD_PARTY_AUTH_ERROR"}]}}"#,
        r#"{"error":{"details":{}}}"#,
    ];
    let heads = (0..16).map(|head| [head, 0, head]);
    let all = heads.flat_map(|head| texts.map(|text| [&head[..], text.as_bytes()].concat()));
    all.collect()
}

/// Words as an operator writes them: the texts, and their lengths at the end, where `arbitrary` looks for them.
fn templates() -> Vec<Vec<u8>> {
    let words = [
        [
            "Example",
            "Your code",
            "{token} is good for {minutes} minutes.",
            "",
        ],
        [
            "Example",
            "Your link",
            "Open <{link}>\n{phrase}",
            "https://example.org/reset?a=1",
        ],
        ["Example", "{application}", "https://a.example/{token}", ""],
        ["Example", "A", "{link} and {token}", "http://127.0.0.1/"],
        ["a", "{token}", "}{", ""],
        ["E", "S", "{{token}}", "https://"],
    ];
    let length = |text: &str| u8::try_from(text.len()).unwrap_or_default();
    let input = |[application, subject, text, link]: [&str; 4]| {
        let mut input = [application, subject, text].concat().into_bytes();
        input.push(u8::from(!link.is_empty()));
        input.extend(link.bytes());
        input.extend([text, subject, application].map(length));
        input
    };
    words.map(input).into()
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

/// One file of each format that is written, and one of each fixture that is plain.
fn exports() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let uris = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example\n\
        otpauth://hotp/bob?secret=JBSWY3DPEHPK3PXP&counter=7&digits=8\n\
        otpauth://steam/carol?secret=JBSWY3DPEHPK3PXP\n";
    let entries = otp_vault::Import::new(uris.as_bytes()).read()?.entries;
    let written = otp_vault::formats()
        .iter()
        .filter(|format| format.exports() && format.name != "otp-vault-sealed");
    let mut files = Vec::new();
    for format in written {
        files.push(
            otp_vault::export(format.name, &entries, None)?
                .file
                .to_vec(),
        );
    }
    for file in fs::read_dir(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/otp-vault/tests/fixtures"
    ))? {
        files.push(fs::read(file?.path())?);
    }
    Ok(files)
}

/// Each file as one of every format that does not refuse it as damaged.
fn chosen(files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (at, format) in (0_u8..).zip(otp_vault::formats()) {
        for file in &files {
            let read = otp_vault::Import::new(file).format(format.name).read();
            if !matches!(read, Err(otp_vault::ImportError::Damaged(_))) {
                inputs.push([&[at][..], file].concat());
            }
        }
    }
    inputs
}

/// Pictures of each type, and what an SVG may hold.
fn icons() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let code = otp_vault::qr::Code::new("a")?;
    let svg = concat!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/1999/xlink' viewBox='0 0 8 8' width='8px'>",
        "<style>a{}</style><defs><linearGradient id='g'><stop offset='1' stop-color='#f00'/></linearGradient>",
        "<mask id='m'><path d='M0 0'/></mask><clipPath id='c'><rect/></clipPath></defs><title>a&amp;b</title>",
        "<g style='fill:url(#g);mask:url(\"#m\")' clip-path='url(#c)' onload='a'><use x:href='#m'/><a href='b'/></g>",
        "<text x='1'>t<tspan>u</tspan></text><!-- c --><![CDATA[d]]></svg>"
    );
    let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0\x21\xfe\x01a\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x01a\0\x3b";
    let jpeg = b"\xff\xd8\xff\xe0\0\x02\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\0\0\0\xff\xda\0\x02a\xff\0\xff\xd9";
    let mut bmp = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
    bmp.resize(58, 0);
    let webp = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x01\0\x01\0";
    Ok(vec![
        code.to_png().to_vec(),
        code.to_svg().as_bytes().to_vec(),
        svg.into(),
        gif.to_vec(),
        jpeg.to_vec(),
        bmp,
        webp.to_vec(),
    ])
}

/// What is sealed in a database, and headers.
fn databases() -> Vec<Vec<u8>> {
    let inner = b"\0\x01\x04\0\0\0\x03\0\0\0\x02\x01\0\0\0k\0\0\0\0\0";
    let field =
        |key: &str, value: &str| format!("<String><Key>{key}</Key><Value>{value}</Value></String>");
    let entry = [
        field("Title", "a"),
        field("UserName", "b"),
        field("otp", "otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXP"),
        field("TimeOtp-Secret-Hex", "00ff"),
        field("TimeOtp-Algorithm", "HMAC-SHA-256"),
        field("HmacOtp-Secret-Base64", "AAAA"),
        field("HmacOtp-Counter", "7"),
        field("TOTP Seed", "JBSWY3DPEHPK3PXP"),
        field("TOTP Settings", "30;S"),
    ]
    .concat();
    let protected = "<String><Key>otp</Key><Value Protected=\"True\">a2V5PWE=</Value></String>";
    let text = format!(
        "<?xml version=\"1.0\"?><KeePassFile><Root><Group><Name>r</Name><Group><Name>g</Name><Entry>{entry}\
         <History><Entry>{protected}</Entry></History></Entry><Entry>{protected}</Entry></Group></Group></Root></KeePassFile>"
    );
    let keeotp = text.replace(
        "otpauth://totp/a:b?secret=",
        "size=8&amp;step=60&amp;type=hotp&amp;counter=1&amp;key=",
    );
    let mut inputs: Vec<Vec<u8>> = [text, keeotp]
        .iter()
        .map(|text| [&inner[..], text.as_bytes()].concat())
        .collect();
    for name in ["keepass-aes-kdf", "keepass-argon2d", "keepass-argon2id"] {
        let file = format!(
            "{}/../crates/otp-vault/tests/fixtures/{name}.kdbx",
            env!("CARGO_MANIFEST_DIR")
        );
        let file = fs::read(file).unwrap_or_default();
        let end = file
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap_or_default()
            + 4;
        inputs.push([&[2][..], file.get(12..end).unwrap_or_default()].concat());
    }
    inputs
}

/// The messages of migrations, without the URIs around them.
fn migrations() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let uris =
        (0..3).map(|at| format!("otpauth://totp/user{at}?secret=JBSWY3DPEHPK3PXP&digits=8\n"));
    let entries = otp_vault::Import::new(uris.collect::<String>().as_bytes())
        .read()?
        .entries;
    let mut messages = Vec::new();
    for count in 1..=entries.len() {
        let file = otp_vault::export("google-migration", &entries[..count], None)?.file;
        let uri = core::str::from_utf8(&file)?.trim_end();
        let data = uri.split_once("data=").map(|(_, data)| {
            data.replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "=")
        });
        messages.push(data_encoding::BASE64.decode(data.unwrap_or_default().as_bytes())?);
    }
    Ok(messages)
}

/// Codes as pictures, and as pixels.
fn pictures() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut files = Vec::new();
    for text in ["a", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP"] {
        let code = otp_vault::qr::Code::new(text)?;
        files.push(code.to_png().to_vec());
        let rows = code.to_text();
        let side = rows.lines().next().map_or(0, |row| row.chars().count());
        let mut pixels = vec![u8::try_from(side)?];
        for row in rows.lines() {
            for shades in [['█', '▀'], ['█', '▄']] {
                pixels.extend(
                    row.chars()
                        .map(|c| if shades.contains(&c) { 255 } else { 0 }),
                );
            }
        }
        files.push(pixels);
    }
    Ok(files)
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
                cleaned: None,
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
