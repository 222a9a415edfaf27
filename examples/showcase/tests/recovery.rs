//! Recovery codes over plain HTTP: shown once, used once, renewed whole.

#[path = "common/support.rs"]
mod support;

use std::collections::BTreeSet;

use support::{Answer, Person, Site, codes_on, signed_in};

const MAKE: &str = "/account/recovery";
const DOWNLOAD: &str = "/account/recovery/download";

fn codes(answer: &Answer) -> Vec<String> {
    codes_on(&answer.body)
}

/// What the form on the page says it takes the place of.
fn instead_of(page: &Answer) -> String {
    let found = page.between("name=\"instead_of\" value=\"", "\"");
    found.expect("a form that makes codes").to_owned()
}

async fn make(person: &mut Person) -> Answer {
    let page = person.get(MAKE).await;
    let instead_of = instead_of(&page);
    person.post(MAKE, &[("instead_of", &instead_of)]).await
}

/// Somebody with an app and a sheet: the app's secret, and the codes.
async fn with_sheet(site: &Site, email: &str) -> (Person, String, Vec<String>) {
    let (mut person, secret, _) = signed_in(site, email).await;
    let page = make(&mut person).await;
    let sheet = codes(&page);
    assert_eq!(sheet.len(), 10, "{page:?}");
    (person, secret, sheet)
}

/// The first step, on another machine.
async fn half(site: &Site, email: &str) -> Person {
    let mut half = Person::new(site);
    let answer = half.password(email).await;
    assert_eq!(answer.leads_to(), "/second-factor", "{answer:?}");
    half
}

/// How many codes the account's page says are left.
fn left(account: &Answer) -> usize {
    let words = account.body.split(" of 10 left").next().unwrap_or("");
    let number = words.rsplit('>').next().unwrap_or("");
    number.parse().expect("a number of codes")
}

#[track_caller]
fn assert_left(account: &Answer, left: usize) {
    let words = format!("{left} of 10 left");
    assert!(account.body.contains(&words), "not {words}: {account:?}");
}

/// Recovery codes are shown once, and stand in no header, on no later page and in no row of the database.
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_shown_once_and_kept_nowhere() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "once@example.org").await;
    assert!(person.get("/account").await.body.contains("You have none"));
    let form = person.get(MAKE).await;
    let instead_of = instead_of(&form);
    let page = person.post(MAKE, &[("instead_of", &instead_of)]).await;
    assert_eq!((page.status, page.leads_to()), (200, ""));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // Nothing of it is kept in a cookie: what is set is the handle of the proof.
    let set: Vec<_> = page
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .collect();
    assert!(matches!(set[..], [(_, cookie)] if cookie.starts_with("proof=")));
    let sheet = codes(&page);
    assert_eq!(sheet.iter().collect::<BTreeSet<_>>().len(), 10);
    for code in &sheet {
        assert_eq!(code.len(), 29, "{code}");
        assert!(page.headers.iter().all(|(_, value)| !value.contains(code)));
    }

    // Loaded again, with whatever the browser sends: nothing is shown, and what was shown is good.
    let again = person.post(MAKE, &[("instead_of", &instead_of)]).await;
    assert_eq!((again.status, again.leads_to()), (303, MAKE));
    for path in [MAKE, "/account", "/activity", "/outbox", DOWNLOAD] {
        let page = person.get(path).await;
        assert!(codes(&page).is_empty(), "{path}");
        assert!(sheet.iter().all(|code| !page.body.contains(code)), "{path}");
    }
    assert_left(&person.get("/account").await, 10);
    // Nor are they in the database, with or without their dashes.
    let rows = "SELECT quote(id) || quote(digest) || quote(data) || quote(tag) FROM ott_tokens";
    let rows: Vec<String> = sqlx::query_scalar(rows)
        .fetch_all(&site.pool)
        .await
        .expect("rows");
    let hex = |text: &str| -> String { text.bytes().map(|byte| format!("{byte:02X}")).collect() };
    for code in &sheet {
        let plain = code.replace('-', "");
        for secret in [code, &plain, &hex(code), &hex(&plain)] {
            assert!(rows.iter().all(|row| !row.contains(secret.as_str())));
        }
    }
    let first = sheet.first().expect("ten codes");
    let mut other = half(&site, "once@example.org").await;
    assert_eq!(other.recover(first).await.leads_to(), "/account");
}

