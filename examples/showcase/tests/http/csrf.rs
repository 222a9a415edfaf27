//! Forms come from our own pages alone, also where a tab is old.

use crate::{
    forms::{FORMS, PRIVATE_FORMS, state},
    support::{PASSWORD, Person, Site, exchange, form, other_than, signed_in},
};

/// A form without the session's value, from another site or to another host is refused and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn forms_come_from_our_own_pages_alone() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "forged@example.org").await;
    let (mut stranger, ..) = signed_in(&site, "stranger@example.org").await;
    let (own, foreign) = (person.csrf().await, stranger.csrf().await);
    assert_ne!(own, foreign);
    let before = state(&site).await;
    let rename = |csrf: &str| form(&[("csrf", csrf), ("factor", &factor), ("label", "Taken")]);

    let edited = other_than(&own);
    for csrf in ["", "x", &foreign, &edited, &own[1..], &own.to_uppercase()] {
        let body = rename(csrf);
        let answer = person
            .send("POST", "/account/rename", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, 403, "{csrf}: {answer:?}");
    }
    let without = form(&[("factor", &factor), ("label", "Taken")]);
    let answer = person
        .send("POST", "/account/rename", &[], without.as_bytes())
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");

    let evil = "https://evil.example";
    let host = site.address.to_string();
    let cases: [&[(&str, &str)]; 12] = [
        &[("Origin", evil)],
        &[("Origin", "null")],
        &[("Origin", "")],
        &[("Origin", "http://127.0.0.1")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Host", "evil.example")],
        &[("Host", "")],
        &[("Host", "127.0.0.1")],
        &[("Host", "user@127.0.0.1")],
        &[("Host", "evil.example"), ("X-Forwarded-Host", &host)],
        &[
            ("Host", "evil.example"),
            ("Forwarded", &format!("host={host}")),
        ],
    ];
    for headers in cases {
        let body = rename(&own);
        let answer = person
            .send("POST", "/account/rename", headers, body.as_bytes())
            .await;
        let another_name = headers[0].0 == "Host";
        let refused = if another_name { 421 } else { 403 };
        assert_eq!(answer.status, refused, "{headers:?}: {answer:?}");
        if another_name {
            let answer = person.send("GET", "/account", headers, b"").await;
            assert_eq!(answer.status, refused, "{headers:?}: {answer:?}");
        }
    }
    assert_eq!(
        state(&site).await,
        before,
        "a forged form changed something"
    );

    // What a proxy adds changes neither the answer nor any link in it.
    let poisoned = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example"),
    ];
    let answer = person.send("GET", "/account", &poisoned, b"").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("evil.example"));
    let absolute = format!(
        "GET http://evil.example/sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        site.address
    );
    let answer = exchange(site.address, absolute.into_bytes()).await;
    assert_eq!(answer.status, 421, "the target goes before the header");

    // The same form from our own page works.
    let body = rename(&own);
    let own = [("Sec-Fetch-Site", "same-origin")];
    let answer = person
        .send("POST", "/account/rename", &own, body.as_bytes())
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert!(person.get("/account").await.body.contains("Taken"));
}

/// A form from before another sign-in comes back filled, with a fresh value and without what was secret, and
/// does nothing until it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn form_of_an_old_tab_comes_back_filled() {
    let site = Site::start().await;
    let mut tab = Person::new(&site);
    let old = tab.csrf().await;
    tab.register("tabs@example.org").await;
    tab.sign_out().await;
    let sign_in = |csrf: &str| {
        let fields = [
            ("csrf", csrf),
            ("email", "tabs@example.org"),
            ("password", PASSWORD),
        ];
        form(&fields).into_bytes()
    };
    tab.get("/sign-in").await;
    let page = tab.send("POST", "/sign-in", &[], &sign_in(&old)).await;
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.body.contains("value=\"tabs@example.org\""), "{page:?}");
    assert!(page.body.contains("type=\"password\"") && !page.body.contains(PASSWORD));
    let fresh = page.csrf().expect("a fresh value").to_owned();
    assert_ne!(fresh, old);
    let again = tab.send("POST", "/sign-in", &[], &sign_in(&fresh)).await;
    assert_eq!(again.leads_to(), "/welcome", "{again:?}");

    // And so does every other form.
    let (mut person, ..) = signed_in(&site, "forms@example.org").await;
    let half = tab;
    let before = state(&site).await;
    for (path, fields) in FORMS {
        let value = |field: &str| format!("{field}-that-was-typed");
        let mut pairs = vec![("csrf".to_owned(), old.clone())];
        pairs.extend(
            fields
                .iter()
                .map(|field| ((*field).to_owned(), value(field))),
        );
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = form(&pairs);
        let mut who = if PRIVATE_FORMS.contains(&path) {
            person.clone()
        } else {
            half.clone()
        };
        let page = who.send("POST", path, &[], body.as_bytes()).await;
        assert_eq!(page.status, 403, "{path}: {page:?}");
        let action = format!("action=\"{path}\"");
        assert!(page.body.contains(&action), "{path}: {page:?}");
        assert!(page.csrf().is_some_and(|csrf| csrf != old), "{path}");
        for field in fields {
            let kept = page.body.contains(&value(field));
            let secret = ["code", "current", "password"].contains(field);
            assert_eq!(kept, !secret, "{path}: {field}");
            assert!(
                page.body.contains(&format!("name=\"{field}\"")),
                "{path}: {field}"
            );
        }
    }
    // Where no browser says that one of our pages sent it, nothing comes back.
    let body = form(&[("csrf", &old), ("factor", "x"), ("label", "typed")]);
    let (host, length) = (site.address, body.len());
    let cookie = format!("session={}", person.cookies["session"]);
    let request = format!(
        "POST /account/rename HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let answer = exchange(host, request.into_bytes()).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("typed"), "{answer:?}");
    // Nor for what no form of ours holds.
    let body = form(&[("csrf", "x"), ("factor", "x"), ("label", "typed")]);
    let answer = person
        .send("POST", "/account/rename", &[], body.as_bytes())
        .await;
    assert!(
        answer.status == 403 && !answer.body.contains("typed"),
        "{answer:?}"
    );
    assert_eq!(state(&site).await, before);
}
