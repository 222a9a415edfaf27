//! Second steps that are removed, disabled or stale.

use crate::{
    forms::state,
    support::{Person, Site, signed_in},
};

/// The last second step stays also when two are removed at once.
#[tokio::test(flavor = "multi_thread")]
async fn last_step_stays_when_two_go_at_once() {
    let site = Site::start().await;
    for round in 0..8 {
        let (mut person, secret, first) =
            signed_in(&site, &format!("last{round}@example.org")).await;
        site.wait(30);
        let page = person
            .open("/account/add", &[("provider", "totp"), ("label", "Two")])
            .await;
        let (second_secret, second) = (page.secret(), page.factor().to_owned());
        assert_ne!(secret, second_secret);
        let code = site.code(&second_secret);
        let confirmed = person
            .confirm("/account/add/confirm", "totp", &second, &code)
            .await;
        assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
        person.csrf().await;
        let remove = |factor: String| {
            let mut person = person.clone();
            tokio::spawn(
                async move { person.post("/account/remove", &[("factor", &factor)]).await },
            )
        };
        let (one, two) = (remove(first), remove(second));
        let mut statuses = [one, two].map(|task| task);
        let mut seen = Vec::new();
        for task in &mut statuses {
            seen.push(task.await.expect("no panic"));
        }
        // The other is refused, or its session ended with the first one's removal.
        let done = seen.iter().filter(|answer| answer.leads_to() == "/account");
        assert!(done.count() <= 1, "{seen:?}");
        let left = "SELECT count(DISTINCT subject) FROM ott_factors WHERE state = 1";
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(&site.pool)
            .await
            .expect("a count");
        assert_eq!(left, round + 1, "{seen:?}");
    }
}

/// Removing a second step ends every session but the one that removes it.
#[tokio::test(flavor = "multi_thread")]
async fn removing_a_second_step_ends_every_other_session() {
    let site = Site::start().await;
    let (mut person, secret, first) = signed_in(&site, "stolen@example.org").await;
    site.wait(30);
    let mut thief = Person::new(&site);
    thief.password("stolen@example.org").await;
    let code = site.code(&secret);
    let answer = thief.confirm("/second-factor", "totp", "", &code).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    let page = person
        .open("/account/add", &[("provider", "totp"), ("label", "New")])
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let before = person.cookies.get("session").cloned();
    let code = site.code(&secret);
    let confirmed = person
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
    // Another id after each factor.
    assert_ne!(person.cookies.get("session").cloned(), before);
    assert_eq!(thief.get("/account").await.status, 200);
    person.csrf().await;
    let removed = person.post("/account/remove", &[("factor", &first)]).await;
    assert_eq!(removed.leads_to(), "/account", "{removed:?}");
    assert_eq!(person.get("/account").await.status, 200);
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
}

/// A disabled second step is said and a password adds none.
#[tokio::test(flavor = "multi_thread")]
async fn disabled_step_is_said_and_password_adds_none() {
    let site = Site::start().await;
    let _ = signed_in(&site, "disabled@example.org").await;
    let disable = "UPDATE ott_factors SET state = 2 WHERE state = 1";
    sqlx::query(disable)
        .execute(&site.pool)
        .await
        .expect("an update");
    let mut half = Person::new(&site);
    let answer = half.password("disabled@example.org").await;
    assert_eq!(answer.leads_to(), "/second-factor", "{answer:?}");
    let page = half.get("/second-factor").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("is disabled"), "{page:?}");
    assert_eq!(half.get("/welcome").await.leads_to(), "/second-factor");
    half.csrf().await;
    let adds = half
        .open("/welcome", &[("provider", "totp"), ("label", "Mine")])
        .await;
    assert_eq!(adds.status, 422, "{adds:?}");
}

/// A proof counts for ten minutes. After them each change of the second steps asks for a new proof.
#[tokio::test(flavor = "multi_thread")]
async fn proof_is_asked_for_again_after_ten_minutes() {
    let site = Site::start().await;
    let (mut person, secret, factor) = signed_in(&site, "fresh@example.org").await;
    let rename = [("factor", factor.as_str()), ("label", "New name")];
    site.wait(599);
    assert_eq!(person.get("/account/add").await.status, 200);
    assert_eq!(
        person.post("/account/rename", &rename).await.leads_to(),
        "/account"
    );
    site.wait(1);
    let before = state(&site).await;
    assert_eq!(
        person.get("/account/add").await.leads_to(),
        "/account/prove?next=add"
    );
    for (path, fields) in [
        ("/account/rename", &rename[..]),
        ("/account/remove", &rename[..1]),
        ("/account/add", &[("provider", "totp"), ("label", "x")]),
    ] {
        assert_eq!(person.post(path, fields).await.status, 303);
    }
    assert_eq!(state(&site).await, before);
    let answer = person
        .confirm("/account/prove", "totp", "", &site.code(&secret))
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert_eq!(person.get("/account/add").await.status, 200);
}
