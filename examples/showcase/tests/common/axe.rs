//! The rules of axe, and a look at a page with them: in every view and theme.

use std::{path::Path, process::Command};

use crate::chromium::{Browser, target};

/// Widths, heights and enlargements: the last is 1,280 pixels at 200 %.
const VIEWS: [(u32, u32, u32); 4] = [(320, 800, 1), (390, 844, 1), (1_280, 800, 1), (640, 400, 2)];

/// The rules' program, fetched into the target folder: each test program has a folder of its own, since npm empties it first.
pub(crate) fn axe() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/axe");
    let folder = target().join(concat!("axe-", env!("CARGO_CRATE_NAME")));
    let program = folder.join("node_modules/axe-core/axe.min.js");
    std::fs::create_dir_all(&folder).expect("a folder");
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).expect("a copy");
    }
    // It checks the hash.
    let done = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .unwrap_or_else(|error| {
            panic!("npm does not start ({error}): install the Debian package `npm`")
        });
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    std::fs::read_to_string(program).expect("the rules")
}

/// Looks at the page that is open, in every view and theme.
pub(crate) async fn look(browser: &Browser, axe: &str, name: &str, faults: &mut Vec<String>) {
    browser.load_axe(axe).await;
    for (width, height, scale) in VIEWS {
        browser.view(width, height, scale).await;
        for scheme in ["light", "dark"] {
            browser.theme(&[("prefers-color-scheme", scheme)]).await;
            let file = name.trim_matches('/').replace(['/', ' '], "-");
            browser.snap(&format!("axe-{file}-{width}-{scheme}")).await;
            for fault in browser.axe().await {
                faults.push(format!("{name} {width}x{height} {scheme}: {fault}"));
            }
            let wide = "return document.documentElement.scrollWidth";
            let wide = browser
                .client
                .execute(wide, Vec::new())
                .await
                .expect("a number");
            if wide.as_u64() > Some(u64::from(width)) {
                faults.push(format!("{name} {width}x{height}: {wide} wide"));
            }
        }
    }
    browser.view(1_280, 800, 1).await;
    browser.theme(&[]).await;
}
