//! Input that is wrong, missing, doubled or hostile.

use crate::{
    forms::{DEVICE_FORMS, FORMS, assert_refused, state},
    support::{Person, Site, signed_in},
};

/// Bad input in any field of any form is refused with words, whoever sends it, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_refusal_on_every_route() {
    let megabyte = "7".repeat(1_048_576);
    let hostile = [
        "",
        "%20",
        "%00",
        "7%000000",
        "%FF%FE",
        "\u{fffd}",
        "%C3%28",
        "%ED%A0%80",
        "%0A",
        "1%2B2",
        "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
        "%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6",
        "-1",
        "1_23456",
        "00000000000000000000000000000000",
        "%F0%9F%92%A9",
        "%zz",
        "..%2F..%2Fetc%2Fpasswd",
        "%27%20OR%201%3D1--",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        &megabyte,
    ];
    let site = Site::start().await;
    let (_, secret, factor) = signed_in(&site, "bad@example.org").await;
    let value = |field: &str| match field {
        "provider" => "totp",
        "factor" => &factor,
        "email" => "bad%40example.org",
        _ => "x",
    };
    for (path, fields) in FORMS {
        // The sessions of each round are fresh, and so are the limits.
        site.wait(3_600);
        let mut half = Person::new(&site);
        half.password("bad@example.org").await;
        let mut person = half.clone();
        assert_eq!(
            person.code(&site.code(&secret)).await.leads_to(),
            "/account"
        );
        half.password("bad@example.org").await;
        let before = state(&site).await;
        for (who, name) in [
            (&person, "signed in"),
            (&half, "half"),
            (&Person::new(&site), "nobody"),
        ] {
            let mut who = who.clone();
            who.csrf().await;
            for (spoilt, bad) in fields
                .iter()
                .flat_map(|field| hostile.map(|bad| (*field, bad)))
            {
                // Whatever can be shown is a name for a second step, and none is a name too where
                // one is made up; but bytes that no page can show are none.
                let unreadable = ["%00", "%0A", "%C3%28", "%ED%A0%80", "%FF"];
                let shown = !unreadable.iter().any(|bytes| bad.contains(bytes));
                let empty = ["", "%20"].contains(&bad) && path.ends_with("/rename");
                if spoilt == "label" && bad.len() < 1_000 && shown && !empty {
                    continue;
                }
                // A password is one whoever has the address, and nobody is told who has.
                let long = (8..1_000).contains(&bad.len());
                if (path, spoilt) == ("/register", "password") && shown && long {
                    continue;
                }
                let pairs: Vec<String> = fields
                    .iter()
                    .map(|field| {
                        format!(
                            "{field}={}",
                            if *field == spoilt { bad } else { value(field) }
                        )
                    })
                    .collect();
                let answer = who.post_encoded(path, &pairs.join("&")).await;
                let shown: String = bad.chars().take(40).collect();
                assert_refused(&answer, &format!("{path} with {spoilt}={shown}, {name}"));
                assert!(!answer.body.contains("<script>"), "{path} echoes markup");
                if path == "/register" || path == "/sign-in" {
                    site.wait(20);
                }
            }
        }
        assert_eq!(state(&site).await, before, "{path} changed something");
        assert_eq!(
            person.get("/account").await.status,
            200,
            "still signed in after {path}"
        );
    }
}

/// What is no answer of an approving device is refused, whoever sends it, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_devices_refuse_what_is_no_answer() {
    let site = Site::start().await;
    let (person, ..) = signed_in(&site, "bad@example.org").await;
    let before = state(&site).await;
    let long = "x".repeat(10_000);
    for who in [&person, &Person::new(&site)] {
        let mut who = who.clone();
        who.csrf().await;
        for (path, fields) in DEVICE_FORMS {
            for (spoilt, bad) in fields.iter().flat_map(|field| {
                ["", "x", "%00", "%FF", "%ED%A0%80", &long].map(|bad| (field, bad))
            }) {
                let value = |field: &&str| if field == spoilt { bad } else { "x" };
                let pairs = fields
                    .iter()
                    .map(|field| format!("{field}={}", value(field)));
                let pairs: Vec<_> = pairs.collect();
                let answer = who.post_encoded(path, &pairs.join("&")).await;
                let shown: String = bad.chars().take(40).collect();
                assert_refused(&answer, &format!("{path} with {spoilt}={shown}"));
            }
        }
    }
    assert_eq!(state(&site).await, before);
}

/// Missing and doubled fields and wrong types are refused.
#[tokio::test(flavor = "multi_thread")]
async fn fields_missing_doubled_or_wrong_are_refused() {
    let site = Site::start().await;
    let (person, _, factor) = signed_in(&site, "fields@example.org").await;
    let mut half = Person::new(&site);
    half.password("fields@example.org").await;
    let before = state(&site).await;
    for who in [&person, &half] {
        for (path, fields) in FORMS {
            let value = |field: &str| match field {
                "provider" => "totp".to_owned(),
                "factor" => factor.clone(),
                _ => "x".to_owned(),
            };
            for spoilt in fields {
                let without: Vec<_> = fields.iter().filter(|field| *field != spoilt).collect();
                let without: Vec<_> = without
                    .iter()
                    .map(|field| format!("{field}={}", value(field)))
                    .collect();
                // Naming no factor means any: that one may be missing.
                if !(*spoilt == "factor" && path.ends_with("/second-factor")) {
                    let answer = who.clone().post_encoded(path, &without.join("&")).await;
                    assert_refused(&answer, &format!("{path} without {spoilt}"));
                }
                let twice = format!("{0}&{spoilt}=x&{spoilt}=y", without.join("&"));
                let answer = who.clone().post_encoded(path, &twice).await;
                assert_refused(&answer, &format!("{path} with {spoilt} twice"));
            }
            let mut who = who.clone();
            let csrf = who.csrf().await;
            for kind in [
                "application/json",
                "text/plain",
                "multipart/form-data; boundary=x",
                "",
            ] {
                let headers = [("Content-Type", kind)];
                let body = format!("csrf={csrf}");
                let answer = who.send("POST", path, &headers, body.as_bytes()).await;
                assert_refused(&answer, &format!("{path} as {kind}"));
            }
            let twice = format!("csrf={csrf}&csrf={csrf}");
            let answer = who.send("POST", path, &[], twice.as_bytes()).await;
            assert_refused(&answer, &format!("{path} with two tokens"));
            for method in ["PUT", "DELETE", "PATCH"] {
                let answer = who.send(method, path, &[], b"").await;
                assert_eq!(answer.status, 405, "{method} {path}");
            }
        }
    }
    // An app sends nothing, so it cannot be asked to.
    let app = [("provider", "totp"), ("factor", factor.as_str())];
    for (mut who, path) in [
        (half.clone(), "/second-factor/request"),
        (person.clone(), "/account/prove/request"),
    ] {
        let answer = who.post(path, &app).await;
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    for path in [
        "/nothing",
        "/account/",
        "/second-factor/request/x",
        "/%00",
        "/%ff",
        "//evil",
    ] {
        let answer = person.clone().get(path).await;
        assert_refused(&answer, path);
    }
    assert_eq!(state(&site).await, before);
}
