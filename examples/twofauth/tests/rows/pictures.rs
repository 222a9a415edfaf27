//! QR codes and icons.

use core::time::Duration;
use std::{fs, process::Command, thread::sleep};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::{SECRET, Site, T, Visitor, invalid, refused};

const ICONS: &str = "/api/v1/icons";
const DECODE: &str = "/api/v1/qrcode/decode";

/// A PNG of one pixel.
fn png() -> Vec<u8> {
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    STANDARD.decode(text).unwrap()
}

/// 002-7. The QR code of an account is read by another program, and what another program draws is read here.
#[test]
fn row_07_qr_codes_are_those_of_others() {
    let site = Site::start();
    let alice = site.by("alice");
    let id = alice.add_totp("john@example.org");
    let picture = alice.get(&format!("{T}/{id}/qrcode")).json();
    let svg = picture["qrcode"].as_str().unwrap();
    let svg = svg.strip_prefix("data:image/svg+xml;base64,").unwrap();
    let svg = String::from_utf8(STANDARD.decode(svg).unwrap()).unwrap();
    assert!(svg.starts_with("<svg"), "{svg}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("code.png");
    let uri = format!("otpauth://totp/Example:john%20doe?secret={SECRET}&issuer=Example");
    let drawn = Command::new("qrencode")
        .args(["-o", file.to_str().unwrap(), &uri])
        .status();
    assert!(drawn.expect("qrencode").success());
    let read = alice.upload(DECODE, "qrcode", "code.png", &fs::read(&file).unwrap());
    let decoded = format!("otpauth://totp/Example:john doe?secret={SECRET}&issuer=Example");
    assert_eq!((read.status, &read.json()["data"]), (200, &json!(decoded)));
    let migration = "otpauth-migration://offline?data=ChQKCkhlbGxvId6tvu8SBmFsaWNlIQ%3D%3D";
    let drawn = Command::new("qrencode")
        .args(["-o", file.to_str().unwrap(), migration])
        .status();
    assert!(drawn.unwrap().success());
    let read = alice.upload(DECODE, "qrcode", "code.png", &fs::read(&file).unwrap());
    assert_eq!(read.json()["data"], migration);
}

/// 002-7. A picture without a code says so; what is no file or no picture is wrong.
#[test]
fn row_07_pictures_without_a_code_say_so() {
    let site = Site::start();
    let alice = site.by("alice");
    let read = alice.upload(DECODE, "qrcode", "a.png", &png());
    refused(
        &read,
        400,
        "Cannot detect a QR code in the image, try to crop the image",
    );
    let cut = alice.upload(DECODE, "qrcode", "a.png", &png()[..40]);
    refused(&cut, 400, "No readable QR code");
    invalid(
        &alice.upload(DECODE, "qrcode", "a.png", b"no picture"),
        "qrcode",
    );
    invalid(&alice.upload(DECODE, "other", "a.png", &png()), "qrcode");
    invalid(&alice.post(DECODE, &json!({})), "qrcode");
    invalid(&alice.send(&alice.request("POST", DECODE)), "qrcode");
}

/// 002-12. A picture is kept under a random name and served so that a browser runs nothing; others cannot remove it.
#[test]
fn row_12_icons_are_kept_and_served() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let made = alice.upload(ICONS, "icon", "../a.png", &png());
    assert_eq!(made.status, 201, "{}", made.json());
    let name = made.json()["filename"].as_str().unwrap().to_owned();
    let (random, extension) = name.split_once('.').unwrap();
    assert!(random.len() == 40 && extension == "png", "{name}");
    let served = site.send(&contract_server::testing::Request::new(
        "GET",
        &format!("/storage/icons/{name}"),
    ));
    assert_eq!(
        (served.status, served.body.as_slice()),
        (200, png().as_slice())
    );
    assert_eq!(served.header("content-type"), Some("image/png"));
    assert_eq!(
        served.header("content-security-policy"),
        Some("default-src 'none'; sandbox")
    );
    assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
    refused(&bob.delete(&format!("{ICONS}/{name}")), 403, "forbidden");
    assert_eq!(alice.delete(&format!("{ICONS}/{name}")).status, 204);
    assert_eq!(alice.get(&format!("/storage/icons/{name}")).status, 404);
    invalid(&alice.upload(ICONS, "icon", "a.txt", b"no picture"), "icon");
    invalid(
        &alice.upload(ICONS, "icon", "a.png", &vec![0; 2_200_000]),
        "icon",
    );
    invalid(&alice.upload(ICONS, "other", "a.png", &png()), "icon");
    // It goes with its last account.
    let name = alice.upload(ICONS, "icon", "a.png", &png()).json()["filename"].clone();
    let body = json!({"otp_type": "totp", "account": "a", "icon": name});
    let (first, second) = (alice.add(&body), alice.add(&body));
    let path = format!("/storage/icons/{}", name.as_str().unwrap());
    let export = alice.get(&format!("{T}/export?ids={first}")).json();
    assert_eq!(export["data"][0]["icon_file"], STANDARD.encode(png()));
    assert_eq!(alice.delete(&format!("{T}/{first}")).status, 204);
    assert_eq!(alice.get(&path).status, 200);
    assert_eq!(alice.delete(&format!("{T}/{second}")).status, 204);
    assert_eq!(alice.get(&path).status, 404);
}

