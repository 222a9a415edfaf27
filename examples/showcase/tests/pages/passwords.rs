//! A password that is changed or forgotten.

use crate::{
    confirm_address, follow, says, says_not,
    support::{PASSWORD, Person, Site, other_than, signed_in},
};

/// A changed password ends every other session and what was remembered, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn password_change_ends_what_its_page_says() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "pass@example.org").await;
    confirm_address(&site, &mut person, "pass@example.org").await;
    site.wait(30);
    let mut other = Person::new(&site);
    other.password("pass@example.org").await;
    let fields = [
        ("provider", "totp"),
        ("code", &*site.code(&secret)),
        ("remember", "yes"),
    ];
    assert_eq!(other.post("/second-factor", &fields).await.status, 303);
    let mut half = Person::new(&site);
    half.password("pass@example.org").await;
    let page = person.get("/account/password").await;
    for words in [
        "Every other browser",
        "Every remembered or trusted device",
        "your second steps",
    ] {
        says(&page, words);
    }
    const NEW: &str = "a quite new password";
    for (current, new, status, words) in [
        ("wrong", NEW, 401, "not your password until now"),
        (PASSWORD, "short", 422, "8 to 256 characters"),
    ] {
        let fields = [("current", current), ("password", new)];
        let page = person.post("/account/password", &fields).await;
        assert_eq!(page.status, status, "{page:?}");
        says(&page, words);
        says(&page, "aria-invalid=\"true\"");
        says_not(&page, PASSWORD);
    }
    let before = site.outbox.messages().len();
    let fields = [("current", PASSWORD), ("password", NEW)];
    let changed = person.post("/account/password", &fields).await;
    says(
        &follow(&mut person, &changed).await,
        "Your password is changed. Every other browser is signed out.",
    );
    let told = site.outbox.messages();
    let told: Vec<_> = told[before..]
        .iter()
        .map(|sent| sent.expose_text().expect("words").to_owned())
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("password of your account was changed"),
        "{told:?}"
    );
    assert_eq!(other.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(half.get("/second-factor").await.leads_to_path(), "/sign-in");
    says(&person.get("/devices").await, "None.");
    assert_eq!(
        Person::new(&site).password("pass@example.org").await.status,
        401
    );
    let mut again = Person::new(&site);
    let fields = [("email", "pass@example.org"), ("password", NEW)];
    assert_eq!(
        again.post("/sign-in", &fields).await.leads_to(),
        "/second-factor"
    );
    // With an old proof it leads back; and guesses are limited.
    site.wait(660);
    assert_eq!(
        person.get("/account/password").await.leads_to(),
        "/account/prove?next=password"
    );
    person
        .confirm(
            "/account/prove?next=password",
            "totp",
            "",
            &site.code(&secret),
        )
        .await;
    let mut answer = person
        .post(
            "/account/password",
            &[("current", "wrong"), ("password", NEW)],
        )
        .await;
    for _ in 0..12 {
        answer = person
            .post(
                "/account/password",
                &[("current", "wrong"), ("password", NEW)],
            )
            .await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    says(&answer, "Try again in ");
}

/// A link by mail changes a forgotten password once, ends every session, and is no second step.
#[tokio::test(flavor = "multi_thread")]
async fn forgotten_password_is_changed_by_link_once() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "forgot@example.org").await;
    let mut stranger = Person::new(&site);
    let ask = async |who: &mut Person, email: &str| {
        let asked = who.post("/forgot", &[("email", email)]).await;
        let page = follow(who, &asked).await;
        says(
            &page,
            "If this is the confirmed address of an account, a link is on its way.",
        );
    };
    let links = |site: &Site| {
        let sent = site.outbox.messages();
        let texts = sent
            .iter()
            .filter(|sent| sent.purpose().as_str() == "password-reset");
        let texts: Vec<_> = texts
            .map(|sent| sent.expose_text().expect("words").to_owned())
            .collect();
        let link = |text: &String| {
            text.lines()
                .find(|line| line.contains("/reset#"))
                .map(str::to_owned)
        };
        texts.iter().filter_map(link).collect::<Vec<_>>()
    };
    // Nobody's: the same words, and no mail.
    ask(&mut stranger, "nobody@example.org").await;
    site.wait(3_600);
    person
        .confirm("/account/prove", "totp", "", &site.code(&secret))
        .await;
    ask(&mut stranger, "forgot@example.org").await;
    for _ in 0..100 {
        if !links(&site).is_empty() {
            break;
        }
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    }
    let sent = links(&site);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let link = sent[0].as_str();
    const NEW: &str = "a quite new password";
    let page = stranger.get("/reset").await;
    says(&page, "Every other browser");
    says(&page, "<script src=\"/link.js\" defer>");
    let token = link.rsplit_once('#').expect("a token").1;
    for (link, new, status, words) in [
        (&*other_than(token), NEW, 401, "This link is not right"),
        ("", NEW, 401, "This link is not right"),
        (link, "short", 422, "8 to 256 characters"),
    ] {
        let page = stranger
            .post("/reset", &[("link", link), ("password", new)])
            .await;
        assert_eq!(page.status, status, "{page:?}");
        says(&page, words);
    }
    assert_eq!(person.get("/account").await.status, 200);
    let fields = [("link", link), ("password", NEW)];
    let done = stranger.post("/reset", &fields).await;
    assert_eq!(done.leads_to(), "/sign-in");
    let page = follow(&mut stranger, &done).await;
    says(
        &page,
        "every browser is signed out. Sign in with the new one.",
    );
    says(&page, "value=\"forgot@example.org\"");
    assert_eq!(person.get("/account").await.leads_to_path(), "/sign-in");
    site.wait(30);
    assert_eq!(stranger.post("/reset", &fields).await.status, 401);
    let old = [("email", "forgot@example.org"), ("password", PASSWORD)];
    assert_eq!(stranger.post("/sign-in", &old).await.status, 401);
    let fields = [("email", "forgot@example.org"), ("password", NEW)];
    assert_eq!(
        stranger.post("/sign-in", &fields).await.leads_to(),
        "/second-factor"
    );
    assert_eq!(stranger.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(
        stranger.code(&site.code(&secret)).await.leads_to(),
        "/account"
    );

    // Nobody's mailbox is filled.
    let mut answer = stranger
        .post("/forgot", &[("email", "forgot@example.org")])
        .await;
    for _ in 0..4 {
        answer = stranger
            .post("/forgot", &[("email", "forgot@example.org")])
            .await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
}