/// The set that is shown is the one that lives also when the button is pressed twice.
#[tokio::test(flavor = "multi_thread")]
async fn set_that_is_shown_lives_when_pressed_twice() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "twice@example.org").await;
    for round in 0..8 {
        let page = person.get(MAKE).await;
        let instead_of = instead_of(&page);
        let press = || {
            let (mut person, instead_of) = (person.clone(), instead_of.clone());
            tokio::spawn(async move {
                let answer = person.post(MAKE, &[("instead_of", &instead_of)]).await;
                (answer, person)
            })
        };
        let pressed = [press(), press(), press(), press()];
        let mut shown = Vec::new();
        // Every press shows the same sheet.
        for task in pressed {
            let (answer, after) = task.await.expect("no panic");
            assert!([200, 303].contains(&answer.status), "{answer:?}");
            let sheet = codes(&answer);
            assert!(shown.is_empty() || shown == sheet, "round {round}");
            shown = sheet;
            // The browser goes on with the proof that one of the answers gave back.
            if answer.status == 200 {
                person = after;
            }
        }
        assert_eq!(shown.len(), 10, "round {round}");
        assert_left(&person.get("/account").await, 10);
        let mut half = half(&site, "twice@example.org").await;
        let code = shown.get(round).expect("ten codes");
        assert_eq!(half.recover(code).await.leads_to(), "/account");
    }
}

/// The sheet downloads as a file that no cache keeps. A form without ten codes and their time gets no file.
#[tokio::test(flavor = "multi_thread")]
async fn sheet_downloads_as_a_file_that_nobody_keeps() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "file@example.org").await;
    let page = make(&mut person).await;
    let sheet = codes(&page);
    let hidden = |name: &str| {
        let found = page.between(&format!("name=\"{name}\" value=\""), "\"");
        found.expect("a hidden field").to_owned()
    };
    let (listed, made) = (hidden("codes"), hidden("made"));
    assert_eq!(listed, sheet.join(" "));
    let fields = [("codes", listed.as_str()), ("made", made.as_str())];
    let file = person.post(DOWNLOAD, &fields).await;
    assert_eq!(file.status, 200, "{file:?}");
    assert_eq!(file.header("cache-control"), Some("no-store"));
    assert_eq!(
        file.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let disposition = file.header("content-disposition").unwrap_or("");
    assert!(disposition.starts_with("attachment; filename="));
    assert!(file.body.contains("Showcase") && file.body.contains("file@example.org"));
    assert!(
        file.body
            .contains(&site.now().format("%Y-%m-%d").to_string())
    );
    for code in &sheet {
        assert!(file.body.contains(&format!("[ ] {code}\n")), "{file:?}");
    }

    // No address leads to it, and only what our page sends comes out.
    assert_eq!(person.get(DOWNLOAD).await.status, 405);
    let script = listed.replacen(&sheet[0], "<script>alert(1)</script>", 1);
    let lower = listed.to_lowercase();
    let nine = sheet[1..].join(" ");
    let eleven = format!("{listed} {}", sheet[0]);
    for spoilt in ["", "x", &script, &lower, &nine, &eleven] {
        let fields = [("codes", spoilt), ("made", made.as_str())];
        let answer = person.post(DOWNLOAD, &fields).await;
        assert_eq!(answer.status, 422, "{spoilt}: {answer:?}");
        assert!(answer.header("content-disposition").is_none());
    }
    for when in ["", "x", "9223372036854775807", "1.5"] {
        let fields = [("codes", listed.as_str()), ("made", when)];
        assert_eq!(person.post(DOWNLOAD, &fields).await.status, 422, "{when}");
    }
    person.sign_out().await;
    let answer = person.post(DOWNLOAD, &fields).await;
    assert_eq!(answer.leads_to_path(), "/sign-in");
}

