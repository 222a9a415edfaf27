//! Pages of second steps: adding, proving, naming, removing.

use crate::{
    add_mail, confirm_address, follow, prove_again, says, says_not,
    support::{Person, Site, other_than, signed_in},
};

/// Removing asks first, says what ends, and is carried through a new proof.
#[tokio::test(flavor = "multi_thread")]
async fn removing_asks_first_and_survives_a_new_proof() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "ask@example.org").await;
    let factor = add_mail(&site, &mut person, "Mail").await;
    let path = format!("/account/remove?factor={factor}");
    let page = person.get(&path).await;
    for words in [
        "Remove “Mail”?",
        "Every other browser",
        "recovery codes",
        "Keep it",
    ] {
        says(&page, words);
    }
    says(&person.get("/account").await, "Mail</h3>");
    site.wait(660);
    let fields = [("factor", factor.as_str())];
    for answer in [
        person.get(&path).await,
        person.post("/account/remove", &fields).await,
    ] {
        let prove = format!("/account/prove?next=remove-{factor}");
        assert_eq!(answer.leads_to(), prove);
    }
    let prove = format!("/account/prove?next=remove-{factor}");
    says(&person.get(&prove).await, "Before you remove a second step");
    let proved = person
        .confirm(&prove, "totp", "", &site.code(&secret))
        .await;
    assert_eq!(proved.leads_to(), path);
    let removed = person.post("/account/remove", &fields).await;
    let page = follow(&mut person, &removed).await;
    says(
        &page,
        "“Mail” is removed. Every other browser is signed out.",
    );
    says_not(&page, "Mail</h3>");
    // Another account's, and one that is none. The proof was made before the removal: this takes another.
    prove_again(&site, &mut person, &secret).await;
    let (_, _, foreign) = signed_in(&site, "other@example.org").await;
    for factor in [foreign.as_str(), factor.as_str(), "1", ""] {
        let answer = person
            .get(&format!("/account/remove?factor={factor}"))
            .await;
        assert_eq!(answer.status, 404, "{factor}");
    }
}