/// Uploads an icon; its file's name.
#[track_caller]
pub(crate) fn icon(by: &Visitor) -> String {
    let made = by.upload(ICONS, "icon", "a.png", &png()).json();
    made["filename"].as_str().unwrap().to_owned()
}

/// Whether an icon is there.
pub(crate) fn is_there(site: &Site, name: &str) -> bool {
    let path = format!("/storage/icons/{name}");
    let request = contract_server::testing::Request::new("GET", &path);
    site.send(&request).status == 200
}

/// 002-12. An icon that no account has, of an upload, an import or an account that has another one now, goes after a day; what
/// an account has stays.
#[test]
fn row_12_icons_without_an_account_go() {
    let mut site = Site::start();
    let alice = site.by("alice");
    let make = |icon: &str| alice.add(&json!({"otp_type": "totp", "account": "a", "icon": icon}));
    let change = |id: i64, icon: &Value| {
        let body = json!({
            "otp_type": "totp", "account": "a", "service": null, "icon": icon, "secret": SECRET, "digits": 6,
            "algorithm": "sha1",
        });
        assert_eq!(alice.call("PUT", &format!("{T}/{id}"), &body).status, 200);
    };
    let (unused, made, first, second, third) = (
        icon(&alice),
        icon(&alice),
        icon(&alice),
        icon(&alice),
        icon(&alice),
    );
    make(&made);
    let id = make(&first);
    change(id, &json!(second));
    let id = make(&third);
    // Taken away by mistake, it can be put back.
    change(id, &Value::Null);
    change(id, &json!(third));
    let svg =
        STANDARD.encode(r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h1v1z"/></svg>"#);
    let info = json!({"secret": SECRET, "algo": "SHA1", "digits": 6, "period": 30});
    let entry = json!({"type": "totp", "name": "a", "issuer": "b", "icon": svg, "icon_mime": "image/svg+xml", "info": info});
    let payload = json!({"version": 1, "db": {"entries": [entry]}}).to_string();
    let previewed = alice
        .post(&format!("{T}/migration"), &json!({"payload": payload}))
        .json();
    let previewed = previewed[0]["icon"].as_str().unwrap().to_owned();
    let (gone, stay) = ([unused, first, previewed], [made, second, third]);
    for name in gone.iter().chain(&stay) {
        assert!(is_there(&site, name), "{name}");
    }
    site.server.ahead(86_340);
    site.server.kill_and_restart();
    // Tidied up at the start and once a minute.
    let tidied = |site: &Site| {
        (0..300).any(|_| {
            sleep(Duration::from_millis(100));
            !gone.iter().any(|name| is_there(site, name))
        })
    };
    for name in gone.iter().chain(&stay) {
        assert!(is_there(&site, name), "{name}");
    }
    site.server.ahead(86_460);
    site.server.kill_and_restart();
    assert!(tidied(&site), "{gone:?}");
    for name in &stay {
        assert!(is_there(&site, name), "{name}");
    }
}

/// 002-12. An icon goes along with its account, whatever becomes of what the first owner has, and goes with the person whose
/// it is.
#[test]
fn row_12_icons_go_with_their_owner() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    alice.switch_on("enableSharing");
    let (given, both) = (icon(&alice), icon(&alice));
    let give = |icon: &str| {
        let id = alice.add(&json!({"otp_type": "totp", "account": "a", "icon": icon}));
        let body = json!({"new_owner_id": 2, "confirm_password": crate::support::PASSWORD});
        let given = alice.call("PATCH", &format!("{T}/{id}/owner"), &body);
        assert_eq!(given.status, 200, "{}", given.json());
        let icon = bob.get(&format!("{T}/{id}")).json()["icon"].clone();
        (id, icon.as_str().unwrap().to_owned())
    };
    let (id, of_bob) = give(&given);
    assert!(is_there(&site, &of_bob) && !is_there(&site, &given));
    assert_eq!(bob.delete(&format!("{T}/{id}")).status, 204);
    assert!(!is_there(&site, &of_bob));
    let kept = alice.add(&json!({"otp_type": "totp", "account": "b", "icon": both}));
    let (_, shared) = give(&both);
    assert!(is_there(&site, &both));
    assert_eq!(alice.delete(&format!("{T}/{kept}")).status, 204);
    assert!(!is_there(&site, &both) && is_there(&site, &shared));
    let own = icon(&bob);
    bob.add(&json!({"otp_type": "totp", "account": "c", "icon": own}));
    assert!(is_there(&site, &own));
    assert_eq!(alice.delete("/api/v1/users/2").status, 204);
    assert!(!is_there(&site, &own) && !is_there(&site, &shared));
}

