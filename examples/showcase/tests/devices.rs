//! Known devices and sessions over plain HTTP: what they are good for, and when they end.

#[path = "common/support.rs"]
mod support;

use support::{Answer, Person, REGISTER, Site, other_than, signed_in};

/// The second step with the box ticked.
async fn remember(person: &mut Person, code: &str) -> Answer {
    let fields = [("provider", "totp"), ("code", code), ("remember", "yes")];
    person.post("/second-factor", &fields).await
}

/// Somebody who signed in with the box ticked: the browser, and the app's secret.
async fn with_device(site: &Site, email: &str) -> (Person, String) {
    let (_, secret, _) = signed_in(site, email).await;
    site.wait(30);
    let person = remembered(site, email, &secret).await;
    (person, secret)
}

async fn remembered(site: &Site, email: &str, secret: &str) -> Person {
    let mut person = Person::new(site);
    person.password(email).await;
    let answer = remember(&mut person, &site.code(secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert!(person.cookies.contains_key("device"), "{answer:?}");
    person
}

/// The ids of the listed devices.
fn listed(page: &Answer) -> Vec<String> {
    let parts = page.body.split("name=\"device\" value=\"").skip(1);
    let ids = parts.filter_map(|part| part.split_once('"'));
    ids.map(|(id, _)| id.to_owned()).collect()
}

/// Whether the right code gets in from here, after somebody else used up the tries of all.
async fn gets_past_a_stranger(site: &Site, person: &Person, email: &str, secret: &str) -> bool {
    // So long that the limit of this network address, which both share here, lets both try.
    site.wait(900);
    let code = site.code(secret);
    let mut stranger = Person::new(site);
    stranger.password(email).await;
    let mut last = 0;
    for _ in 0..12 {
        last = stranger.code(&other_than(&code)).await.status;
    }
    assert_eq!(last, 429, "the stranger has used them up");
    let mut person = person.clone();
    person.cookies.remove("session");
    person.password(email).await;
    let answer = person.code(&code).await;
    match (answer.status, answer.leads_to()) {
        (303, "/account") => true,
        (429, _) => false,
        _ => panic!("{answer:?}"),
    }
}

/// A device is remembered and listed once, stays when its owner signs out, and goes with its cookie when it is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn device_is_remembered_listed_and_forgotten() {
    let site = Site::start().await;
    let email = "device@example.org";
    let (mut person, secret) = with_device(&site, email).await;
    let page = person.get("/devices").await;
    assert_eq!(listed(&page).len(), 1, "{page:?}");
    assert!(page.body.contains("This device"), "{page:?}");
    let token = person.cookies["device"].clone();
    assert!(!page.body.contains(&token));

    // Seen from elsewhere it is another device, and signing out keeps it.
    site.wait(30);
    let mut other = remembered(&site, email, &secret).await;
    let page = other.get("/devices").await;
    let ids = listed(&page);
    assert_eq!(ids.len(), 2);
    assert_eq!(page.body.matches("This device<").count(), 1, "{page:?}");
    let out = person.sign_out().await;
    assert_eq!(out.leads_to(), "/");
    assert_eq!(person.cookies["device"], token);

    // Remembered again, it is one device, and not two.
    site.wait(30);
    person.password(email).await;
    remember(&mut person, &site.code(&secret)).await;
    assert_ne!(person.cookies["device"], token);
    let ids = listed(&person.get("/devices").await);
    assert_eq!(ids.len(), 2);

    // Forgetting the other leaves this one; forgetting this one takes its cookie too.
    let page = other.get("/devices").await;
    let (_, after) = page.body.split_once("This device<").expect("a mark");
    let (_, after) = after
        .split_once("name=\"device\" value=\"")
        .expect("a form");
    let this = after.split_once('"').expect("an id").0.to_owned();
    let mut that = listed(&page);
    that.retain(|id| *id != this);
    let forgotten = other.post("/devices/forget", &[("device", &that[0])]).await;
    assert_eq!(forgotten.leads_to(), "/devices", "{forgotten:?}");
    assert!(other.cookies.contains_key("device"));
    assert_eq!(listed(&other.get("/devices").await), [this.as_str()]);
    assert_eq!(
        listed(&person.get("/devices").await),
        [this.as_str()],
        "also elsewhere"
    );
    let forgotten = other.post("/devices/forget", &[("device", &this)]).await;
    assert_eq!(forgotten.leads_to(), "/devices", "{forgotten:?}");
    assert!(!other.cookies.contains_key("device"));
    let page = other.get("/devices").await;
    assert!(page.body.contains("None."), "{page:?}");
    let again = other.post("/devices/forget", &[("device", &this)]).await;
    assert_eq!(again.status, 404, "{again:?}");
    assert!(
        person
            .get("/activity")
            .await
            .body
            .contains("was remembered")
    );
}

/// A device opens no page by itself, and stands for neither the password nor the second step.
#[tokio::test(flavor = "multi_thread")]
async fn device_is_no_factor() {
    let site = Site::start().await;
    let email = "factor@example.org";
    let (mut person, _) = with_device(&site, email).await;
    let token = person.cookies["device"].clone();
    // Alone, while it is as good as can be; then after its owner has signed out.
    let mut alone = Person::new(&site);
    alone.cookies.insert("device".into(), token.clone());
    for path in ["/account", "/devices", "/second-factor"] {
        assert_eq!(alone.get(path).await.leads_to_path(), "/sign-in", "{path}");
    }
    person.sign_out().await;
    for path in [
        "/account",
        "/devices",
        "/second-factor",
        "/account/recovery",
    ] {
        assert_eq!(person.get(path).await.leads_to_path(), "/sign-in", "{path}");
    }
    // The password is asked for as ever, and the second step after it.
    let answer = person.password(email).await;
    assert_eq!(answer.leads_to(), "/second-factor");
    assert_eq!(person.get("/account").await.leads_to_path(), "/sign-in");
    for code in ["", "000000", token.as_str()] {
        for provider in ["totp", "recovery", "device", "known-device"] {
            let fields = [("provider", provider), ("code", code), ("remember", "yes")];
            let answer = person.post("/second-factor", &fields).await;
            assert!([401, 422, 429].contains(&answer.status), "{answer:?}");
            assert_eq!(person.cookies["device"], token, "remembered for nothing");
        }
    }
    // Nor is it any other cookie, and no other cookie is a device.
    for name in ["session", "half"] {
        let mut thief = Person::new(&site);
        thief.cookies.insert(name.into(), token.clone());
        assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
        assert_eq!(
            thief.get("/second-factor").await.leads_to_path(),
            "/sign-in"
        );
    }
}

/// A stranger who uses up the tries does not keep a known device out.
#[tokio::test(flavor = "multi_thread")]
async fn stranger_keeps_no_known_device_out() {
    let site = Site::start().await;
    let email = "lane@example.org";
    let (person, secret) = with_device(&site, email).await;
    let unknown = Person::new(&site);
    assert!(!gets_past_a_stranger(&site, &unknown, email, &secret).await);
    assert!(gets_past_a_stranger(&site, &person, email, &secret).await);

    // Another's device does nothing here, nor does an edited one.
    let (mut others, _) = with_device(&site, "other@example.org").await;
    others.sign_out().await;
    assert!(!gets_past_a_stranger(&site, &others, email, &secret).await);
    for bad in ["", "x", &person.cookies["device"].to_uppercase()] {
        let mut edited = person.clone();
        edited.cookies.insert("device".into(), bad.into());
        assert!(!gets_past_a_stranger(&site, &edited, email, &secret).await);
    }

    // Signing out keeps it, and forgetting it ends it.
    let mut out = person.clone();
    out.sign_out().await;
    assert!(gets_past_a_stranger(&site, &out, email, &secret).await);
    site.wait(3_600);
    let mut owner = Person::new(&site);
    owner.password(email).await;
    owner.code(&site.code(&secret)).await;
    let known = listed(&owner.get("/devices").await);
    let forgotten = owner
        .post("/devices/forget", &[("device", &known[0])])
        .await;
    assert_eq!(forgotten.leads_to(), "/devices", "{forgotten:?}");
    assert!(!gets_past_a_stranger(&site, &out, email, &secret).await);
}

/// A device is void after thirty days, and when the account's epoch is raised.
#[tokio::test(flavor = "multi_thread")]
async fn thirty_days_or_another_epoch_void_a_device() {
    let site = Site::start().await;
    let email = "void@example.org";
    let (person, secret) = with_device(&site, email).await;
    site.wait(30 * 86_400 - 901);
    assert!(gets_past_a_stranger(&site, &person, email, &secret).await);
    assert!(!gets_past_a_stranger(&site, &person, email, &secret).await);

    site.wait(86_400);
    let person = remembered(&site, email, &secret).await;
    assert!(gets_past_a_stranger(&site, &person, email, &secret).await);
    let raise = sqlx::query("UPDATE accounts SET epoch = epoch + 1");
    raise.execute(&site.pool).await.expect("an update");
    assert!(!gets_past_a_stranger(&site, &person, email, &secret).await);
    site.wait(3_600);
    let mut owner = person.clone();
    owner.password(email).await;
    owner.code(&site.code(&secret)).await;
    assert_eq!(listed(&owner.get("/devices").await), [""; 0]);
}

/// A device is forgotten by its owner and by nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn device_is_forgotten_by_its_owner_alone() {
    let site = Site::start().await;
    let (mut owner, _) = with_device(&site, "mine@example.org").await;
    let mine = listed(&owner.get("/devices").await);
    let (mut other, ..) = signed_in(&site, "other@example.org").await;
    let answer = other.post("/devices/forget", &[("device", &mine[0])]).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let answer = other.post("/devices/forget-all", &[]).await;
    assert_eq!(answer.leads_to(), "/devices");
    assert_eq!(listed(&owner.get("/devices").await), mine);
    let answer = owner.post("/devices/forget-all", &[]).await;
    assert_eq!(answer.leads_to(), "/devices");
    assert!(!owner.cookies.contains_key("device"));
    assert_eq!(listed(&owner.get("/devices").await), [""; 0]);
}

