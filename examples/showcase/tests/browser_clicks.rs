//! A person who presses each button twice, on a slow line: the step is done once, and its page comes.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use core::time::Duration;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{PASSWORD, Person, REGISTER, Site};

const EMAIL: &str = "jo@example.org";
const NEW_EMAIL: &str = "jo@example.net";
const NEW_PASSWORD: &str = "a quite new password";

/// Opens a path without the checks of a page, which take their time.
async fn open(browser: &Browser, site: &Site, path: &str) {
    let url = format!("{}{path}", site.origin);
    browser.client.goto(&url).await.expect("a page");
}

/// How many sessions and sign-ins without a second step there are.
async fn live(site: &Site) -> (i64, i64) {
    let of = async |purpose: &str| {
        let count = "SELECT count(*) FROM ott_tokens WHERE purpose = ? AND state = 1";
        let count = sqlx::query_scalar(count).bind(purpose);
        count.fetch_one(&site.pool).await.expect("a number")
    };
    (of("session").await, of("password-passed").await)
}

/// Every step whose button is pressed twice on a slow line is done once, and ends signed in.
#[tokio::test(flavor = "multi_thread")]
async fn double_click_on_a_slow_line_is_one_click() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "slow").await;
    browser.goto("/register").await;
    browser.slow_line(1_500).await;

    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press_twice("Create account").await;
    browser.at(REGISTER).await;
    let code = site.registration_code(EMAIL).await;
    let mails = |site: &Site| site.outbox.messages().len();
    assert_eq!(mails(&site), 1);
    browser.fill("code", &code).await;
    browser.press_twice("Confirm").await;
    browser.at("/welcome").await;
    browser.press_twice("Continue").await;
    browser.at("/welcome/confirm").await;
    let summary = browser.find(Css("details > summary")).await;
    summary.click().await.expect("a click");
    let secret = browser.text(Id("secret")).await.replace(' ', "");
    browser.fill("code", &site.code(&secret)).await;
    browser.press_twice("Confirm").await;
    browser.at("/account/recovery").await;
    assert_eq!(live(&site).await, (1, 0));
    browser.press_twice("Make ten codes").await;
    assert_eq!(
        browser
            .client
            .find_all(Css("ol.codes li"))
            .await
            .map(|codes| codes.len())
            .ok(),
        Some(10)
    );

    // A link to a page that takes the proof up; a step by mail; its code.
    open(&browser, &site, "/account").await;
    browser.press_twice("Add another").await;
    browser.at("/account/add").await;
    browser.choose("email").await;
    browser.fill("label", "Mail").await;
    browser.press_twice("Continue").await;
    browser.at("/account/add/confirm").await;
    assert_eq!(mails(&site), 4);
    browser.fill("code", &site.sent_code()).await;
    browser.press_twice("Confirm").await;
    browser.at("/account").await;
    assert_eq!(live(&site).await, (1, 0));
    browser.press_twice("Sign out").await;
    browser.at("/").await;
    assert_eq!(live(&site).await, (0, 0));

    site.wait(60);
    open(&browser, &site, "/sign-in").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press_twice("Continue").await;
    browser.at("/second-factor").await;
    let before = mails(&site);
    browser
        .press_twice("Send a code: Mail (j…@example.org)")
        .await;
    browser.at("/second-factor").await;
    assert_eq!(mails(&site), before + 1);
    browser.fill("code", &site.sent_code()).await;
    browser.press_twice("Continue").await;
    browser.at("/account").await;
    assert_eq!(live(&site).await, (1, 0));

    // What is removed is removed once, and this browser stays.
    let remove = browser.find(Css("[aria-label='Remove Mail']")).await;
    browser.follow(remove).await;
    browser.press_twice("Remove").await;
    browser.at("/account").await;
    let words = browser.words().await;
    assert!(words.contains("“Mail” is removed"), "{words}");
    assert_eq!(live(&site).await, (1, 0));
    browser.close().await;
}

/// How long the line takes: longer than there is between two presses. With `NIGHTLY=1` in the environment a second and a half.
fn latency() -> u32 {
    match std::env::var_os("NIGHTLY").is_some_and(|set| set == "1") {
        true => 1_500,
        false => 900,
    }
}