/// 002-12. Nothing of an SVG runs or leads anywhere.
#[test]
fn row_12_svgs_are_written_anew() {
    let site = Site::start();
    let alice = site.by("alice");
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="alert(1)"><script>alert(2)</script>
        <a href="javascript:alert(3)"><path d="M0 0h1v1z"/></a><path d="M0 0h1v1z"/><image href="https://example.org/a.png"/></svg>"#;
    let made = alice.upload(ICONS, "icon", "a.svg", svg.as_bytes());
    assert_eq!(made.status, 201, "{}", made.json());
    let served = alice.get(&format!(
        "/storage/icons/{}",
        made.json()["filename"].as_str().unwrap()
    ));
    let text = String::from_utf8(served.body).unwrap();
    for gone in ["script", "alert", "onload", "javascript", "example.org"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("<path"), "{text}");
}

/// 002-12. A pack is a folder beside the database; a service that no pack has gets nothing.
#[test]
fn row_12_packs_have_icons_of_services() {
    let site = Site::start();
    let alice = site.by("alice");
    let default = |body| alice.post(&format!("{ICONS}/default"), &body);
    assert_eq!(alice.get(&format!("{ICONS}/packs")).json(), json!([]));
    assert_eq!(default(json!({"service": "My Service"})).status, 204);
    invalid(&default(json!({})), "service");
    invalid(
        &default(json!({"service": "a", "iconCollection": "none"})),
        "iconCollection",
    );
    let folder = site.server.folder().join("data/icon-packs/own");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("my-service.png"), png()).unwrap();
    assert_eq!(
        alice.get(&format!("{ICONS}/packs")).json(),
        json!([{"name": "own"}])
    );
    let found = default(json!({"service": "My Service"}));
    assert_eq!(found.status, 201);
    let served = alice.get(&format!(
        "/storage/icons/{}",
        found.json()["filename"].as_str().unwrap()
    ));
    assert_eq!(served.body, png());
    assert_eq!(
        default(json!({"service": "../My Service", "iconPack": "other"})).status,
        204
    );
}
