//! A person at the page: headless Chromium, driven through chromedriver, as wide as a phone and as a desk.
//!
//! Pictures are left in `target/screenshots` (or where `SCREENSHOTS` says). The rules of axe come from the npm registry, in
//! the version and with the hash that the showcase's `package-lock.json` names.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]
#![expect(clippy::unwrap_used, reason = "an error fails its test")]

#[path = "browser/driver.rs"]
mod driver;
#[expect(dead_code, reason = "what the rows need")]
#[path = "rows/support.rs"]
mod support;

use std::process::Command;

use contract_server::testing::Chromedriver;
use driver::{Browser, axe};
use serde_json::{Value, json};
use support::{PASSWORD, SECRET, Site, T};

/// Names, widths and heights that the page is looked at in.
const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desk", 1_280, 800)];

/// Looks at what is shown: in each size and theme, with the rules of axe, and nothing wider than the window.
fn look(browser: &Browser, name: &str, axe: &str, faults: &mut Vec<String>) {
    browser.execute(axe);
    for (size, width, height) in SIZES {
        for theme in ["light", "dark"] {
            browser.view(width, height, theme);
            browser.picture(&format!("twofauth-{name}-{size}-{theme}"));
            let wide = browser.execute("return document.documentElement.scrollWidth");
            if wide.as_u64() > Some(u64::from(width)) {
                faults.push(format!("{name} {size}: {wide} wide"));
            }
            let run = "return axe.run(document, { resultTypes: ['violations'] }).then(found => \
                       found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html)}`))";
            let found = browser.execute(run);
            let found = found.as_array().unwrap().iter();
            faults.extend(found.map(|fault| format!("{name} {size} {theme}: {fault}")));
        }
    }
}

/// The code that is shown for an account, and none of another one.
fn shown(browser: &Browser, name: &str) -> String {
    let label = browser.appears(&format!("#list button[aria-label$='code of {name}']"));
    let text = browser.attribute(&label, "aria-label");
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.collect()
}

/// Codes are seen, an account is added by its QR code and by its URI, groups and search show what they name; axe finds nothing.
#[test]
fn person_reads_and_adds_codes() {
    let axe = axe();
    let site = Site::start();
    let alice = site.by("alice");
    let driver = Chromedriver::start();
    let mut faults = Vec::new();
    let (name, width, height) = SIZES[0];
    let browser = Browser::open(&driver, site.server.url());
    browser.view(width, height, "light");
    browser.goto("/");
    browser.appears("#in:not([hidden])");
    look(&browser, "sign-in", &axe, &mut faults);
    browser.type_into("#email", "alice@example.org");
    browser.type_into("#password", "wrong");
    browser.click("#in button");
    browser.says("unauthorized");
    browser.clear("#password");
    browser.type_into("#password", PASSWORD);
    browser.click("#in button");
    browser.appears("#vault:not([hidden])");
    assert!(browser.words().contains("No account is here."), "{name}");

    // By the picture of its QR code.
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("code.png");
    let uri = format!("otpauth://totp/Example:alice%40example.org?secret={SECRET}&issuer=Example");
    let drawn = Command::new("qrencode")
        .args(["-o", picture.to_str().unwrap(), &uri])
        .status();
    assert!(drawn.expect("qrencode").success());
    browser.type_into("#picture", picture.to_str().unwrap());
    browser.click("#add button");
    browser.says("Added Example.");
    // The code is the one that the API has, which may change in between.
    let agree = (0..20).any(|_| {
        let code = shown(&browser, "Example alice@example.org");
        let list = alice.get(&format!("{T}?withOtp=1")).json();
        list[0]["otp"]["password"] == code
    });
    assert!(agree);

    // By its URI: a counter's code is asked for.
    browser.type_into(
        "#uri",
        &format!("otpauth://hotp/Bank:a%20card?secret={SECRET}&issuer=Bank&counter=0"),
    );
    browser.click("#add button");
    browser.says("Added Bank.");
    browser.click("#list button[aria-label='Next code of Bank a card']");
    browser.says("Copied.");
    let log = alice.get(&format!("{T}/2/otp-logs")).json();
    assert_eq!(log.as_array().unwrap().len(), 1);

    let group = alice
        .post("/api/v1/groups", &json!({"name": "Money"}))
        .json();
    let assign = format!("/api/v1/groups/{}/assign", group["id"]);
    assert_eq!(alice.post(&assign, &json!({"ids": [2]})).status, 200);
    browser.goto("/");
    browser.appears("#list li:nth-child(2)");
    look(&browser, "codes", &axe, &mut faults);
    for (_, width, height) in SIZES {
        browser.view(width, height, "light");
        let names = || {
            browser.execute(
                "return [...document.querySelectorAll('#list li span')].map(e => e.innerText)",
            )
        };
        browser.click("#groups button:nth-child(2)");
        assert_eq!(names(), json!(["Bank\na card"]));
        assert_eq!(
            browser.execute("return document.activeElement.innerText"),
            "Money"
        );
        browser.click("#groups button:nth-child(1)");
        browser.type_into("#search", "EXAM");
        assert_eq!(names(), json!(["Example\nalice@example.org"]));
        browser.type_into("#search", "unheard");
        browser.appears("#none:not([hidden])");
        browser.clear("#search");
        assert_eq!(names().as_array().unwrap().len(), 2);
    }

    // Whoever is away is signed out by the page itself: its own questions are no use of the session.
    browser.execute("idle = 1; touched = 0; load()");
    browser.says("Signed out: nobody was here.");
    browser.appears("#in:not([hidden])");
    assert_eq!(browser.execute("return document.cookie"), Value::from(""));
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(faults.is_empty(), "{faults:#?}");
}
