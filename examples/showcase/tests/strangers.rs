//! What an outsider does to whoever has the password: nothing.

#![cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine
#[path = "common/support.rs"]
mod support;

use std::{sync::Arc, time::Instant};

use core::time::Duration;

use support::{Answer, Person, Site, other_than, signed_in};
use tokio::{sync::Semaphore, task::JoinSet};

const OWNER: &str = "owner@example.org";

/// Held by each test: whoever is timed has the machine to themselves.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How many an outsider tries: 10,000 with `NIGHTLY=1` in the environment.
fn tries() -> usize {
    let nightly = std::env::var_os("NIGHTLY").is_some_and(|set| set == "1");
    if nightly { 10_000 } else { 2_000 }
}

/// Wrong passwords, and made-up handles of what a sign-in keeps, as many at once as an outsider likes. `sender`
/// makes the outsider of each try. Says how often each status was answered.
async fn attack(sender: impl Fn(usize) -> Person) -> Vec<(u16, usize)> {
    let at_once = Arc::new(Semaphore::new(160));
    let mut tasks = JoinSet::new();
    let mut outsider = sender(0);
    outsider.csrf().await;
    let seen = outsider.clone();
    for number in 0..tries() {
        let permit = Arc::clone(&at_once)
            .acquire_owned()
            .await
            .expect("a permit");
        let mut outsider = seen.clone();
        outsider.always = sender(number).always;
        tasks.spawn(async move {
            let _permit = permit;
            for name in ["half", "session", "flow", "device", "proof"] {
                let made_up = format!("{number:064x}");
                outsider.cookies.insert(name.into(), made_up.clone());
                outsider.cookies.insert(format!("__Host-{name}"), made_up);
            }
            if number % 10 == 0 {
                let answer = outsider.code("000000").await;
                assert_eq!(answer.leads_to(), "/sign-in", "{answer:?}");
            }
            let wrong = format!("wrong {number}");
            let fields = [("email", OWNER), ("password", wrong.as_str())];
            let answer: Answer = outsider.post("/sign-in", &fields).await;
            let waits = answer.header("retry-after").is_some();
            assert_eq!(waits, answer.status != 401, "{answer:?}");
            answer.status
        });
    }
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    while let Some(status) = tasks.join_next().await {
        let count = statuses.entry(status.expect("an answer")).or_default();
        *count = count.saturating_add(1);
    }
    assert!(
        statuses
            .keys()
            .all(|status| [401, 429, 503].contains(status)),
        "{statuses:?}"
    );
    statuses.into_iter().collect()
}

/// The owner signs in with both steps, within a second. The limits' clock stands still: nothing that was used up
/// comes back meanwhile.
async fn owner_signs_in(site: &Site, mut owner: Person, secret: &str) {
    owner.csrf().await;
    let began = Instant::now();
    let half = owner.password(OWNER).await;
    assert_eq!(half.leads_to(), "/second-factor", "{half:?}");
    let whole = owner.code(&site.code(secret)).await;
    assert_eq!(whole.leads_to(), "/account", "{whole:?}");
    let took = began.elapsed();
    // A second by themselves; the rest is for whoever else uses this machine.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

fn from(site: &Site, source: &str) -> Person {
    let mut person = Person::new(site);
    person.source = Some(source.parse().expect("an address"));
    person
}

/// As a proxy passes it on.
fn behind_proxy(site: &Site, more: &[(&str, &str)]) -> Person {
    let mut person = Person::new(site);
    let passed_on = [
        ("Host", "login.example.org"),
        ("Origin", "https://login.example.org"),
    ];
    let all = passed_on.iter().chain(more);
    let all = all.map(|(name, value)| ((*name).into(), (*value).into()));
    person.always = all.collect();
    person
}

async fn enrolled(site: &Site, mut owner: Person) -> String {
    let answer = owner.register(OWNER).await;
    assert_eq!(answer.leads_to(), "/welcome", "{answer:?}");
    owner.enrol_first(site).await.0
}

/// Wrong passwords from another network: the owner signs in at once.
#[tokio::test(flavor = "multi_thread")]
async fn outsider_elsewhere_delays_no_owner() {
    let _alone = ALONE.lock().await;
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, OWNER).await;
    site.wait(30);
    let statuses = attack(|_| from(&site, "127.0.0.2")).await;
    // Few were compared; most of them had to wait.
    assert_eq!(statuses[0].0, 401, "{statuses:?}");
    assert!(statuses[0].1 <= 30, "{statuses:?}");
    owner_signs_in(&site, Person::new(&site), &secret).await;
}

