//! How many guesses an attacker gets evaluated who may ask as often as they like.

use token_store::{
    Charge, LimitStore as _, Spent, TokensError,
    ott_core::{
        Binding, Handle, IssueOptions, Issued, Limit, LimitKey, LimitScope, Policy, Purpose,
        chrono::TimeDelta,
    },
};

use crate::{Bench, Place, alice, issue_one, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);

/// One try; whether it was evaluated.
async fn guess(bench: &Bench, handle: &Handle, typed: &str) -> bool {
    let alice = alice();
    let redeemed = bench
        .tokens
        .redeem(&CODE, handle, &Binding::subject(&alice), typed)
        .await;
    match redeemed {
        Err(TokensError::Rejected(_)) => true,
        Err(TokensError::Throttled { .. }) => false,
        other => panic!("{other:?}"),
    }
}

async fn issue(bench: &Bench) -> Issued {
    let alice = alice();
    bench
        .tokens
        .issue(&CODE, &Binding::subject(&alice))
        .await
        .expect("it works")
}

async fn sign_in(bench: &Bench, issued: &Issued) -> bool {
    let alice = alice();
    let typed = issued.token.expose_secret();
    let binding = Binding::subject(&alice);
    bench
        .tokens
        .redeem(&CODE, &issued.handle, &binding, typed)
        .await
        .is_ok()
}

/// Five guesses at each of ten thousand challenges stay within pace and allowance.
pub async fn challenges_stay_within_pace_and_allowance(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    // One challenge each half minute, or each fifty minutes: three and a half days.
    for _ in 0..place.often(10_000, 100) {
        let issued = issue(&bench).await;
        let typed = wrong(issued.token.expose_secret());
        for _ in 0..5 {
            guess(&bench, &issued.handle, &typed).await;
        }
        bench.pass(TimeDelta::seconds(place.often(30, 3_000) as i64));
    }
    // 100 at first and one for each whole day: what the pace alone would allow is 843.
    assert_eq!(bench.store.evaluated().await, 103);
}

/// A burst is ten guesses, whatever the number of challenges.
pub async fn burst_is_ten_over_all_challenges(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    let mut evaluated = 0;
    for _ in 0..100 {
        let issued = issue(&bench).await;
        let typed = wrong(issued.token.expose_secret());
        for _ in 0..5 {
            evaluated += u64::from(guess(&bench, &issued.handle, &typed).await);
        }
    }
    assert_eq!((evaluated, bench.store.evaluated().await), (10, 10));
}

/// A resend does not reset the budget.
pub async fn resend_does_not_reset_the_budget(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    let alice = alice();
    let mut issued = issue(&bench).await;
    for _ in 0..place.often(1_000, 30) {
        let typed = wrong(issued.token.expose_secret());
        guess(&bench, &issued.handle, &typed).await;
        let options = IssueOptions {
            resend: Some(&issued.handle),
            ..IssueOptions::default()
        };
        let resent = issue_one(&bench.tokens, &CODE, &Binding::subject(&alice), options).await;
        issued = resent.unwrap();
    }
    assert_eq!(bench.store.evaluated().await, 10);
}

/// An attacker who takes whatever is allowed, each hour, beside an owner who signs in. Over a durable
/// store both come once a day: a year is as long, and the allowance gives as much.
async fn a_year_beside(place: Place, owner_every_hours: usize) -> (u64, u64) {
    let bench = Bench::new(place, &[&CODE]).await;
    let hours = place.often(1, 24);
    let (mut owner_signed_in, mut attacks) = (0, 0);
    for hour in (0..365 * 24).step_by(hours) {
        if hour % owner_every_hours == 0 {
            let issued = issue(&bench).await;
            owner_signed_in += u64::from(sign_in(&bench, &issued).await);
        }
        let issued = issue(&bench).await;
        let typed = wrong(issued.token.expose_secret());
        while guess(&bench, &issued.handle, &typed).await {
            attacks += 1;
        }
        bench.pass(TimeDelta::hours(hours as i64));
    }
    (owner_signed_in, attacks)
}

