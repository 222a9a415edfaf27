//! Headers of answers, cookies, and the host of a request.

use crate::support::{PASSWORD, Person, Site, exchange, other_than};

/// Every answer carries the security headers, and repeats no password, no code, no cookie's token and no secret of a confirmed app.
#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_the_headers_and_no_secret() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("headers@example.org").await;
    let page = person
        .open("/welcome", &[("provider", "totp"), ("label", "Phone")])
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let answer = person
        .confirm("/welcome/confirm", "totp", &factor, &other_than(&code))
        .await;
    assert_eq!(answer.status, 401);
    // The page of the setup shows it until it is confirmed; no other page does.
    assert!(answer.body.contains("Error: ") && answer.secret() == secret);
    let mut answers = Vec::new();
    answers.push(
        person
            .confirm("/welcome/confirm", "totp", &factor, &code)
            .await,
    );
    let whole = person.clone();
    let mut half = Person::new(&site);
    half.password("headers@example.org").await;
    answers.push(half.code(&code).await);
    for path in [
        "/",
        "/register",
        "/sign-in",
        "/second-factor",
        "/nothing",
        "/style.css",
        "/icon.svg",
    ] {
        answers.push(half.get(path).await);
    }
    for path in [
        "/account",
        "/activity",
        "/outbox",
        "/account/add",
        "/account/prove",
    ] {
        answers.push(person.get(path).await);
    }
    answers.push(
        half.send("GET", "/account", &[("Host", "evil.example")], b"")
            .await,
    );
    let tokens: Vec<&String> = whole
        .cookies
        .values()
        .chain(half.cookies.values())
        .collect();
    for answer in &answers {
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(answer.header("cache-control").is_some());
        if answer
            .header("content-type")
            .is_some_and(|kind| kind.contains("html"))
        {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert!(!answer.body.contains("<script"));
            assert!(!answer.body.contains("style=\""));
        }
        assert!(
            !answer.body.contains(&secret) && !answer.body.contains(&code),
            "{answer:?}"
        );
        assert!(!answer.body.contains(PASSWORD));
        assert!(
            tokens.iter().all(|token| !answer.body.contains(*token)),
            "{answer:?}"
        );
        for (_, cookie) in answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            assert!(
                cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"),
                "{cookie}"
            );
        }
    }
}

/// Behind TLS the cookies are `__Host-` and `Secure`, and the outbox is not shown.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_behind_tls_are_for_this_host_and_tls() {
    let site =
        Site::start_with(|config| config.origin = Some("https://login.example.org".into())).await;
    assert_eq!(site.origin, "https://login.example.org");
    let mut person = Person::new(&site);
    let first = person.get("/").await;
    assert_eq!(first.status, 421, "another name");
    let cookie = first.header("set-cookie").unwrap_or("");
    assert!(
        cookie.starts_with("__Host-visit=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let host = [("Host", "login.example.org")];
    let answer = person.send("GET", "/register", &host, b"").await;
    assert_eq!(answer.status, 200);
    assert!(
        person.cookies.contains_key("__Host-visit"),
        "{:?}",
        person.cookies
    );
    assert!(answer.header("strict-transport-security").is_some());
    // Loopback behind a proxy is no longer this machine alone.
    assert_eq!(person.send("GET", "/outbox", &host, b"").await.status, 404);
}

/// One `Host`, or none is served: a proxy and this server must not read two.
#[tokio::test(flavor = "multi_thread")]
async fn host_stands_once_or_it_is_400() {
    let site = Site::start().await;
    let ours = site.address.to_string();
    let ours = ours.as_str();
    let with = |hosts: &[&str], version: &str| {
        let mut request = format!("GET /sign-in HTTP/{version}\r\nConnection: close\r\n");
        for host in hosts {
            request.push_str(&format!("Host: {host}\r\n"));
        }
        request.push_str("\r\n");
        exchange(site.address, request.into_bytes())
    };
    assert_eq!(with(&[ours], "1.1").await.status, 200);
    for version in ["1.0", "1.1"] {
        for hosts in [
            &[][..],
            &[ours, ours],
            &[ours, "evil.example"],
            &["evil.example", ours],
        ] {
            let answer = with(hosts, version).await;
            assert_eq!(answer.status, 400, "{hosts:?} {version}: {answer:?}");
        }
    }
}

/// Where a request is for another host, the page says for which, and where the pages are.
#[tokio::test(flavor = "multi_thread")]
async fn other_host_is_named_beside_ours() {
    let site =
        Site::start_with(|config| config.origin = Some("https://login.example.org".into())).await;
    let mut person = Person::new(&site);
    // As nginx sends it unless somebody tells it to pass the header on.
    for (host, shown) in [
        ("showcase_upstream", "“showcase_upstream”"),
        ("<script>x</script>", "“&lt;script&gt;x&lt;/script&gt;”"),
        ("login.example.org:8443", "“login.example.org:8443”"),
    ] {
        let answer = person.send("GET", "/sign-in", &[("Host", host)], b"").await;
        assert_eq!(answer.status, 421);
        assert!(answer.body.contains(shown), "{answer:?}");
        assert!(
            answer.body.contains("https://login.example.org"),
            "{answer:?}"
        );
    }
}

/// The outbox is for this machine unless somebody says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn outbox_is_for_this_machine_unless_shown() {
    let everywhere = |config: &mut showcase::Config| {
        config.listen = ([0, 0, 0, 0], 0).into();
        config.origin = Some("http://showcase.example".into());
    };
    let host = [("Host", "showcase.example")];
    let site = Site::start_with(everywhere).await;
    let answer = Person::new(&site).send("GET", "/outbox", &host, b"").await;
    assert_eq!(answer.status, 404);
    let site = Site::start_with(|config| {
        everywhere(config);
        config.show_outbox = true;
    })
    .await;
    let answer = Person::new(&site).send("GET", "/outbox", &host, b"").await;
    assert_eq!(answer.status, 200);
    let site = Site::start().await;
    assert_eq!(Person::new(&site).get("/outbox").await.status, 200);
}