/// From the owner's own network, a device that they were remembered on gets past.
#[tokio::test(flavor = "multi_thread")]
async fn known_device_gets_past_a_neighbour() {
    let _alone = ALONE.lock().await;
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, OWNER).await;
    site.wait(30);
    let mut owner = Person::new(&site);
    owner.password(OWNER).await;
    let code = site.code(&secret);
    let fields = [("provider", "totp"), ("code", &code), ("remember", "yes")];
    let answer = owner.post("/second-factor", &fields).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    owner.sign_out().await;
    let device = owner
        .cookies
        .get("device")
        .expect("it is remembered")
        .clone();
    site.wait(300);
    attack(|_| Person::new(&site)).await;

    let mut unknown = Person::new(&site);
    assert_eq!(unknown.password(OWNER).await.status, 429);
    // Neither is one that was made up, or is another's.
    unknown.cookies.insert("device".into(), other_than(&device));
    assert_eq!(unknown.password(OWNER).await.status, 429);
    let mut another = Person::new(&site);
    another.cookies.insert("device".into(), device);
    assert_eq!(another.password("other@example.org").await.status, 429);
    owner_signs_in(&site, owner, &secret).await;
}

/// Behind a proxy that says nothing of its visitors, nobody's tries are used up by another.
#[tokio::test(flavor = "multi_thread")]
async fn outsider_behind_silent_proxy_delays_no_owner() {
    let _alone = ALONE.lock().await;
    let https = "https://login.example.org";
    let site = Site::start_with(|config| config.origin = Some(https.into())).await;
    let secret = enrolled(&site, behind_proxy(&site, &[])).await;
    site.wait(30);
    attack(|_| behind_proxy(&site, &[])).await;
    owner_signs_in(&site, behind_proxy(&site, &[]), &secret).await;
}

/// Behind proxies that say it, each visitor's network is limited, whatever they put into the header.
#[tokio::test(flavor = "multi_thread")]
async fn outsider_behind_trusted_proxies_is_limited_alone() {
    let _alone = ALONE.lock().await;
    let https = "https://login.example.org";
    for (header, count) in [("X-Forwarded-For", 1), ("Forwarded", 2)] {
        let site = Site::start_with(|config| {
            config.origin = Some(https.into());
            config.trusted_proxies = count;
        })
        .await;
        let hops = |forged: &str, visitor: &str| match header {
            "Forwarded" => format!("for=\"{forged}\", for={visitor}, for=\"[fd00::1]:80\""),
            _ => format!("{forged}, {visitor}"),
        };
        let owner = hops("203.0.113.5", "203.0.113.5");
        let owner = || behind_proxy(&site, &[(header, &owner)]);
        let secret = enrolled(&site, owner()).await;
        site.wait(30);
        let statuses = attack(|number| {
            let forged = format!("10.0.{}.{}", number / 250, number % 250);
            behind_proxy(&site, &[(header, &hops(&forged, "198.51.100.66"))])
        })
        .await;
        assert!(statuses[0].0 == 401 && statuses[0].1 <= 30, "{statuses:?}");
        owner_signs_in(&site, owner(), &secret).await;
    }
}

/// A password that another one took the place of opens nothing, however long its hash is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_wait_meet_the_new_one() {
    let _alone = ALONE.lock().await;
    let site = Site::start().await;
    let registered = Person::new(&site).register(OWNER).await;
    assert_eq!(registered.leads_to(), "/welcome", "{registered:?}");
    let mut waiting = JoinSet::new();
    for number in 1..=16 {
        let mut thief = from(&site, &format!("127.{number}.0.1"));
        waiting.spawn(async move {
            thief.csrf().await;
            let answer = thief.password(OWNER).await;
            (thief, answer)
        });
    }
    let first = waiting.join_next().await.expect("one").expect("an answer");
    // The others have read the account, and wait for their turn.
    let other = "UPDATE accounts SET epoch = epoch + 1, password = (SELECT replace(password, 'v=19', 'v=16'))";
    let done = sqlx::query(other)
        .execute(&site.pool)
        .await
        .expect("it changes");
    assert_eq!(done.rows_affected(), 1);
    for (mut thief, answer) in waiting.join_all().await.into_iter().chain([first]) {
        let page = thief.get("/welcome").await;
        assert_eq!(page.leads_to_path(), "/sign-in", "{answer:?}");
    }
}
