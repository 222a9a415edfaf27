//! Costs that stand in the file are capped before any work is done.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a mistake fails the test"
)]

mod support;

use core::time::Duration;
use std::time::Instant;

use otp_vault::{Import, ImportError, limits};
use support::{PASSWORD, fixture, import, import_with, processor_time};

/// A fixture with one text replaced.
fn with(name: &str, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(fixture(name)).expect("a text");
    assert!(text.contains(from), "{name} has no {from}");
    text.replace(from, to).into_bytes()
}

#[track_caller]
fn assert_too_much(file: &[u8]) {
    let begun = Instant::now();
    let secret = support::password(PASSWORD);
    let error = Import::new(file)
        .password(&secret)
        .before_derivation(&|title| panic!("a key of {title} is derived"))
        .read()
        .expect_err("beyond");
    assert_eq!(error, ImportError::TooMuchWork);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// scrypt beyond 1 GiB is not begun, and one whose N is no power of two is no scrypt.
#[test]
fn scrypt_is_capped() {
    assert_too_much(&with(
        "aegis-encrypted.json",
        "\"n\": 1024",
        "\"n\": 2097152",
    ));
    assert_too_much(&with(
        "aegis-encrypted.json",
        "\"n\": 1024",
        "\"n\": 18446744073709551615",
    ));
    assert_too_much(&with(
        "aegis-encrypted.json",
        "\"r\": 8",
        "\"r\": 4294967296",
    ));
    assert_too_much(&with("aegis-encrypted.json", "\"p\": 1", "\"p\": 1000000"));
    for n in ["0", "1", "1000"] {
        let file = with(
            "aegis-encrypted.json",
            "\"n\": 1024",
            &format!("\"n\": {n}"),
        );
        assert_eq!(
            import_with(&file, PASSWORD).expect_err("no scrypt"),
            ImportError::Damaged("Aegis")
        );
    }
}

/// Argon2id beyond 1 GiB or 16 passes is not begun.
#[test]
fn argon2id_is_capped() {
    assert_too_much(&with(
        "bitwarden-argon2id.json",
        "\"kdfMemory\": 16",
        "\"kdfMemory\": 1025",
    ));
    assert_too_much(&with(
        "bitwarden-argon2id.json",
        "\"kdfMemory\": 16",
        "\"kdfMemory\": 18446744073709551615",
    ));
    assert_too_much(&with(
        "bitwarden-argon2id.json",
        "\"kdfIterations\": 2",
        "\"kdfIterations\": 17",
    ));
    assert_too_much(&with(
        "bitwarden-argon2id.json",
        "\"kdfParallelism\": 4",
        "\"kdfParallelism\": 65",
    ));
    assert_too_much(&with(
        "ente-encrypted.json",
        "\"memLimit\": 8388608",
        "\"memLimit\": 1099511627776",
    ));
    assert_too_much(&with(
        "ente-encrypted.json",
        "\"opsLimit\": 2",
        "\"opsLimit\": 4294967295",
    ));
}

/// PBKDF2 beyond ten million iterations is not begun.
#[test]
fn pbkdf2_is_capped() {
    assert_too_much(&with(
        "bitwarden-pbkdf2.json",
        "\"kdfIterations\": 1000",
        "\"kdfIterations\": 10000001",
    ));
    assert_too_much(&with(
        "bitwarden-pbkdf2.json",
        "\"kdfIterations\": 1000",
        "\"kdfIterations\": 4294967297",
    ));
}

/// More than 64 slots are not tried.
#[test]
fn slots_are_capped() {
    let slots = vec!["{\"type\": 1}"; limits::SLOTS + 1].join(",");
    assert_too_much(&with(
        "aegis-encrypted.json",
        "\"slots\": [",
        &format!("\"slots\": [{slots},"),
    ));
}

/// More accounts than the cap are too much work, also such as cannot be read.
#[test]
fn entries_are_capped() {
    for line in [
        "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP\n",
        "otpauth://totp/a\n",
    ] {
        let file = line.repeat(limits::ENTRIES + 1);
        assert_eq!(
            import(file.as_bytes()).expect_err("too many"),
            ImportError::TooMuchWork
        );
    }
}

/// JSON may be nested 128 deep; beyond, it is no deep recursion but too much work.
#[test]
fn json_depth_is_capped() {
    let deep = |depth: usize| {
        let error = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        import(error.as_bytes()).expect_err("no accounts")
    };
    assert_eq!(deep(127), ImportError::Unrecognised);
    assert_eq!(deep(128), ImportError::Unrecognised);
    assert_eq!(deep(129), ImportError::TooMuchWork);
    assert_eq!(deep(100_000), ImportError::TooMuchWork);
}

/// JSON whose values would take far more memory than the file is refused before they are built.
#[test]
fn json_memory_is_capped() {
    for item in ["1,", "{},", r#"{"a":1},"#, r#""","#] {
        let file = format!("[{}0]", item.repeat(12_000_000 / item.len()));
        assert_eq!(
            import(file.as_bytes()).expect_err("large"),
            ImportError::TooMuchWork,
            "{item}"
        );
    }
    // Many accounts are no such thing, and brackets in texts are none.
    let row = r#"{"kind": "TOTP", "timer": "30", "account": "[[{,", "secret": "JBSWY3DPEHPK3PXP"}"#;
    let file = format!("[{}]", [row; 20_000].join(","));
    assert_eq!(import(file.as_bytes()).expect("all").entries.len(), 20_000);
}

/// andOTP's file beyond the cap may be an older one under a wrong password: both are said.
#[test]
fn andotp_beyond_the_cap_is_said() {
    let mut file = fixture("andotp.json.aes");
    file[..4].copy_from_slice(&(limits::PBKDF2_ITERATIONS + 1).to_be_bytes());
    let said = import_with(&file, PASSWORD)
        .expect_err("beyond")
        .to_string();
    assert!(
        said.contains("more work than allowed") && said.contains("password"),
        "{said}"
    );
}

/// A file of more than 64 MiB is not looked at.
#[test]
fn file_size_is_capped() {
    let file = vec![b' '; limits::FILE_BYTES + 1];
    assert_eq!(import(&file).expect_err("large"), ImportError::TooLarge);
}

/// A picture whose header promises more than 25 million pixels is not unpacked.
#[test]
fn picture_size_is_capped() {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 50_000, 50_000);
    encoder.set_color(png::ColorType::Grayscale);
    let writer = encoder.write_header().expect("a header");
    drop(writer);
    let begun = Instant::now();
    assert_eq!(import(&file).expect_err("large"), ImportError::TooMuchWork);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// XML with a document type, whose entities could grow without end, is not read.
#[test]
fn xml_entities_are_refused() {
    let file = br#"<?xml version="1.0"?><!DOCTYPE map [<!ENTITY a '[{"name": "x", "decryptedSecret": "JBSWY3DPEHPK3PXP"}]'>]>
        <map><string name="com.authy.storage.tokens.authenticator.key">&a;</string></map>"#;
    assert_eq!(
        import(file).expect_err("entities"),
        ImportError::Damaged("Authy")
    );
}

/// Elements nested a hundred thousand deep are no deep recursion.
#[test]
fn xml_depth_is_no_recursion() {
    let file = format!(
        "<map issuerExt=\"\">{}{}</map>",
        "<a>".repeat(100_000),
        "</a>".repeat(100_000)
    );
    assert!(import(file.as_bytes()).is_err());
}

/// A page of a database: header of a table's leaf, pointers to cells, and the rest.
fn leaf(page: usize, first: bool, cells: &[usize], rest: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; page];
    let header = if first { 100 } else { 0 };
    bytes[header] = 13;
    bytes[header + 3..header + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    for (at, cell) in cells.iter().enumerate() {
        let at = header + 8 + 2 * at;
        bytes[at..at + 2].copy_from_slice(&(*cell as u16).to_be_bytes());
    }
    for (at, content) in rest {
        bytes[*at..at + content.len()].copy_from_slice(content);
    }
    bytes
}

/// A database whose table `accounts` has this page, and then others.
fn database(page: usize, table: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
    let sql = b"CREATE TABLE accounts (_id, email, secret, type)";
    let mut row = vec![6, 23, 29, 29, 1, 13 + 2 * sql.len() as u8];
    row.extend(b"tableaccountsaccounts\x02");
    row.extend(sql);
    let cell = [&[row.len() as u8, 1][..], &row].concat();
    let mut file = leaf(
        page,
        true,
        &[page - cell.len()],
        &[(page - cell.len(), &cell)],
    );
    file[..16].copy_from_slice(b"SQLite format 3\0");
    let size = if page == 65_536 { 1 } else { page as u16 };
    file[16..18].copy_from_slice(&size.to_be_bytes());
    file[56..60].copy_from_slice(&[0, 0, 0, 1]);
    [file, table, others.concat()].concat()
}

/// The bytes of a small number, as SQLite writes them.
fn varint(number: usize) -> Vec<u8> {
    let parts = [21, 14, 7, 0].map(|bits| (number >> bits & 0x7f) as u8);
    vec![parts[0] | 0x80, parts[1] | 0x80, parts[2] | 0x80, parts[3]]
}

/// Cells of a database that all name one chain of pages, which names itself, are no work without end.
#[test]
fn database_copies_are_capped() {
    let page = 65_536;
    // A row of 4 MiB: a number, a text and a blob; its rest is on one page that follows itself.
    let length = 4 << 20;
    let blob = varint(12 + 2 * (length - 100));
    let row = [&[7, 0, 13][..], &blob].concat();
    let usable = page;
    let least = (usable - 12) * 32 / 255 - 23;
    let rest = usable - 4;
    let local = least + (length - least) % rest;
    let local = if local <= usable - 35 { local } else { least };
    let mut cell = [varint(length), vec![1], row].concat();
    cell.resize(5 + local, 0);
    cell.extend(3_u32.to_be_bytes());
    let at = page - cell.len();
    // As many pointers as fit, to the one cell.
    let pointers = vec![at; (at - 8) / 2];
    let table = leaf(page, false, &pointers, &[(at, &cell)]);
    let mut endless = vec![0; page];
    endless[3] = 3;
    // The file is long enough for such a row.
    let file = database(page, table, &vec![endless; 64]);
    let begun = processor_time();
    let _ = import(&file).expect_err("too much");
    assert!(
        (processor_time() - begun) < Duration::from_secs(3),
        "{:?}",
        (processor_time() - begun)
    );
}

/// Rows of a database beyond the cap are too much work.
#[test]
fn database_rows_are_capped() {
    let page = 65_536;
    let text = b"aJBSWY3DPEHPK3PXP";
    let row = [&[5, 0, 15, 13 + 2 * 16, 8][..], text].concat();
    let cell = [&[row.len() as u8, 1][..], &row].concat();
    let at = page - cell.len();
    let pointers = vec![at; 30_000];
    let one = leaf(page, false, &pointers, &[(at, &cell)]);
    let whole = database(page, one.clone(), &[]);
    assert_eq!(import(&whole).expect("few").entries.len(), 30_000);
    // An inner page with four leaves.
    let mut inner = leaf(page, false, &[100, 110, 120], &[]);
    inner[0] = 5;
    inner[8..12].copy_from_slice(&6_u32.to_be_bytes());
    for (at, cell) in [(100_usize, 3_u32), (110, 4), (120, 5)].iter().enumerate() {
        inner[12 + 2 * at..14 + 2 * at].copy_from_slice(&(cell.0 as u16).to_be_bytes());
        inner[cell.0..cell.0 + 4].copy_from_slice(&cell.1.to_be_bytes());
    }
    let file = database(page, inner, &[one.clone(), one.clone(), one.clone(), one]);
    assert_eq!(import(&file).expect_err("many"), ImportError::TooMuchWork);
    // A row of a million columns takes far more memory than the file.
    let columns = 3_000_000;
    let header = [varint(columns + 4), vec![0; columns]].concat();
    let most = page - 35;
    let mut cell = [varint(header.len()), vec![1]].concat();
    let least = (page - 12) * 32 / 255 - 23;
    let local = least + (header.len() - least) % (page - 4);
    let local = if local <= most { local } else { least };
    cell.extend(&header[..local]);
    cell.extend(3_u32.to_be_bytes());
    let at = page - cell.len();
    let mut chain = Vec::new();
    for (number, part) in (4_u32..).zip(header[local..].chunks(page - 4)) {
        let mut bytes = [&number.to_be_bytes()[..], part].concat();
        bytes.resize(page, 0);
        chain.push(bytes);
    }
    let wide = database(
        page,
        leaf(page, false, &vec![at; 100], &[(at, &cell)]),
        &chain,
    );
    let _ = import(&wide).expect_err("wide");
}

/// Parts of a migration are capped, and their number costs no square of it.
#[test]
fn migration_parts_are_capped() {
    // A batch of its own for each, which is one of a hundred.
    let part = |id: usize| {
        let account = b"\x0a\x0e\x0a\x0aHello!\xde\xad\xbe\xef\x12\x00";
        let payload = [&account[..], &[0x18, 1, 0x28], &varint_little(id)].concat();
        let base64 = data_encoding::BASE64.encode(&payload).replace('+', "%2B");
        format!("otpauth-migration://offline?data={base64}\n")
    };
    let begun = processor_time();
    let most: String = (0..limits::MIGRATION_PARTS).map(part).collect();
    let found = import(most.as_bytes()).expect("as many as are allowed");
    assert_eq!(found.entries.len(), limits::MIGRATION_PARTS);
    let more = most + &part(limits::MIGRATION_PARTS);
    assert_eq!(
        import(more.as_bytes()).expect_err("more"),
        ImportError::TooMuchWork
    );
    assert!(
        (processor_time() - begun) < Duration::from_secs(3),
        "{:?}",
        (processor_time() - begun)
    );
    // Accounts without anything in them take far more memory than the file.
    let payload = [0x0a, 0].repeat(limits::ENTRIES + 1);
    let empty = format!(
        "otpauth-migration://offline?data={}",
        data_encoding::BASE64.encode(&payload)
    );
    assert_eq!(
        import(empty.as_bytes()).expect_err("many"),
        ImportError::TooMuchWork
    );
}

/// A number of protocol buffers.
fn varint_little(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// What entries are looked up by costs no square of their number: groups, bindings, tokens.
#[test]
fn lookups_take_no_square() {
    let count = 20_000;
    let list = |row: &dyn Fn(usize) -> String| (0..count).map(row).collect::<Vec<_>>().join(",");
    let secret = "JBSWY3DPEHPK3PXP";
    let aegis = format!(
        r#"{{"version":1,"header":{{}},"db":{{"version":3,"groups":[{}],"entries":[{}]}}}}"#,
        list(&|at| format!(r#"{{"uuid":"g{at}","name":"n"}}"#)),
        list(&|at| format!(
            r#"{{"type":"totp","name":"a","groups":["g{at}"],"info":{{"secret":"{secret}"}}}}"#
        )),
    );
    let twofas = format!(
        r#"{{"schemaVersion":4,"groups":[{}],"services":[{}]}}"#,
        list(&|at| format!(r#"{{"id":"g{at}","name":"n"}}"#)),
        list(&|at| format!(r#"{{"name":"a","secret":"{secret}","groupId":"g{at}","otp":{{}}}}"#)),
    );
    let bitwarden = format!(
        r#"{{"encrypted":false,"folders":[{}],"items":[{}]}}"#,
        list(&|at| format!(r#"{{"id":"g{at}","name":"n"}}"#)),
        list(&|at| format!(r#"{{"name":"a","folderId":"g{at}","login":{{"totp":"{secret}"}}}}"#)),
    );
    let stratum = format!(
        r#"{{"Authenticators":[{}],"Categories":[{}],"AuthenticatorCategories":[{}]}}"#,
        list(&|at| format!(
            r#"{{"Type":2,"Issuer":"a","Secret":"{}","Digits":6,"Period":30}}"#,
            base32(at)
        )),
        list(&|at| format!(r#"{{"Id":"g{at}","Name":"n"}}"#)),
        list(&|at| format!(
            r#"{{"CategoryId":"g{at}","AuthenticatorSecret":"{}"}}"#,
            base32(at)
        )),
    );
    let lastpass = format!(
        r#"{{"folders":[{}],"accounts":[{}]}}"#,
        list(&|at| format!(r#"{{"id":{at},"name":"n"}}"#)),
        list(&|at| format!(
            r#"{{"issuerName":"a","secret":"{secret}","folderData":{{"folderId":{at}}}}}"#
        )),
    );
    for file in [aegis, twofas, bitwarden, stratum, lastpass] {
        let begun = processor_time();
        let found = import(file.as_bytes()).expect("accounts");
        assert_eq!(found.entries.len(), count, "{}", found.format);
        assert_eq!(found.entries[count - 1].groups, ["n"], "{}", found.format);
        assert!(
            (processor_time() - begun) < Duration::from_secs(6),
            "{}: {:?}",
            found.format,
            (processor_time() - begun)
        );
    }
    // One name and many secrets, into a vault; and each in a group of its own, written.
    let mut entries: Vec<otp_vault::Entry> = (0..count)
        .map(|at| support::entry(otp_vault::Kind::Totp(30), "a", "b", &base32(at)))
        .collect();
    for (at, entry) in entries.iter_mut().enumerate() {
        entry.groups.push(format!("g{at}"));
    }
    let begun = processor_time();
    for name in ["aegis", "2fas", "bitwarden-json", "stratum-json"] {
        otp_vault::export(name, &entries, None).expect("a file");
    }
    assert_eq!(otp_vault::Vault::default().add(entries).added, count);
    assert!(
        (processor_time() - begun) < Duration::from_secs(20),
        "{:?}",
        (processor_time() - begun)
    );
}

/// A secret for each number.
fn base32(number: usize) -> String {
    data_encoding::BASE32_NOPAD.encode(&(number as u64 + (1 << 40)).to_be_bytes())
}
