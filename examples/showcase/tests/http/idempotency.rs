//! A form that is sent twice has one effect and one answer.

use crate::{
    forms::FORMS,
    support::{Answer, PASSWORD, Person, REGISTER, Site, signed_in},
};

/// What one form answered: its status, the page that it leads to, and the cookies that it sets. The message for the next page is
/// sealed anew each time.
type Told = (u16, String, Vec<String>);

fn told(answer: &Answer) -> Told {
    let set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let set = set.map(|(_, cookie)| match cookie.split_once('=') {
        Some(("said", _)) => "said".to_owned(),
        _ => cookie.clone(),
    });
    let set = set.collect();
    (answer.status, answer.leads_to().to_owned(), set)
}

/// Somebody who is where this form is sent from, and what they would type into it.
async fn about_to_send(
    site: &Site,
    path: &str,
    number: usize,
) -> (Person, Vec<(&'static str, String)>) {
    // The sessions of each round are fresh, and so are the limits.
    site.wait(3_600);
    let email = format!("press{number}@example.org");
    let mut values = vec![
        ("email", email.clone()),
        ("password", PASSWORD.to_owned()),
        ("current", PASSWORD.to_owned()),
        ("provider", "totp".to_owned()),
        ("label", "Phone".to_owned()),
    ];
    let mut person = Person::new(site);
    person.csrf().await;
    if path == "/register" {
        return (person, values);
    }
    if path == REGISTER {
        person.ask_to_register(&email).await;
        values.push(("code", site.registration_code(&email).await));
        return (person, values);
    }
    if path.starts_with("/welcome") {
        person.register(&email).await;
        if path != "/welcome" {
            let page = person.open("/welcome", &[("provider", "totp"), ("label", "Phone")]);
            let page = page.await;
            values.push(("factor", page.factor().to_owned()));
            values.push(("code", site.code(&page.secret())));
        }
        return (person, values);
    }
    let (signed_in, secret, factor) = signed_in(site, &email).await;
    site.wait(30);
    match path {
        "/sign-in" | "/forgot" | "/reset" | "/not-me" => {}
        "/second-factor" | "/second-factor/request" => {
            person.password(&email).await;
            person.csrf().await;
        }
        "/account/add/confirm" | "/account/add/again" | "/account/add/drop" => {
            person = signed_in;
            let page = person.open("/account/add", &[("provider", "totp"), ("label", "Tablet")]);
            let page = page.await;
            values.push(("factor", page.factor().to_owned()));
            values.push(("code", site.code(&page.secret())));
        }
        "/account/remove" => {
            person = signed_in;
            let page = person.open("/account/add", &[("provider", "totp"), ("label", "Tablet")]);
            let page = page.await;
            let (added, code) = (page.factor().to_owned(), site.code(&page.secret()));
            let confirmed = person.confirm("/account/add/confirm", "totp", &added, &code);
            assert_eq!(confirmed.await.leads_to(), "/account");
            values.push(("factor", added));
        }
        "/account/address/confirm" => {
            person = signed_in;
            person.open("/account/address", &[("email", &email)]).await;
            values.push(("code", site.sent_code()));
        }
        _ => person = signed_in,
    }
    values.push(("factor", factor));
    values.push(("code", site.code(&secret)));
    (person, values)
}

/// Whatever form is sent twice at once, as by a button that is pressed twice on a slow line, to two showcases over one database: both get one
/// answer, and one message at most goes out. [`forms_are_all_listed`] holds the list against the routes.
#[tokio::test(flavor = "multi_thread")]
async fn form_that_is_pressed_twice_has_one_answer() {
    let site = Site::start().await;
    let beside = site.beside().await;
    let sent = || {
        let (one, other) = (site.outbox.messages(), beside.outbox.messages());
        one.len().saturating_add(other.len())
    };
    let mut done = 0_usize;
    for (number, (path, fields)) in FORMS.into_iter().enumerate() {
        let (mut person, values) = about_to_send(&site, path, number).await;
        // One visit, whatever it was before.
        person.csrf().await;
        let typed: Vec<_> = fields
            .iter()
            .map(|field| {
                let value = values.iter().find(|(name, _)| name == field);
                (*field, value.map_or("x", |(_, value)| value.as_str()))
            })
            .collect();
        let before = sent();
        let press = async |at: &Site| {
            let mut person = person.clone();
            person.go_to(&Person::new(at));
            told(&person.post(path, &typed).await)
        };
        // Whichever of two showcases either comes to.
        let (first, second) = tokio::join!(press(&site), press(&beside));
        // What was refused is tried again, and costs again.
        let refused = first.0 >= 400 || second.0 >= 400;
        assert!(refused || first == second, "{path}: {first:?}, {second:?}");
        let sent = sent().saturating_sub(before);
        assert!(sent <= 1, "{path}");
        done = done.saturating_add(usize::from(first.0 == 303));
    }
    // Most of them did what they are for.
    assert!(done >= 20, "{done}");
}
