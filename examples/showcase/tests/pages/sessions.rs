//! The list of sessions.

use crate::{
    follow, says,
    support::{Person, Site, signed_in},
};

/// Sessions are ended one by one, by their owner alone.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_one_by_one() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "one@example.org").await;
    let (mut stranger, ..) = signed_in(&site, "stranger@example.org").await;
    let mut others = Vec::new();
    for _ in 0..2 {
        site.wait(30);
        let mut other = Person::new(&site);
        other.password("one@example.org").await;
        other.code(&site.code(&secret)).await;
        others.push(other);
    }
    let page = person.get("/account").await;
    let ids: Vec<_> = page
        .body
        .split("name=\"session\" value=\"")
        .skip(1)
        .collect();
    let ids: Vec<_> = ids
        .iter()
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert_eq!(ids.len(), 2, "{page:?}");
    let fields = [("session", ids[0])];
    assert_eq!(
        stranger.post("/account/end-session", &fields).await.status,
        404
    );
    let ended = person.post("/account/end-session", &fields).await;
    says(
        &follow(&mut person, &ended).await,
        "A browser is signed out.",
    );
    let mut left = 0;
    for other in &mut others {
        left += u32::from(other.get("/account").await.status == 200);
    }
    assert_eq!(left, 1);
    assert_eq!(
        person.post("/account/end-session", &fields).await.status,
        404
    );
}
