//! Guesses and used codes: refused, slowed down, and telling nothing.

use twofa_providers::token_store::ott_core::chrono::TimeDelta;

use crate::support::{Person, Site, code_at, other_than, signed_in};

/// A used code is refused because its use was written down, and for nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn used_code_is_refused_for_its_use_alone() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "replay@example.org").await;
    let code = site.code(&secret);
    let mut half = Person::new(&site);
    half.password("replay@example.org").await;
    let kept = half.clone();
    // The step before it counts as used too.
    let before = code_at(&secret, site.now() - TimeDelta::seconds(30));
    for used in [&code, &before] {
        let answer = half.code(used).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    // Had its use not been written down, the same code would be good.
    let forget = "UPDATE ott_factors SET last = NULL";
    let forget = sqlx::query(forget).execute(&site.pool).await;
    assert_eq!(forget.expect("an update").rows_affected(), 1);
    assert_eq!(half.code(&code).await.leads_to(), "/account");

    // What proved the password was given back for it: it starts no second session.
    site.wait(30);
    let answer = kept.clone().code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to_path(), "/sign-in", "{answer:?}");
}

/// Of 32 sign-ins at once with one code, one succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn code_used_32_times_at_once_succeeds_once() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "race@example.org").await;
    let mut halves = Vec::new();
    for _ in 0..32 {
        site.wait(30);
        let mut half = Person::new(&site);
        half.password("race@example.org").await;
        half.csrf().await;
        halves.push(half);
    }
    // Half a sign-in lives for ten minutes: the first ones are over by now.
    let old = halves[0].code(&site.code(&secret)).await;
    assert_eq!(old.leads_to_path(), "/sign-in", "{old:?}");
    for half in &mut halves[..14] {
        half.password("race@example.org").await;
        half.csrf().await;
    }
    let code = site.code(&secret);
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(halves.len()));
    let tries = halves.into_iter().map(|mut half| {
        let (code, barrier) = (code.clone(), std::sync::Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            (half.code(&code).await, half)
        })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        let (answer, mut half) = tried.await.expect("no panic");
        let page = half.get("/account").await;
        if answer.leads_to() == "/account" {
            won += 1;
            assert_eq!(page.status, 200);
        } else {
            assert!([401, 429].contains(&answer.status), "{answer:?}");
            assert_eq!(page.leads_to_path(), "/sign-in");
        }
    }
    assert_eq!(won, 1);
}

/// After too many tries the next one waits as long as the answer says. The right code waits too, and is not used up.
#[tokio::test(flavor = "multi_thread")]
async fn tries_wait_as_long_as_the_answer_says() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "often@example.org").await;
    site.wait(60);
    let mut half = Person::new(&site);
    half.password("often@example.org").await;
    let wrong = other_than(&site.code(&secret));
    let mut answer = half.code(&wrong).await;
    let mut tries = 1;
    while answer.status == 401 {
        assert_eq!(answer.header("retry-after"), None);
        answer = half.code(&wrong).await;
        tries += 1;
        assert!(tries < 20, "no limit");
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.contains("role=\"alert\""), "{answer:?}");
    let wait: i64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=360).contains(&wait), "{wait}");
    // The right code does not help while it lasts, and is not used up by trying.
    let refused = half.code(&site.code(&secret)).await;
    assert_eq!(refused.status, 429);
    site.wait(wait - 1);
    assert_eq!(half.code(&wrong).await.status, 429);
    site.wait(1);
    let answer = half.code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");

    // Passwords are slowed down too, and the page of an error that stands alone says when.
    let mut stranger = Person::new(&site);
    let mut answer = stranger.password("nobody@example.org").await;
    for _ in 0..40 {
        answer = stranger.password("nobody@example.org").await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    let wait: i64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

/// An unknown address and a wrong password look the same.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_address_looks_like_a_wrong_password() {
    let site = Site::start().await;
    signed_in(&site, "known@example.org").await;
    let mut answers = Vec::new();
    let mut person = Person::new(&site);
    for email in ["known@example.org", "other@example.org"] {
        let fields = [("email", email), ("password", "wrong horse battery")];
        let mut answer = person.post("/sign-in", &fields).await;
        answer.headers.retain(|(name, _)| name != "date");
        answers.push((
            answer.status,
            answer.headers,
            answer.body.replace(email, "ADDRESS"),
        ));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);
}

/// A stranger who tries a hundred wrong passwords does not lock the owner out.
#[tokio::test(flavor = "multi_thread")]
async fn stranger_does_not_lock_the_owner_out() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "owner@example.org").await;
    let mut stranger = Person::new(&site);
    for _ in 0..100 {
        let fields = [("email", "owner@example.org"), ("password", "wrong")];
        stranger.post("/sign-in", &fields).await;
        // Without the first step there is no second one to try.
        assert_eq!(stranger.code("000000").await.leads_to_path(), "/sign-in");
    }
    // From the stranger's own address it takes a moment; nothing else was used up.
    site.wait(60);
    let mut owner = Person::new(&site);
    assert_eq!(
        owner.password("owner@example.org").await.leads_to(),
        "/second-factor"
    );
    assert_eq!(owner.code(&site.code(&secret)).await.leads_to(), "/account");
}