/// A recovery code signs in once, and proves enough to make a new set.
#[tokio::test(flavor = "multi_thread")]
async fn code_signs_in_once_and_a_new_set_is_offered() {
    let site = Site::start().await;
    let email = "lost@example.org";
    let (_, _, sheet) = with_sheet(&site, email).await;
    let mut other = half(&site, email).await;
    let mut half = half(&site, email).await;
    let page = half.get("/second-factor").await;
    assert!(page.body.contains("href=\"/second-factor/recovery\""));
    let page = half.get("/second-factor/recovery").await;
    assert!(page.body.contains("value=\"recovery\""), "{page:?}");

    for wrong in [
        "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF",
        "123456",
        "nothing",
        "\u{ff21}",
    ] {
        let refused = half.recover(wrong).await;
        assert_eq!(refused.status, 401, "{wrong}: {refused:?}");
        let words = if wrong.len() == 29 {
            "recovery code is not right"
        } else {
            "A recovery code has 24 letters and digits"
        };
        assert!(refused.body.contains(words), "{refused:?}");
        assert!(!refused.body.contains(wrong), "{wrong} is echoed");
    }
    // As a person types it.
    let typed = sheet[3].to_lowercase().replace('-', " ");
    let answer = half.recover(&typed).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    let account = half.get("/account").await;
    assert_left(&account, 9);
    assert!(
        account
            .body
            .contains("You have used a recovery code; 9 left")
    );
    assert!(account.body.contains("href=\"/account/recovery\""));
    assert!(account.body.contains("with a recovery code"), "{account:?}");

    let again = other.recover(&sheet[3]).await;
    assert_eq!(again.status, 401, "{again:?}");
    let activity = half.get("/activity").await;
    for words in [
        "New recovery codes were made",
        "A recovery code was used; 9 left",
        "A recovery code was refused: it had been used",
        "A recovery code was refused: it was not right",
    ] {
        assert!(activity.body.contains(words), "{words}: {activity:?}");
    }
    // The set was made once and used once: twenty records are not twenty lines.
    assert!(!activity.body.contains("recovery-code"));
    assert_eq!(activity.body.matches("codes were made").count(), 1);

    // Having used one is proof enough to make a new set at once.
    let page = make(&mut half).await;
    assert_eq!(codes(&page).len(), 10, "{page:?}");
    let account = half.get("/account").await;
    assert_left(&account, 10);
    assert!(!account.body.contains("You have used a recovery code"));
}

/// A new set voids the old sheet, and no other account's.
#[tokio::test(flavor = "multi_thread")]
async fn new_set_voids_the_old_sheet_and_only_that() {
    let site = Site::start().await;
    let email = "renew@example.org";
    let (mut person, _, old) = with_sheet(&site, email).await;
    let (_, _, others) = with_sheet(&site, "neighbour@example.org").await;
    let new = codes(&make(&mut person).await);
    let mut half = half(&site, email).await;
    for void in old.iter().take(3).chain(others.iter().take(3)) {
        let refused = half.recover(void).await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    let activity = person.get("/activity").await;
    assert!(activity.body.contains("a newer sheet voids it"));
    assert_eq!(half.recover(&new[0]).await.leads_to(), "/account");
    let mut neighbour = Person::new(&site);
    neighbour.password("neighbour@example.org").await;
    assert_eq!(neighbour.recover(&others[0]).await.leads_to(), "/account");
}

/// A sign-in takes one recovery code, and no second one as a later proof.
#[tokio::test(flavor = "multi_thread")]
async fn sign_in_takes_one_recovery_code() {
    let site = Site::start().await;
    let email = "two@example.org";
    let (_, secret, sheet) = with_sheet(&site, email).await;
    let mut person = half(&site, email).await;
    let mut stale = person.clone();
    assert_eq!(person.recover(&sheet[0]).await.leads_to(), "/account");
    // The first step was used up by it.
    assert_eq!(stale.recover(&sheet[1]).await.leads_to_path(), "/sign-in");

    site.wait(600);
    let prove = "/account/prove?next=recovery";
    assert_eq!(person.get(MAKE).await.leads_to(), prove);
    let page = person.get(prove).await;
    assert!(!page.body.contains("Use a recovery code"), "{page:?}");
    let page = person.get("/account/prove/recovery?next=recovery").await;
    assert_eq!(page.leads_to(), prove);
    for _ in 0..2 {
        let fields = [("provider", "recovery"), ("code", sheet[1].as_str())];
        let refused = person.post("/account/prove", &fields).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.body.contains("takes one recovery code"));
        assert_left(&person.get("/account").await, 9);
        // Another proof in the same sign-in changes nothing about it.
        let code = site.code(&secret);
        let proved = person.confirm("/account/prove", "totp", "", &code).await;
        assert_eq!(proved.leads_to(), "/account", "{proved:?}");
        site.wait(600);
    }
    // Without another way, it says what to do.
    let disable = "UPDATE ott_factors SET state = 2 WHERE state = 1";
    let disable = sqlx::query(disable).execute(&site.pool).await;
    disable.expect("an update");
    let page = person.get("/account/prove").await;
    assert!(page.body.contains("sign out and sign in again"), "{page:?}");

    // Another sign-in takes another one, and so does a proof of a sign-in that took none.
    let mut again = half(&site, email).await;
    assert_eq!(again.recover(&sheet[1]).await.leads_to(), "/account");
    let enable = sqlx::query("UPDATE ott_factors SET state = 1 WHERE state = 2");
    enable.execute(&site.pool).await.expect("an update");
    let mut by_app = half(&site, email).await;
    let answer = by_app.code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    site.wait(600);
    let fields = [("provider", "recovery"), ("code", sheet[2].as_str())];
    let proved = by_app.post(prove, &fields).await;
    assert_eq!(proved.leads_to(), MAKE, "{proved:?}");
}