/// The cookie of a device is for this host and no script.
#[tokio::test(flavor = "multi_thread")]
async fn device_cookie_is_for_this_host_and_no_script() {
    let https = "https://login.example.org";
    let site = Site::start_with(|config| config.origin = Some(https.into())).await;
    let host = [("Host", "login.example.org"), ("Origin", https)];
    let mut person = Person::new(&site);
    let page = person.send("GET", "/register", &host, b"").await;
    let csrf = page.csrf().expect("a form").to_owned();
    let fields = [
        ("csrf", csrf.as_str()),
        ("email", "tls@example.org"),
        ("password", support::PASSWORD),
    ];
    let body = support::form(&fields);
    person
        .send("POST", "/register", &host, body.as_bytes())
        .await;
    let csrf = |page: &Answer| page.csrf().expect("a form").to_owned();
    let page = person.send("GET", REGISTER, &host, b"").await;
    let code = site.registration_code("tls@example.org").await;
    let fields = [("csrf", csrf(&page)), ("code", code)];
    let made = post(&mut person, REGISTER, &host, &fields).await;
    assert_eq!(made.leads_to(), "/welcome", "{made:?}");
    let page = person.send("GET", "/welcome", &host, b"").await;
    let fields = [
        ("csrf", csrf(&page)),
        ("provider", "totp".into()),
        ("label", String::new()),
    ];
    let started = post(&mut person, "/welcome", &host, &fields).await;
    assert_eq!(started.leads_to(), "/welcome/confirm");
    let page = person.send("GET", "/welcome/confirm", &host, b"").await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let fields = [
        ("csrf", csrf(&page)),
        ("provider", "totp".into()),
        ("factor", factor),
        ("code", site.code(&secret)),
    ];
    post(&mut person, "/welcome/confirm", &host, &fields).await;

    site.wait(30);
    let mut person = Person::new(&site);
    let page = person.send("GET", "/sign-in", &host, b"").await;
    let fields = [
        ("csrf", csrf(&page)),
        ("email", "tls@example.org".into()),
        ("password", support::PASSWORD.into()),
    ];
    post(&mut person, "/sign-in", &host, &fields).await;
    let page = person.send("GET", "/second-factor", &host, b"").await;
    let fields = [
        ("csrf", csrf(&page)),
        ("provider", "totp".into()),
        ("code", site.code(&secret)),
        ("remember", "yes".into()),
    ];
    let answer = post(&mut person, "/second-factor", &host, &fields).await;
    let set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let set: Vec<&str> = set.map(|(_, value)| value.as_str()).collect();
    let device = set
        .iter()
        .find(|cookie| cookie.starts_with("__Host-device="));
    let device = device.unwrap_or_else(|| panic!("{set:?}"));
    for part in [
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=2592000",
        "; Secure",
    ] {
        assert!(device.contains(part), "{device}");
    }
}

