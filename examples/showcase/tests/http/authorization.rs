//! What a cookie, a first step, a code and a factor of somebody else open: nothing.

use crate::{
    forms::{PRIVATE_FORMS, PRIVATE_PAGES, state},
    support::{Person, Site, signed_in},
};

/// What proves the password opens no page and no form of the account, under whatever cookie, and enrols no factor.
#[tokio::test(flavor = "multi_thread")]
async fn proof_of_the_password_proves_nothing_else() {
    let site = Site::start().await;
    let (_, _, factor) = signed_in(&site, "half@example.org").await;
    let mut half = Person::new(&site);
    assert_eq!(
        half.password("half@example.org").await.leads_to(),
        "/second-factor"
    );
    let before = state(&site).await;
    let value = half.cookies["half"].clone();

    // As it is, and under the name of the other cookie, also after an answer that says "signed in".
    let mut renamed = half.clone();
    renamed.cookies.insert("session".into(), value.clone());
    let mut moved = renamed.clone();
    moved.cookies.remove("half");
    for who in [&mut half, &mut renamed, &mut moved] {
        for path in PRIVATE_PAGES {
            let answer = who.get(path).await;
            assert_eq!(
                (answer.status, answer.leads_to_path()),
                (303, "/sign-in"),
                "{path}"
            );
        }
        for path in PRIVATE_FORMS {
            let fields = [
                ("provider", "totp"),
                ("factor", factor.as_str()),
                ("label", "x"),
                ("code", "000000"),
            ];
            let answer = who.post(path, &fields).await;
            assert_eq!(
                (answer.status, answer.leads_to_path()),
                (303, "/sign-in"),
                "{path}"
            );
        }
    }
    // Nor does it enrol another factor beside the one that guards the account.
    assert_eq!(half.get("/welcome").await.leads_to(), "/second-factor");
    let answer = half
        .open("/welcome", &[("provider", "totp"), ("label", "x")])
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!answer.body.contains("id=\"secret\""));
    assert_eq!(state(&site).await, before);

    // The other way round: a session is not half of a sign-in.
    let (whole, ..) = signed_in(&site, "whole@example.org").await;
    let mut swapped = Person::new(&site);
    swapped
        .cookies
        .insert("half".into(), whole.cookies["session"].clone());
    assert_eq!(
        swapped.get("/second-factor").await.leads_to_path(),
        "/sign-in"
    );
}

/// A cookie that was edited, and one from before a sign-out, open nothing.
#[tokio::test(flavor = "multi_thread")]
async fn edited_or_foreign_cookie_opens_nothing() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "cookie@example.org").await;
    let mut half = Person::new(&site);
    half.password("cookie@example.org").await;
    for (who, name, page) in [
        (&person, "session", "/account"),
        (&half, "half", "/second-factor"),
    ] {
        let value = who.cookies[name].clone();
        let mut variants = vec![
            String::new(),
            "x".into(),
            value.to_uppercase(),
            value.repeat(2),
        ];
        for at in 0..value.len() {
            let (before, after) = (&value[..at], &value[at + 1..]);
            variants.push(format!("{before}{after}"));
            variants.push(format!("{before}%00{after}"));
            let other = if value.as_bytes()[at] == b'A' {
                'B'
            } else {
                'A'
            };
            variants.push(format!("{before}{other}{after}"));
        }
        for variant in variants {
            let mut who = who.clone();
            who.cookies.insert(name.into(), variant.clone());
            let answer = who.get(page).await;
            assert_eq!(
                answer.leads_to_path(),
                "/sign-in",
                "{variant} of {value}: {answer:?}"
            );
        }
    }
    // Each step changes the value, and leaving ends it.
    let old = person.clone();
    person.sign_out().await;
    // What is left says so, once.
    let left: Vec<_> = person.cookies.keys().collect();
    assert_eq!(left, ["said"]);
    assert!(person.get("/").await.body.contains("You are signed out."));
    assert!(!person.cookies.contains_key("said"));
    assert_eq!(
        old.clone().get("/account").await.leads_to_path(),
        "/sign-in"
    );
    assert_eq!(
        old.clone().get("/activity").await.leads_to_path(),
        "/sign-in"
    );
    // A token of half a sign-in that was given up is void too.
    let given_up = half.clone();
    half.sign_out().await;
    assert_eq!(
        given_up.clone().get("/second-factor").await.leads_to_path(),
        "/sign-in"
    );
}

