//! The pages that links open, in a browser.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod chromium;
#[expect(dead_code, reason = "the rows use the rest")]
#[path = "../rows/support.rs"]
mod support;

use chromium::Browser;
use contract_server::testing::{Chromedriver, Request};
use serde_json::{Value, json};
use support::{Mail, Site, done, refused, user};

const PAGES: &str = "https://accounts.example";

fn site() -> Site {
    let settings = json!({"pages": PAGES, "putBackHours": 48});
    Site::of(&[user("alice", 1), user("bob", 2)], &settings)
}

/// The link of a message, on the server that runs.
fn link(mail: &Mail) -> &str {
    let (_, link) = mail.text.split_once(PAGES).unwrap();
    link.split_whitespace().next().unwrap()
}

/// A registration that was begun, and its message.
fn registration(site: &Site, address: &str) -> (String, Mail) {
    let id = site.process("registration", &json!({ "userKey": address }));
    let request = Request::new("POST", &format!("/api/v1/token/registration/{id}"));
    let (_, mail) = site.mail(|| site.send(&request.header("content-length", "0")));
    (id, mail)
}

/// In another browser than the one that began, a link shows a code to type, and can do nothing else. Where the flow
/// began, it asks for a press, and works once. Until then nothing but `GET` was sent, and nothing is consumed.
#[tokio::test(flavor = "multi_thread")]
async fn link_shows_its_code_or_asks_for_a_press() {
    let (site, driver) = (site(), Chromedriver::start());
    let (id, mail) = registration(&site, "new@example.org");
    assert_eq!(link(&mail), format!("/confirm#{}", mail.token));

    let elsewhere = Browser::open(&driver, site.server.url(), "elsewhere").await;
    for _ in 0..3 {
        elsewhere.goto(link(&mail)).await;
        elsewhere.says("You began in another browser").await;
    }
    assert_eq!(
        elsewhere.find("#code").await.text().await.unwrap(),
        mail.token
    );
    let button = elsewhere.find("button").await;
    assert!(!button.is_displayed().await.unwrap());
    // Neither the history nor a look at the address tells the token.
    assert!(!elsewhere.url().await.contains(&mail.token));
    elsewhere.picture("confirm-elsewhere").await;
    let asked = elsewhere.close().await;
    assert!(asked.len() >= 6, "{asked:?}");
    assert!(asked.iter().all(|one| one.starts_with("GET ")), "{asked:?}");

    // What was typed from there, where it began: the code is good still, and this is one more registration.
    let typed = json!({"oneTimeToken": mail.token, "processingId": id});
    done(&site.post("registration/verification", &typed));

    let (id, mail) = registration(&site, "second@example.org");
    let here = Browser::open(&driver, site.server.url(), "here").await;
    here.goto("/confirm").await;
    here.keep("processingId", &id).await;
    here.goto(link(&mail)).await;
    here.picture("confirm-here").await;
    assert!(!here.url().await.contains(&mail.token));
    assert!(!here.words().await.contains(&mail.token));
    here.find("button").await.click().await.unwrap();
    here.says("Done.").await;
    here.picture("confirm-done").await;
    // It is over, and the page says so.
    here.goto(link(&mail)).await;
    here.find("button").await.click().await.unwrap();
    here.says("There is no such process").await;
    here.picture("confirm-over").await;
    let asked = here.close().await;
    let posts = asked.iter().filter(|one| !one.starts_with("GET "));
    assert_eq!(
        posts.collect::<Vec<_>>(),
        ["POST /api/v1/registration/verification"; 2]
    );
    let body = json!({"oneTimeToken": mail.token, "processingId": id});
    refused(&site.post("registration/verification", &body), 404);
}

/// Whoever had the address before takes a change back in any browser, once they typed the word: a press alone, as a
/// scanner makes it, does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn change_is_put_back_by_a_typed_word() {
    let (site, driver) = (site(), Chromedriver::start());
    let changing = "token/userKeys/changing?keyType=EMAIL";
    let (_, old) = site.mail(|| site.post_as("alice", changing, &Value::Null));
    let new = json!({"oneTimeToken": old.token, "newUserKey": "thief@example.org"});
    let (_, new) = site.mail(|| site.post_as("alice", "token/userKeys/changing/newKey", &new));
    let body = json!({"oneTimeToken": new.token});
    let (_, mail) = site.mail(|| site.post_as("alice", "userKeys/changing", &body));
    assert_eq!(mail.to, "alice@example.org");

    let browser = Browser::open(&driver, site.server.url(), "owner").await;
    browser.goto(link(&mail)).await;
    browser.says("Take a change back").await;
    browser.picture("put-back").await;
    let button = browser.find("button").await;
    for typed in ["", "no"] {
        let word = browser.find("#word").await;
        word.clear().await.unwrap();
        word.send_keys(typed).await.unwrap();
        button.click().await.unwrap();
    }
    assert_eq!(site.details("alice-bearer")["email"], "thief@example.org");
    let word = browser.find("#word").await;
    word.clear().await.unwrap();
    word.send_keys("Back ").await.unwrap();
    button.click().await.unwrap();
    browser.says("Done.").await;
    browser.picture("put-back-done").await;
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.org");
    let asked = browser.close().await;
    let posts = asked.iter().filter(|one| !one.starts_with("GET "));
    assert_eq!(
        posts.collect::<Vec<_>>(),
        ["POST /api/v1/userKeys/puttingBack"]
    );
}