/// Nobody is told twice: so many messages go out, and no more.
async fn sent(site: &Site, messages: usize) {
    for _ in 0..1_500 {
        if site.outbox.messages().len() >= messages {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = site.outbox.messages();
    let told: Vec<_> = told.iter().map(|sent| sent.purpose().as_str()).collect();
    assert_eq!(told.len(), messages, "{told:?}");
}

/// The first address with this path in the last message that has one.
fn link(site: &Site, path: &str) -> String {
    let messages = site.outbox.messages();
    let texts = messages.iter().rev().filter_map(|sent| sent.expose_text());
    let mut lines = texts.flat_map(str::lines);
    let line = lines.find(|line| line.contains(path)).expect("a link");
    line.to_owned()
}

/// Somebody else's visit with the owner's app: a device that is remembered and trusted.
async fn visit(site: &Site, secret: &str) -> Person {
    site.wait(30);
    let mut person = Person::new(site);
    person.password(EMAIL).await;
    let code = site.code(secret);
    let fields = [
        ("provider", "totp"),
        ("code", code.as_str()),
        ("remember", "yes"),
        ("trust", "yes"),
    ];
    let answer = person.post("/second-factor", &fields).await;
    assert_eq!(answer.leads_to_path(), "/account", "{answer:?}");
    person
}

/// What a change asks for, unless the last proof is good for it: a code, whose button is pressed twice too.
async fn proved(browser: &Browser, site: &Site, secret: &str, path: &str) {
    let url = browser.client.current_url().await.expect("a URL");
    if url.path() == "/account/prove" {
        site.wait(30);
        browser.fill("code", &site.code(secret)).await;
        browser.press_twice("Continue").await;
    }
    browser.at(path).await;
}

/// A press on each button of the signed in, twice, acts once and leads to its page.
#[tokio::test(flavor = "multi_thread")]
async fn double_click_on_the_rest_acts_once() {
    let site = Site::start_with(|config| config.trust_devices = true).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "twice").await;
    let mut first = Person::new(&site);
    first.register(EMAIL).await;
    let (secret, _) = first.enrol_first(&site).await;
    first.sign_out().await;
    site.wait(30);
    browser.password(EMAIL).await;
    for tick in ["remember", "trust"] {
        let tick = browser.find(Id(tick)).await;
        tick.click().await.expect("a click");
    }
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    for _ in 0..3 {
        visit(&site, &secret).await;
    }
    open(&browser, &site, "/account").await;
    assert_eq!(live(&site).await, (4, 0));
    browser.slow_line(latency()).await;

    // A session, a trusted and a remembered device; then the rest of each.
    browser.press_twice("Sign out there: ").await;
    browser.at("/account").await;
    assert_eq!(live(&site).await, (3, 0));
    browser.press_twice("Stop trusting ").await;
    browser.at("/account").await;
    browser.says("trusted no more").await;
    browser.press_twice("Trust none").await;
    browser.at("/account").await;
    open(&browser, &site, "/devices").await;
    browser.press_twice("Forget A browser").await;
    browser.at("/devices").await;
    browser.says("The device is forgotten").await;
    browser.press_twice("Forget all").await;
    browser.at("/devices").await;
    browser.says("None.").await;
    open(&browser, &site, "/account").await;
    browser.press_twice("Sign out everywhere else").await;
    browser.at("/account").await;
    assert_eq!(live(&site).await, (1, 0));

    // A step of its own: its name, its code once more, and that it is dropped.
    browser.press_twice("Rename Phone").await;
    proved(&browser, &site, &secret, "/account/rename").await;
    browser.fill("label", "Tablet").await;
    browser.press_twice("Rename").await;
    browser.at("/account").await;
    browser.says("Tablet").await;
    open(&browser, &site, "/account/add").await;
    proved(&browser, &site, &secret, "/account/add").await;
    browser.choose("email").await;
    browser.press("Continue").await;
    browser.at("/account/add/confirm").await;
    let told = site.outbox.messages().len();
    site.wait(60);
    browser.press_twice("Send a new code").await;
    browser.at("/account/add/confirm").await;
    sent(&site, told + 1).await;
    browser.press_twice("Start again").await;
    browser.at("/account/add").await;

    // The address, by two codes of which the second counts.
    open(&browser, &site, "/account/address").await;
    proved(&browser, &site, &secret, "/account/address").await;
    let told = site.outbox.messages().len();
    browser.fill("email", NEW_EMAIL).await;
    browser.press_twice("Send a code").await;
    browser.at("/account/address/confirm").await;
    sent(&site, told + 1).await;
    site.wait(60);
    browser.press_twice("Send a new code").await;
    browser.at("/account/address/confirm").await;
    sent(&site, told + 2).await;
    browser.fill("code", &site.sent_code()).await;
    browser.press_twice("Confirm").await;
    browser.at("/account").await;
    assert_eq!(live(&site).await, (1, 0));

    // The password; then its link, by the address that is new.
    open(&browser, &site, "/account/password").await;
    proved(&browser, &site, &secret, "/account/password").await;
    browser.fill("current", PASSWORD).await;
    browser.fill("password", NEW_PASSWORD).await;
    browser.press_twice("Change it").await;
    browser.at("/account").await;
    browser.says("Your password is changed").await;
    assert_eq!(live(&site).await, (1, 0));
    let not_me = link(&site, "/not-me#");
    browser.press_twice("Sign out").await;
    browser.at("/").await;
    site.wait(60);
    open(&browser, &site, "/forgot").await;
    let told = site.outbox.messages().len();
    browser.fill("email", NEW_EMAIL).await;
    browser.press_twice("Send a link").await;
    browser.at("/forgot").await;
    sent(&site, told + 1).await;
    open(&browser, &site, "/reset").await;
    browser.fill("link", &link(&site, "/reset#")).await;
    browser.fill("password", PASSWORD).await;
    browser.press_twice("Change it").await;
    browser.at("/sign-in").await;

    // Whoever is not the person of this address, and whoever was not it.
    browser.fill("email", NEW_EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press_twice("Continue").await;
    browser.at("/second-factor").await;
    browser.press_twice("Not you?").await;
    browser.at("/").await;
    assert_eq!(live(&site).await, (0, 0));
    open(&browser, &site, "/not-me").await;
    browser.fill("link", &not_me).await;
    browser.fill("word", "STOP").await;
    browser.press_twice("This was not me").await;
    browser.says("It was stopped").await;
    browser.close().await;
}