async fn post(
    person: &mut Person,
    path: &str,
    headers: &[(&str, &str)],
    fields: &[(&str, String)],
) -> Answer {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = support::form(&fields);
    person.send("POST", path, headers, body.as_bytes()).await
}

/// The box that remembers a device has one value. Any other is refused and uses no code up, and without a tick no device is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn box_is_ticked_or_it_is_not() {
    let site = Site::start().await;
    let email = "box@example.org";
    let (_, secret, _) = signed_in(&site, email).await;
    site.wait(30);
    let mut person = Person::new(&site);
    person.password(email).await;
    let page = person.get("/second-factor").await;
    assert!(page.body.contains("name=\"remember\""), "{page:?}");
    let code = site.code(&secret);
    for odd in ["no", "on", "YES", "1", "\u{ff59}es"] {
        let fields = [
            ("provider", "totp"),
            ("code", code.as_str()),
            ("remember", odd),
        ];
        let answer = person.post("/second-factor", &fields).await;
        assert_eq!(answer.status, 422, "{odd}: {answer:?}");
    }
    let twice = format!("provider=totp&code={code}&remember=yes&remember=yes");
    let answer = person.post_encoded("/second-factor", &twice).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    // Nothing of that used the code up; and without a tick nothing is remembered.
    let answer = person.code(&code).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert!(!person.cookies.contains_key("device"));
    assert_eq!(listed(&person.get("/devices").await), [""; 0]);
    // Whoever is signed in proves again, and is not asked about the device.
    let page = person.get("/account/prove").await;
    assert!(!page.body.contains("name=\"remember\""), "{page:?}");
}

