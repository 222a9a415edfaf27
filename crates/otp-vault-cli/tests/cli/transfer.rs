//! Import and export: what is read, written, skipped and replaced.

use crate::place::{Place, SECRET, json, mode, uri};

/// Import prints one document of exactly the promised fields; one pipe converts.
#[test]
fn import_prints_one_document() {
    let place = Place::new();
    let input = uri("totp", "Example:alice", "&issuer=Example")
        + &uri("hotp", "bob", "&counter=7")
        + "nonsense\n";
    let output = place.run("import -", &input);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("entry 2 was skipped"));
    let found = json(&String::from_utf8(output.stdout).expect("text"));
    assert_eq!(
        found,
        serde_json::json!({
            "format": "uri-list",
            "entries": [
                { "type": "totp", "issuer": "Example", "account": "alice", "secret": SECRET, "algorithm": "SHA1", "digits": 6, "period": 30, "counter": null },
                { "type": "hotp", "issuer": "", "account": "bob", "secret": SECRET, "algorithm": "SHA1", "digits": 6, "period": null, "counter": 7 },
            ],
            "skipped": [{ "index": 2, "reason": "it is not an otpauth URI" }],
        })
    );
    let said = place.fails("export --format aegis -", &found.to_string(), 1);
    assert!(said.contains("entry 2 was skipped") && said.contains("--lossy"));
    let aegis = place.ok("export --format aegis --lossy -", &found.to_string());
    assert_eq!(
        json(&place.ok("import -", &aegis))["entries"],
        found["entries"]
    );
}

/// Damage, wrong passwords, unknown and unreadable files end with 1 and print no data.
#[test]
fn import_refuses_with_one() {
    let place = Place::new();
    let plain = place.ok("import -", &uri("totp", "a", ""));
    let sealed = place.ok("export --format aegis --password-file pw -", &plain);
    place.write("wrong", b"wrong");
    assert_eq!(
        json(&place.ok("import --password-file pw -", &sealed))["entries"],
        json(&plain)["entries"]
    );
    assert!(
        place
            .fails("import --password-file wrong -", &sealed, 1)
            .contains("password")
    );
    assert!(
        place
            .fails("import -", &sealed, 1)
            .contains("needs a password")
    );
    assert!(
        place
            .fails(
                "import --password-file pw -",
                &sealed[..sealed.len() / 2],
                1
            )
            .contains("damaged")
    );
    place.fails("import -", "hello", 1);
    place.fails("import -", "", 1);
    place.fails("import missing", "", 1);
}

/// What a format cannot hold ends with 1 and a list, and nothing is written; --lossy leaves it out.
#[test]
fn export_is_lossless_unless_asked() {
    let place = Place::new();
    let input = uri("totp", "kept", "") + &uri("totp", "long", "&period=60");
    let said = place.fails("export --format google-migration --output out -", &input, 1);
    assert!(said.contains("long") && !said.contains("kept"));
    assert!(!place.path("out").exists());
    let output = place.run(
        "export --format google-migration --lossy --output out -",
        &input,
    );
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("long"));
    assert_eq!(mode(&place.path("out")), 0o600);
    assert_eq!(
        json(&place.ok("import out", ""))["entries"][0]["account"],
        "kept"
    );
    // A password for what is never encrypted would be for nothing.
    place.fails("export --format andotp --password-file pw -", &input, 1);
}

/// Formats are listed with the promised fields, and the first group is read and written.
#[test]
fn formats_are_listed() {
    let formats = json(&Place::new().ok("formats", ""));
    let row = |name: &str| {
        formats
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    for name in [
        "uri-list",
        "aegis",
        "2fas",
        "2fauth-json",
        "google-migration",
        "bitwarden-json",
        "ente-text",
        "proton-json",
        "stratum-json",
        "andotp",
        "freeotpplus-json",
    ] {
        assert_eq!(
            (row(name)["import"].as_bool(), row(name)["export"].as_bool()),
            (Some(true), Some(true)),
            "{name}"
        );
    }
    assert_eq!(row("aegis")["encrypted"], true);
    assert!(row("aegis")["title"].is_string());
    assert_eq!(row("keepass-kdbx4")["import"], true);
    assert_eq!(row("bitwarden-account-restricted")["import"], false);
}

/// What could not be read is lost by an export too: 1 and a list, unless --lossy.
#[test]
fn export_tells_what_was_skipped() {
    let place = Place::new();
    let list = uri("totp", "kept", "") + &uri("totp", "lost", "&algorithm=MD5");
    let document = place.ok("import -", &list);
    for input in [&list, &document] {
        let said = place.fails("export --format aegis --output out -", input, 1);
        assert!(
            said.contains("entry 1") && said.contains("algorithm"),
            "{said}"
        );
        assert!(!place.path("out").exists());
        assert!(
            place
                .ok("export --format aegis --lossy -", input)
                .contains("kept")
        );
    }
}

/// Fields that a format does not keep are told; the code is the same, so that the file is written.
#[test]
fn export_tells_fields_that_are_dropped() {
    let place = Place::new();
    let document = format!(
        r#"{{"format": "x", "skipped": [], "entries": [{{"type": "totp", "account": "a", "secret": "{SECRET}", "note": "mine"}}]}}"#
    );
    let output = place.run("export --format uri-list -", &document);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("note") && !said.contains("mine"), "{said}");
    let output = place.run("export --format aegis -", &document);
    assert!(output.stderr.is_empty());
}

/// Pipes and folders are refused, not replaced; of a link, the file that it names is.
#[test]
fn export_replaces_files_alone() {
    let place = Place::new();
    let list = uri("totp", "a", "");
    let line = |name: &str| format!("export --format uri-list --output {name} -");
    std::os::unix::fs::symlink("target", place.path("link")).expect("a link");
    place.write("target", b"old");
    place.ok(&line("link"), &list);
    assert!(place.path("link").is_symlink());
    assert_eq!(
        std::fs::read_to_string(place.path("target")).expect("it"),
        place.ok("export --format uri-list -", &list)
    );
    assert_eq!(mode(&place.path("target")), 0o600);
    // No device of the machine: were it replaced, all would miss it.
    std::os::unix::fs::symlink("socket", place.path("to-socket")).expect("a link");
    std::fs::create_dir(place.path("folder")).expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).expect("a socket");
    for name in ["to-socket", "folder", "socket"] {
        assert!(
            place
                .fails(&line(name), &list, 1)
                .contains("no regular file"),
            "{name}"
        );
    }
    assert!(place.path("to-socket").is_symlink() && !place.path("socket").is_file());
}

/// A byte-order mark changes neither a URI nor a password; two URIs are not one.
#[test]
fn byte_order_marks_are_fine() {
    let place = Place::new();
    let list = uri("totp", "a", "&digits=8");
    assert_eq!(
        place.ok("code --at 59 -", &format!("\u{feff}{list}")),
        "94287082\n"
    );
    place.ok("qr write - a.png", &format!("\u{feff}{list}"));
    assert_eq!(place.ok("qr read a.png", ""), list);
    place.write("bom", "\u{feff}correct horse\r\n".as_bytes());
    let sealed = place.ok("export --format aegis --password-file pw -", &list);
    place.ok("import --password-file bom -", &sealed);
    assert!(
        place
            .fails("code -", &format!("{list}{list}"), 1)
            .contains("one URI")
    );
}