/// A year beside an owner who signs in daily gives 465 guesses.
pub async fn year_beside_a_daily_owner_is_465_guesses(place: Place) {
    let (owner, attacker) = a_year_beside(place, 24).await;
    assert!(
        owner > 300,
        "the owner signed in {owner} times: nothing could be refilled"
    );
    assert!((400..=465).contains(&attacker), "{attacker}");
}

/// A year beside an owner who signs in hourly gives 465 guesses.
pub async fn year_beside_an_hourly_owner_is_465_guesses(place: Place) {
    let (owner, attacker) = a_year_beside(place, 1).await;
    assert!(
        owner > 300,
        "the owner signed in {owner} times: nothing could be refilled"
    );
    assert!((400..=465).contains(&attacker), "{attacker}");
}

/// An owner who signs in hourly, and mistypes each time, never runs out.
pub async fn owner_who_signs_in_hourly_never_runs_out(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    for hour in 0..place.often(2_000, 60) {
        let issued = issue(&bench).await;
        // The owner mistypes once each time, and gets that back with the success.
        guess(&bench, &issued.handle, &wrong(issued.token.expose_secret())).await;
        assert!(sign_in(&bench, &issued).await, "hour {hour}");
        bench.pass(TimeDelta::hours(1));
    }
}

/// Refused requests do not postpone the next try.
pub async fn refusals_do_not_postpone_the_next_try(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    let victim = issue(&bench).await;
    let attacked = issue(&bench).await;
    let typed = wrong(attacked.token.expose_secret());
    while guess(&bench, &attacked.handle, &typed).await {}
    // What is told of them is forgotten: so many events are no part of this.
    for tried in 0..place.often(100_000, 300) {
        assert!(!guess(&bench, &attacked.handle, &typed).await);
        if tried % 1_000 == 0 {
            bench.log.drain();
            bench.store.asked();
        }
    }
    bench.pass(TimeDelta::minutes(6));
    assert!(sign_in(&bench, &victim).await);
}

/// What the allowance refuses does not use up the pace.
pub async fn allowance_refusals_do_not_use_up_the_pace(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    for _ in 0..20 {
        let attacked = issue(&bench).await;
        let typed = wrong(attacked.token.expose_secret());
        for _ in 0..5 {
            guess(&bench, &attacked.handle, &typed).await;
        }
        bench.pass(TimeDelta::minutes(30));
    }
    // The allowance is used up; the pace is whole again after an hour, and is hammered until the
    // very moment in which the allowance gives one back.
    let attacked = issue(&bench).await;
    let typed = wrong(attacked.token.expose_secret());
    bench.pass(TimeDelta::hours(14) - TimeDelta::seconds(1));
    for _ in 0..place.often(1_000, 100) {
        assert!(!guess(&bench, &attacked.handle, &typed).await);
    }
    bench.pass(TimeDelta::seconds(1));
    let victim = issue(&bench).await;
    assert!(sign_in(&bench, &victim).await);
}

/// A million refused charges leave the next try where it was.
pub async fn refused_charges_leave_the_next_try(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    let (store, alice) = (&bench.store, alice());
    let charge = Charge {
        key: LimitKey::new(LimitScope::Policy, "pace", &Binding::subject(&alice)),
        limit: Limit::PACE,
    };
    let now = bench.tokens.now();
    for _ in 0..10 {
        assert_eq!(store.spend(&[charge], now).await.unwrap(), Spent::Allowed);
    }
    let next = now + TimeDelta::minutes(6);
    let refused = Spent::RetryAt(charge.key, next);
    for tried in 0..place.often(1_000_000, 1_000) {
        // All the time until the next one, to the last microsecond.
        let wait = i64::try_from(tried).expect("a million") * 360 % 360_000_000;
        let at = now + TimeDelta::microseconds(wait);
        assert_eq!(store.spend(&[charge], at).await.unwrap(), refused);
    }
    assert_eq!(store.spend(&[charge], next).await.unwrap(), Spent::Allowed);
}
