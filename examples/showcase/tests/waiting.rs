//! What a thief left waiting does not outlive what they had.

#[path = "common/support.rs"]
mod support;

use support::{Person, Site, signed_in};
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

/// Whoever had the password and the phone, and began to add an app, does not finish once the owner took the
/// phone off: neither behind the password nor anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn step_that_waits_ends_with_the_stolen_phone() {
    let site = Site::start().await;
    let (mut owner, phone, phone_id) = signed_in(&site, "alice@example.org").await;
    site.clock.advance(TimeDelta::seconds(30));
    let laptop = [("provider", "totp"), ("label", "Laptop")];
    let page = owner.open("/account/add", &laptop).await;
    let (secret, id) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let added = owner.confirm("/account/add/confirm", "totp", &id, &code);
    assert_eq!(added.await.leads_to(), "/account");
    site.clock.advance(TimeDelta::seconds(30));

    let mut thief = Person::new(&site);
    let _ = thief.password("alice@example.org").await;
    assert_eq!(thief.code(&site.code(&phone)).await.leads_to(), "/account");
    let theirs = [("provider", "totp"), ("label", "x")];
    let page = thief.open("/account/add", &theirs).await;
    let (secret, id) = (page.secret(), page.factor().to_owned());

    let removed = owner
        .post("/account/remove", &[("factor", &phone_id)])
        .await;
    assert_eq!(removed.leads_to(), "/account");
    site.clock.advance(TimeDelta::minutes(40));
    let mut again = Person::new(&site);
    let _ = again.password("alice@example.org").await;
    for path in ["/welcome/confirm", "/account/add/confirm"] {
        let code = site.code(&secret);
        let confirmed = again.confirm(path, "totp", &id, &code).await;
        assert_ne!(confirmed.leads_to(), "/account", "{path}");
        assert_ne!(again.get("/account").await.status, 200, "{path}");
    }
}
