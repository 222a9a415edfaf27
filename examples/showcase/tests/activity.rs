//! The activity page: what no stranger flushes, and what a restart keeps.

#[path = "common/support.rs"]
mod support;

use support::{Person, Site, signed_in};
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

/// What the page lists, newest first.
async fn listed(person: &mut Person) -> Vec<String> {
    let page = person.get("/activity").await;
    assert_eq!(page.status, 200, "{page:?}");
    let body = page.between("<tbody>", "</tbody>").expect("a table");
    let rows = body.split("<td>").skip(2).step_by(2);
    let words = rows.map(|row| row.split("</td>").next().unwrap_or_default().to_owned());
    words.collect()
}

fn holds(listed: &[String], words: &str) -> bool {
    listed.iter().any(|line| line.contains(words))
}

/// Requests with nonsense for cookies are in nobody's list.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_cookies_leave_every_list_alone() {
    let site = Site::start().await;
    let (mut alice, ..) = signed_in(&site, "alice@example.org").await;
    let before = listed(&mut alice).await;
    assert!(
        holds(&before, "Signed in") && holds(&before, "was confirmed"),
        "{before:?}"
    );
    let mut stranger = Person::new(&site);
    for number in 0..1_000 {
        for name in ["session", "half", "device", "flow", "proof"] {
            stranger
                .cookies
                .insert(name.into(), format!("{number:043}"));
        }
        let answer = stranger.get("/account").await;
        assert_eq!(answer.leads_to(), "/sign-in", "{answer:?}");
    }
    assert_eq!(listed(&mut alice).await, before);
}

/// Whoever has a session that was ended, or the password, flushes nothing of what else they did.
#[tokio::test(flavor = "multi_thread")]
async fn thief_flushes_nothing_of_the_list() {
    let site = Site::start().await;
    let (mut alice, secret, _) = signed_in(&site, "alice@example.org").await;
    site.clock.advance(TimeDelta::seconds(30));
    let mut thief = Person::new(&site);
    thief.password("alice@example.org").await;
    assert_eq!(thief.code(&site.code(&secret)).await.leads_to(), "/account");
    assert_eq!(
        alice.post("/account/end-sessions", &[]).await.leads_to(),
        "/account"
    );
    let before = listed(&mut alice).await;
    for _ in 0..1_000 {
        assert_eq!(thief.get("/account").await.leads_to(), "/sign-in");
    }
    assert_eq!(listed(&mut alice).await, before);
    for _ in 0..40 {
        let half = thief.password("alice@example.org").await;
        assert_eq!(half.leads_to(), "/second-factor", "{half:?}");
    }
    // They are told of, as often as there is room for, and nothing else goes.
    let after = listed(&mut alice).await;
    let theirs = "The password was right";
    let others = |list: &[String]| -> Vec<String> {
        let others = list.iter().filter(|line| !line.contains(theirs));
        others.cloned().collect()
    };
    assert_eq!(others(&after), others(&before));
    assert_eq!(after.len() - others(&after).len(), 25, "{after:?}");
    // So much is in the database too, whatever is shown.
    let rows = sqlx::query_scalar("SELECT count(*) FROM activity")
        .fetch_one(&site.pool)
        .await;
    let rows: i64 = rows.expect("a count");
    assert_eq!(usize::try_from(rows).expect("a small number"), after.len());
}

/// Another server over the same database shows it, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn list_outlives_the_server_and_is_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |config: &mut showcase::Config| {
        config.data = folder.path().join("data");
        config.keys = folder.path().join("keys");
    };
    let site = Site::start_with(at).await;
    let (mut alice, ..) = signed_in(&site, "alice@example.org").await;
    let before = listed(&mut alice).await;
    let (mut bob, ..) = signed_in(&site, "bob@example.org").await;
    bob.sign_out().await;
    let now = site.clock.clone();
    drop(site);
    let site = Site::start_with(|config| {
        at(config);
        config.clock = now;
    })
    .await;
    let mut again = Person::new(&site);
    again.cookies = alice.cookies;
    assert_eq!(listed(&mut again).await, before);
}

/// Each entry says from which browser and which network it was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn entries_name_browser_and_network() {
    let site = Site::start().await;
    let (mut alice, ..) = signed_in(&site, "alice@example.org").await;
    let mut thief = Person::new(&site);
    thief.source = Some("127.0.0.2".parse().expect("an address"));
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    thief.always = vec![("User-Agent".into(), agent.into())];
    thief.password("alice@example.org").await;
    let listed = listed(&mut alice).await;
    let right: Vec<_> = listed
        .iter()
        .filter(|line| line.contains("The password was right"))
        .collect();
    assert!(
        right[0].contains("Firefox on Linux") && right[0].contains("127.0.0.2"),
        "{right:?}"
    );
    assert!(
        right[1].contains("A browser") && right[1].contains("127.0.0.1"),
        "{right:?}"
    );
}