/// Making codes takes a proof of less than ten minutes. The page of the proof leads to our own pages alone.
#[tokio::test(flavor = "multi_thread")]
async fn making_codes_takes_a_fresh_proof_that_leads_back() {
    let site = Site::start().await;
    let (mut person, secret, sheet) = with_sheet(&site, "proof@example.org").await;
    site.wait(599);
    let page = person.get(MAKE).await;
    assert_eq!(page.status, 200);
    let instead_of = instead_of(&page);
    site.wait(1);
    let prove = "/account/prove?next=recovery";
    assert_eq!(person.get(MAKE).await.leads_to(), prove);
    let answer = person.post(MAKE, &[("instead_of", &instead_of)]).await;
    assert_eq!((answer.status, answer.leads_to()), (303, prove));
    assert_left(&person.get("/account").await, 10);

    let page = person.get(prove).await;
    let form = "action=\"/account/prove?next=recovery\"";
    assert!(page.body.contains(form), "{page:?}");
    let refused = person.confirm(prove, "totp", "", "000000").await;
    assert!(refused.status == 401 && refused.body.contains(form));
    let proved = person.confirm(prove, "totp", "", &site.code(&secret)).await;
    assert_eq!(proved.leads_to(), MAKE, "{proved:?}");
    assert_eq!(codes(&make(&mut person).await).len(), 10);
    let mut half = half(&site, "proof@example.org").await;
    assert_eq!(half.recover(&sheet[0]).await.status, 401);

    // It leads to our own pages alone.
    for evil in [
        "https://evil.example",
        "//evil.example",
        "recovery%2F..",
        "",
        "add&next=x",
    ] {
        site.wait(30);
        let path = format!("/account/prove?next={evil}");
        let proved = person.confirm(&path, "totp", "", &site.code(&secret)).await;
        assert_eq!(proved.leads_to(), "/account", "{evil}: {proved:?}");
    }
}

/// A disabled second step leads to recovery and to a new one.
#[tokio::test(flavor = "multi_thread")]
async fn disabled_step_leads_to_recovery_and_a_new_one() {
    let site = Site::start().await;
    let email = "off@example.org";
    let (_, _, sheet) = with_sheet(&site, email).await;
    let disable = sqlx::query("UPDATE ott_factors SET state = 2 WHERE state = 1");
    disable.execute(&site.pool).await.expect("an update");
    let mut half = half(&site, email).await;
    let page = half.get("/second-factor").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("is disabled") && page.body.contains("Use a recovery code"));
    assert_eq!(half.recover(&sheet[9]).await.leads_to(), "/account");
    let page = half
        .open("/account/add", &[("provider", "totp"), ("label", "New")])
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let answer = half
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    site.wait(30);
    let mut again = Person::new(&site);
    again.password(email).await;
    assert_eq!(again.code(&site.code(&secret)).await.leads_to(), "/account");
}

/// The use of the last recovery code is told, and after it none is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn last_code_is_told() {
    let site = Site::start().await;
    let email = "last@example.org";
    let (_, secret, sheet) = with_sheet(&site, email).await;
    for (used, code) in sheet.iter().enumerate() {
        let mut person = half(&site, email).await;
        assert_eq!(person.recover(code).await.leads_to(), "/account");
        let account = person.get("/account").await;
        if used < 9 {
            assert_left(&account, 9 - used);
        } else {
            assert!(account.body.contains("your last recovery code"));
            let activity = person.get("/activity").await;
            assert!(activity.body.contains("The last recovery code was used"));
        }
    }
    site.wait(30);
    let mut half = half(&site, email).await;
    let page = half.get("/second-factor").await;
    assert!(!page.body.contains("Use a recovery code"), "{page:?}");
    assert_eq!(half.recover(&sheet[0]).await.status, 401);
    assert_eq!(half.code(&site.code(&secret)).await.leads_to(), "/account");
}