/// A page with a field for a code that was sent sends nothing when it is loaded, while the code lives.
#[tokio::test(flavor = "multi_thread")]
async fn field_for_a_sent_code_stays_while_it_lives() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "field@example.org").await;
    let factor = add_mail(&site, &mut person, "Mail").await;
    site.wait(3_600);
    let mut half = Person::new(&site);
    half.password("field@example.org").await;
    let wanted = [("provider", "email"), ("factor", factor.as_str())];
    let sent = half.post("/second-factor/request", &wanted).await;
    let page = follow(&mut half, &sent).await;
    says(&page, "We sent a code to f…@example.org.");
    let mails = site.outbox.messages().len();
    for _ in 0..3 {
        let page = half.get("/second-factor").await;
        says(
            &page,
            "Enter the code that we sent to <strong class=\"hint\">f…@example.org",
        );
        assert_eq!(page.factor(), factor);
    }
    says(
        &half.get("/second-factor/app").await,
        "Open your authenticator app",
    );
    assert_eq!(site.outbox.messages().len(), mails);
    // A resend that is refused leaves the field, says when, and what is good meanwhile.
    let mut refused = half.post("/second-factor/request", &wanted).await;
    while refused.status == 303 {
        refused = half.post("/second-factor/request", &wanted).await;
    }
    assert_eq!(refused.status, 429, "{refused:?}");
    says(&refused, "Enter the code that we sent to");
    says(&refused, "Too many codes were sent. Ask for another in ");
    says(
        &refused,
        " UTC). What still works: the last one that we sent, your authenticator app.",
    );
    let fields = [
        ("provider", "email"),
        ("factor", &factor),
        ("code", &site.sent_code()),
    ];
    site.wait(599);
    says(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    // Another browser of the same sign-in is none of its business.
    let mut other = half.clone();
    other.cookies.remove("flow");
    says_not(
        &other.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    let answer = half.post("/second-factor", &fields).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    // A new sign-in in the same browser begins without it.
    site.wait(3_600);
    half.password("field@example.org").await;
    half.post("/second-factor/request", &wanted).await;
    says(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    half.password("field@example.org").await;
    says_not(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
}

/// What is set up is shown to the browser that started it, until it is confirmed or dropped.
#[tokio::test(flavor = "multi_thread")]
async fn pending_step_is_shown_until_confirmed_or_dropped() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("setup@example.org").await;
    let choice = [("provider", "totp"), ("label", "Phone")];
    let page = person.open("/welcome", &choice).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    says(&page, "<h1>Scan this code</h1>");
    says_not(&page, "autofocus");
    assert_eq!(person.get("/welcome").await.leads_to(), "/welcome/confirm");
    let code = site.code(&secret);
    for (wrong, words) in [
        (other_than(&code), "This code is not right"),
        ("12 34".into(), "A code has six digits."),
        ("abcdef".into(), "A code has six digits."),
    ] {
        let page = person
            .confirm("/welcome/confirm", "totp", &factor, &wrong)
            .await;
        assert_eq!(page.status, 401);
        assert_eq!(page.secret(), secret, "{wrong}");
        says(&page, words);
        says(&page, "<title>Error: ");
        says(&page, "aria-invalid=\"true\" aria-describedby=\"wrong\"");
    }
    // The same account elsewhere is shown nothing of it.
    let mut elsewhere = Person::new(&site);
    elsewhere.password("setup@example.org").await;
    assert_eq!(
        elsewhere.get("/welcome/confirm").await.leads_to(),
        "/welcome"
    );
    let setup = person.cookies["setup"].clone();
    assert!(!setup.contains(&secret));
    let mut stranger = Person::new(&site);
    stranger.register("stranger@example.org").await;
    stranger.open("/welcome", &choice).await;
    stranger.cookies.insert("setup".into(), setup);
    assert_eq!(
        stranger.get("/welcome/confirm").await.leads_to(),
        "/welcome"
    );
    // Dropped, there is another one.
    let mut dropped = person.clone();
    let back = dropped.post("/welcome/drop", &[]).await;
    assert_eq!(back.leads_to(), "/welcome");
    assert_ne!(dropped.open("/welcome", &choice).await.secret(), secret);
    // Confirmed, there is none.
    let done = person
        .confirm("/welcome/confirm", "totp", &factor, &code)
        .await;
    says(
        &follow(&mut person, &done).await,
        "Your second step is set up.",
    );
    let again = person.get("/account/add/confirm").await;
    assert_eq!(again.leads_to(), "/account/add");
}

/// At the second step it is said whose account it is, and where each code goes.
#[tokio::test(flavor = "multi_thread")]
async fn second_step_says_who_and_where() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "who@example.org").await;
    add_mail(&site, &mut person, "Mail").await;
    let mut half = Person::new(&site);
    half.password("who@example.org").await;
    let page = half.get("/second-factor").await;
    for words in [
        "Signing in as <strong>who@example.org",
        "Not you?",
        "Send a code: Mail <span class=\"hint\">(w…@example.org)",
    ] {
        says(&page, words);
    }
    // After a change of address, codes still go where they went, and that is said.
    says(
        &confirm_address(&site, &mut person, "who@example.org").await,
        "Your address is confirmed",
    );
    let page = confirm_address(&site, &mut person, "new@example.org").await;
    says(
        &page,
        "new@example.org is your address from now on. Every other browser is signed out.",
    );
    says(&page, "Codes of “Mail” still go to who@example.org.");
    says(&person.get("/account").await, "codes go to who@example.org");
    // The proof was made before the change: this takes another.
    prove_again(&site, &mut person, &secret).await;
    add_mail(&site, &mut person, "New").await;
    let page = person.get("/account").await;
    says(&page, "codes go to new@example.org");
}

/// A name that cannot be one is refused at its field, in words of its own; what is there stays.
#[tokio::test(flavor = "multi_thread")]
async fn name_says_what_is_wrong_with_it() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "name@example.org").await;
    let long = "x".repeat(65);
    for (label, words) in [
        ("  ", "Give it a name."),
        (long.as_str(), "64 characters at most"),
        (
            "my\u{202e}phone",
            "a character in this name that cannot be seen",
        ),
    ] {
        let rename = [("factor", factor.as_str()), ("label", label)];
        let add = [("provider", "totp"), ("label", label)];
        for (path, fields) in [("/account/rename", rename), ("/account/add", add)] {
            // A new step without a name is called as its kind is.
            if path == "/account/add" && label.trim().is_empty() {
                continue;
            }
            let page = person.post(path, &fields).await;
            assert_eq!(page.status, 422, "{path} {label:?} {page:?}");
            says(&page, words);
            says(&page, "aria-invalid=\"true\"");
        }
    }
    says(&person.get("/account").await, "<h3>Phone</h3>");
}

/// The picture to scan says nothing that every app takes for granted: 41 modules, and 4 around them.
#[tokio::test(flavor = "multi_thread")]
async fn picture_to_scan_is_small() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("alice@example.org").await;
    let fields = [("provider", "totp"), ("label", "Phone")];
    let page = person.open("/welcome", &fields).await;
    says(&page, "viewBox=\"0 0 49 49\"");
}