/// A session ends after two hours unused and after twelve in any case.
#[tokio::test(flavor = "multi_thread")]
async fn session_ends_unused_after_two_hours_or_twelve() {
    let site = Site::start().await;
    let email = "idle@example.org";
    let (mut idle, secret, _) = signed_in(&site, email).await;
    site.wait(7_199);
    assert_eq!(idle.get("/account").await.status, 200);
    site.wait(7_200);
    assert_eq!(idle.get("/account").await.leads_to_path(), "/sign-in");

    let mut busy = Person::new(&site);
    busy.password(email).await;
    busy.code(&site.code(&secret)).await;
    let shown = |site: &Site| site.now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    for _ in 0..6 {
        assert_eq!(busy.get("/account").await.status, 200);
        // Said when it was last used, and when it ends by itself.
        let page = busy.get("/account").await;
        let session = page.between("id=\"sessions\"", "</section>").unwrap_or("");
        assert!(session.contains("last seen"), "{session}");
        assert!(session.contains(&shown(&site)), "{session}");
        assert!(session.contains("ends"), "{session}");
        assert_eq!(session.matches("<li>").count(), 1, "the idle one is gone");
        site.wait(7_140);
    }
    // Eleven hours and fifty-four minutes; the twelfth hour ends it.
    assert_eq!(busy.get("/account").await.status, 200);
    site.wait(360);
    assert_eq!(busy.get("/account").await.leads_to_path(), "/sign-in");
}
