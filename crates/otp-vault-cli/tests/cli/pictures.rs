//! Pictures of QR codes.

use serde_json::Value;

use crate::place::{Place, json, mode, uri};

/// What is drawn is read, mode 0600, one line a code; a picture without one ends with 1.
#[test]
fn qr_codes_go_both_ways() {
    let place = Place::new();
    let uri = uri("totp", "Example:alice", "&issuer=Example");
    place.ok("qr write - a.png", &uri);
    place.ok("qr write - a.svg", &uri);
    assert_eq!(
        (mode(&place.path("a.png")), mode(&place.path("a.svg"))),
        (0o600, 0o600)
    );
    assert_eq!(place.ok("qr read a.png", ""), uri);
    assert_eq!(
        json(&place.ok("qr read --json a.png a.png", ""))
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        json(&place.ok("import a.png", ""))["entries"][0]["account"],
        "alice"
    );
    place.fails("qr read pw", "", 1);
    place.fails("qr write - a.txt", &uri, 2);
    assert!(place.ok("qr show -", &uri).contains('█'));
}

/// The parts of a migration are read straight from several pictures, in any order.
#[test]
fn migration_is_read_from_pictures() {
    let place = Place::new();
    let list: String = (0..12)
        .map(|at| uri("totp", &format!("user{at}"), ""))
        .collect();
    let parts = place.ok("export --format google-migration -", &list);
    for (at, part) in parts.lines().enumerate() {
        place.ok(&format!("qr write - {at}.png"), part);
    }
    let imported = json(&place.ok("import 1.png 0.png", ""));
    let names: Vec<_> = imported["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["account"].clone())
        .collect();
    assert_eq!(
        names,
        (0..12)
            .map(|at| Value::from(format!("user{at}")))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        json(&place.ok("import 1.png", ""))["skipped"][0]["name"],
        "part 1 of 2"
    );
    place.fails("import 1.png pw", "", 2);
}

/// A white picture of 64 by 64 pixels.
const BLANK: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x40\x00\x00\x00\x40\x08\x00\x00\x00\x00\x8f\x02\x2e\x02\x00\x00\x00\x29\x49\x44\x41\x54\x78\xda\xed\xcc\x41\x11\x00\x00\x0c\x02\x20\xfb\x97\xd6\x10\xfb\xed\x20\x00\xe9\x51\x04\x02\x81\x40\x20\x10\x08\x04\x02\x81\x40\x20\x10\x7c\x0f\x06\xa7\x0b\xf0\xe2\xaa\xf0\x0c\x32\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A picture without a code among others is told: skipped by `import`, a line of `qr read`.
#[test]
fn pictures_without_codes_are_told() {
    let place = Place::new();
    place.write("blank.png", BLANK);
    place.ok("qr write - a.png", &uri("totp", "a", ""));
    let output = place.run("import a.png blank.png", "");
    assert!(output.status.success());
    let found = json(&String::from_utf8(output.stdout).expect("text"));
    assert_eq!(found["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["skipped"][0]["name"], "blank.png");
    let output = place.run("qr read a.png blank.png", "");
    assert!(output.status.success() && !output.stdout.is_empty());
    let said = [
        output.stderr,
        place.run("import a.png blank.png", "").stderr,
    ];
    assert!(
        said.iter()
            .all(|said| String::from_utf8_lossy(said).contains("blank.png"))
    );
    for line in [
        "import blank.png blank.png",
        "import blank.png",
        "qr read blank.png",
    ] {
        assert!(place.fails(line, "", 1).contains("QR code"), "{line}");
    }
}