/// A raised epoch ends every session and every half of a sign-in, and the sheet still signs in.
#[tokio::test(flavor = "multi_thread")]
async fn sheet_outlives_what_voids_everything_else() {
    let site = Site::start().await;
    let email = "epoch@example.org";
    let (mut person, _, sheet) = with_sheet(&site, email).await;
    let mut other = half(&site, email).await;
    let raise = sqlx::query("UPDATE accounts SET epoch = epoch + 1");
    raise.execute(&site.pool).await.expect("an update");
    assert_eq!(person.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(other.recover(&sheet[0]).await.leads_to_path(), "/sign-in");
    let mut half = half(&site, email).await;
    assert_eq!(half.recover(&sheet[0]).await.leads_to(), "/account");
    assert_left(&half.get("/account").await, 9);
}

/// While the store is down, no recovery code is made and none is taken.
#[tokio::test(flavor = "multi_thread")]
async fn outage_makes_no_codes_and_takes_none() {
    let site = Site::start().await;
    let email = "outage@example.org";
    let (mut person, _, sheet) = with_sheet(&site, email).await;
    let page = person.get(MAKE).await;
    let instead_of = instead_of(&page);
    let mut half = half(&site, email).await;
    half.csrf().await;
    site.pool.close().await;
    let answer = person.post(MAKE, &[("instead_of", &instead_of)]).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(codes(&answer).is_empty());
    let answer = half.recover(&sheet[0]).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("nothing was granted"));
}

/// Of several codes that are sent at once in one sign-in, one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn codes_sent_at_once_sign_in_once() {
    const EMAIL: &str = "at-once@example.org";
    let site = Site::start().await;
    let (mut owner, secret, sheet) = with_sheet(&site, EMAIL).await;
    let mut half = half(&site, EMAIL).await;
    half.csrf().await;
    let at_once = sheet.iter().take(4).cloned().map(|code| {
        let mut half = half.clone();
        tokio::spawn(async move { (half.recover(&code).await.leads_to().to_owned(), half) })
    });
    let mut in_ = Vec::new();
    for one in at_once.collect::<Vec<_>>() {
        let (to, person) = one.await.expect("an answer");
        match to.as_str() {
            "/account" => in_.push(person),
            to => assert_eq!(to, "/sign-in"),
        }
    }
    assert_eq!(in_.len(), 1);
    // Each was right, so each that was looked at is used up; and one sign-in came of them.
    let account = owner.get("/account").await;
    let left = left(&account);
    assert!((6..=9).contains(&left), "{left}");
    assert_eq!(account.body.matches("with a recovery code").count(), 1);

    // The same where somebody who is signed in proves it again.
    site.wait(30);
    let mut person = Person::new(&site);
    person.password(EMAIL).await;
    assert_eq!(
        person.code(&site.code(&secret)).await.leads_to(),
        "/account"
    );
    person.get("/account/prove").await;
    let before = person
        .get("/account")
        .await
        .body
        .matches("since <time")
        .count();
    let at_once = sheet.iter().skip(5).take(4).cloned().map(|code| {
        let mut person = person.clone();
        tokio::spawn(async move {
            let fields = [("provider", "recovery"), ("code", &*code)];
            let answer = person.post("/account/prove", &fields).await;
            answer.leads_to().to_owned()
        })
    });
    let mut proved = 0;
    for one in at_once.collect::<Vec<_>>() {
        proved += u32::from(one.await.expect("an answer") == "/account");
    }
    assert_eq!(proved, 1);
    let account = owner.get("/account").await;
    assert_eq!(account.body.matches("since <time").count(), before);
}

/// Who makes sheet after sheet is told when the next one may be made, and the last sheet stays good.
#[tokio::test(flavor = "multi_thread")]
async fn sheets_made_too_often_say_when_to_come_back() {
    let site = Site::start().await;
    let (mut person, _, mut sheet) = with_sheet(&site, "often@example.org").await;
    let refused = loop {
        let page = make(&mut person).await;
        if page.status != 200 {
            break page;
        }
        sheet = codes(&page);
    };
    assert_eq!(refused.status, 429, "{refused:?}");
    for words in [
        "Make the next one in 60 minutes (",
        "The codes that you have go on working.",
        "10 of 10 left",
        "Make ten new codes",
    ] {
        assert!(refused.body.contains(words), "{words}: {refused:?}");
    }
    let after = refused.header("retry-after").expect("a time");
    assert_eq!(after, "3600");
    // A second step is begun at the same pace.
    let add = [("provider", "totp"), ("label", "Tablet")];
    let refused = person.post("/account/add", &add).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.body.contains("Begin the next one in 60 minutes ("));
    let mut half = half(&site, "often@example.org").await;
    assert_eq!(half.recover(&sheet[0]).await.leads_to(), "/account");
}
