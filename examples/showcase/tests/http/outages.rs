//! Outages of the store and of the mail grant nothing.

use crate::{
    forms::PRIVATE_FORMS,
    support::{Person, Site, signed_in},
};

/// While the store is down, every page and every form answers 503, and nobody is signed in or signed out.
#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_store_grants_nothing() {
    let site = Site::start().await;
    let (mut person, secret, factor) = signed_in(&site, "down@example.org").await;
    site.wait(30);
    let mut half = Person::new(&site);
    half.password("down@example.org").await;
    for who in [&mut person, &mut half] {
        who.csrf().await;
    }
    let mut stranger = Person::new(&site);
    stranger.csrf().await;
    site.pool.close().await;

    let code = site.code(&secret);
    for path in [
        "/account",
        "/activity",
        "/account/add",
        "/account/prove",
        "/",
    ] {
        let answer = person.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        assert!(answer.body.contains("nothing was granted"), "{answer:?}");
    }
    for path in PRIVATE_FORMS.into_iter().chain(["/sign-out"]) {
        let fields = [
            ("provider", "totp"),
            ("factor", factor.as_str()),
            ("label", "x"),
            ("code", code.as_str()),
        ];
        let fields: &[_] = if path == "/sign-out" { &[] } else { &fields };
        let answer = person.post(path, fields).await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        assert!(
            answer.header("set-cookie").is_none(),
            "{path} touched a cookie"
        );
    }
    for path in ["/second-factor", "/welcome"] {
        assert_eq!(half.get(path).await.status, 503, "{path}");
    }
    assert_eq!(half.code(&code).await.status, 503);
    assert_eq!(half.code("nonsense").await.status, 503);
    assert_eq!(stranger.password("down@example.org").await.status, 503);
    assert_eq!(
        stranger.ask_to_register("new@example.org").await.status,
        503
    );
    assert!(
        !stranger.cookies.contains_key("half"),
        "{:?}",
        stranger.cookies
    );
}

/// While the mail is down, mail adds no factor and signs nobody in. The app works meanwhile, and the mail afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_mail_grants_nothing_and_passes() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "mail@example.org").await;
    let before = site.outbox.messages().len();
    site.outbox.fail();
    let add = [("provider", "email"), ("label", "Mail")];
    let answer = person.open("/account/add", &add).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(site.outbox.messages().len(), before);
    assert!(!person.get("/account").await.body.contains("Mail</h3>"));
    site.outbox.recover();
    let page = person.open("/account/add", &add).await;
    let factor = page.factor().to_owned();
    let code = site.sent_code();
    let confirmed = person
        .confirm("/account/add/confirm", "email", &factor, &code)
        .await;
    assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");

    site.wait(60);
    let mut half = Person::new(&site);
    half.password("mail@example.org").await;
    let wanted = [("provider", "email"), ("factor", factor.as_str())];
    let sent = site.sent_code();
    site.outbox.fail();
    assert_eq!(
        half.post("/second-factor/request", &wanted).await.status,
        503
    );
    let answer = half
        .confirm("/second-factor", "email", &factor, &sent)
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(half.get("/account").await.leads_to_path(), "/sign-in");
    // The app still works meanwhile, and the mail does again afterwards.
    assert_eq!(half.code(&site.code(&secret)).await.leads_to(), "/account");
    site.outbox.recover();
    let mut half = Person::new(&site);
    half.password("mail@example.org").await;
    assert_eq!(
        half.open("/second-factor/request", &wanted).await.status,
        200
    );
    let answer = half
        .confirm("/second-factor", "email", &factor, &site.sent_code())
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
}