/// A factor of another account is neither renamed nor removed, and its codes prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn factor_of_another_account_is_of_no_use() {
    let site = Site::start().await;
    let (mut alice, alice_secret, alice_factor) = signed_in(&site, "alice@example.org").await;
    let (mut bob, bob_secret, bob_factor) = signed_in(&site, "bob@example.org").await;
    site.wait(60);
    let people = [
        (
            &mut alice,
            "alice@example.org",
            &alice_secret,
            &alice_factor,
        ),
        (&mut bob, "bob@example.org", &bob_secret, &bob_factor),
    ];
    let keys = [
        (alice_secret.clone(), alice_factor.clone()),
        (bob_secret.clone(), bob_factor.clone()),
    ];
    for (at, (person, email, ..)) in people.into_iter().enumerate() {
        let (secret, factor) = &keys[1 - at];
        let before = state(&site).await;
        let label = [("factor", factor.as_str()), ("label", "Mine now")];
        assert_eq!(person.post("/account/rename", &label).await.status, 404);
        assert_eq!(
            person.post("/account/remove", &label[..1]).await.status,
            404
        );
        let answer = person
            .confirm("/account/prove", "totp", factor, &site.code(secret))
            .await;
        assert_eq!(answer.status, 401, "{answer:?}");

        let mut half = Person::new(&site);
        half.password(email).await;
        // Of (whose code × whose factor named), none but one's own.
        for named in ["", &keys[0].1, &keys[1].1] {
            let fields = [
                ("provider", "totp"),
                ("factor", named),
                ("code", &site.code(secret)),
            ];
            let answer = half.post("/second-factor", &fields).await;
            assert_eq!(answer.status, 401, "{answer:?}");
            assert_eq!(half.get("/account").await.leads_to_path(), "/sign-in");
        }
        assert_eq!(state(&site).await, before);
        let (secret, factor) = &keys[at];
        let fields = [
            ("provider", "totp"),
            ("factor", factor),
            ("code", &site.code(secret)),
        ];
        let answer = half.post("/second-factor", &fields).await;
        assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    }
}

/// A code from the mail belongs to one sign in of one account.
#[tokio::test(flavor = "multi_thread")]
async fn mailed_code_belongs_to_one_sign_in() {
    let site = Site::start().await;
    let mut people = Vec::new();
    for email in ["one@example.org", "two@example.org"] {
        let (mut person, ..) = signed_in(&site, email).await;
        let page = person
            .open("/account/add", &[("provider", "email"), ("label", "Mail")])
            .await;
        let factor = page.factor().to_owned();
        let code = site.sent_code();
        let confirmed = person
            .confirm("/account/add/confirm", "email", &factor, &code)
            .await;
        assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
        people.push((email, factor));
    }
    site.wait(3_600);
    let start = async |at: usize| {
        let (email, factor) = &people[at];
        let mut half = Person::new(&site);
        half.password(email).await;
        let fields = [("provider", "email"), ("factor", factor.as_str())];
        let answer = half.open("/second-factor/request", &fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (half, site.sent_code())
    };
    let (mut first, first_code) = start(0).await;
    let (mut second, second_code) = start(0).await;
    let (mut other, other_code) = start(1).await;
    let enter = async |who: &mut Person, at: usize, code: &str| {
        who.confirm("/second-factor", "email", &people[at].1, code)
            .await
    };
    if first_code != second_code {
        assert_eq!(enter(&mut second, 0, &first_code).await.status, 401);
        assert_eq!(enter(&mut first, 0, &second_code).await.status, 401);
    }
    // Neither does another account's code, flow or factor help.
    let mut stolen = first.clone();
    stolen
        .cookies
        .insert("flow".into(), other.cookies["flow"].clone());
    for at in [0, 1] {
        assert_eq!(enter(&mut stolen, at, &other_code).await.status, 401);
    }
    let answer = enter(&mut first, 0, &first_code).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert_eq!(
        enter(&mut second, 0, &second_code).await.leads_to(),
        "/account"
    );
    assert_eq!(
        enter(&mut other, 1, &other_code).await.leads_to(),
        "/account"
    );
}
