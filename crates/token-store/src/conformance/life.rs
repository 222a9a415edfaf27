//! Law 4.

use ott_core::{APPROVED_LIFE, CLOCK_ALLOWANCE, Reason, chrono::TimeDelta};

use super::{
    Harness,
    fixture::{
        AGES, BEARER, CODE, ERAS, LINK, MICRO, Mint, Minted, PROMPT, RECOVERY, Time, alice, at,
        records,
    },
    report::Law,
};
use crate::{Decided, Redeemed, TokenStore};

const LAW: Law = Law(
    4,
    "live at expires_at - 1, dead at expires_at, before and after purge",
);

/// Law 4: live at `expires_at - 1`, dead at `expires_at`, before and after a purge; issued by a
/// clock 30 s ahead it is live, and 60 s ahead, and not a microsecond more.
///
/// Times are whole microseconds: what is finer is cut off, never rounded.
pub async fn law_04_life_has_sharp_edges<H: Harness<Store: TokenStore>>(harness: &H) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    for era in ERAS {
        sharp_edges(&*store, &mut mint, at(era)).await;
    }
}

async fn sharp_edges<S: TokenStore>(store: &S, mint: &mut Mint, now: Time) {
    for policy in [CODE, LINK] {
        for purged in [false, true] {
            let begins = now - CLOCK_ALLOWANCE;
            let ends = mint.mint(&policy, &alice(), now).expires_at();
            let edges = [
                ("60 s before it was issued, and 1 µs", begins - MICRO, false),
                ("60 s before it was issued", begins, true),
                ("30 s before it was issued", now - CLOCK_ALLOWANCE / 2, true),
                ("when it was issued", now, true),
                ("1 µs before its end", ends - MICRO, true),
                (
                    "1 ns before its end",
                    ends - TimeDelta::nanoseconds(1),
                    true,
                ),
                ("at its end", ends, false),
                (
                    "1 ns after its end",
                    ends + TimeDelta::nanoseconds(1),
                    false,
                ),
                ("60 s after its end", ends + APPROVED_LIFE, false),
                ("a year after its end", ends + TimeDelta::days(365), false),
            ];
            for (when, time, live) in edges {
                let minted = mint.mint(&policy, &alice(), now);
                redeems(store, mint, minted, (when, time, live), purged).await;
            }
        }
    }
    let for_ever = mint.mint(&RECOVERY, &alice(), now);
    let edge = ("in the year 2109", at(AGES), true);
    redeems(store, mint, for_ever, edge, true).await;
}

/// Law 4: what was approved in the last microsecond lives 60 s more, and nothing else does.
pub async fn law_04_approval_adds_a_minute<H: Harness<Store: TokenStore>>(harness: &H) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    for (era, purged) in ERAS.into_iter().flat_map(|era| [(era, false), (era, true)]) {
        let now = || at(era);
        let ends = mint.mint(&PROMPT, &alice(), now()).expires_at();
        let longer = ends + APPROVED_LIFE;
        let edges = [
            ("at its first end", ends, true),
            ("1 µs before 60 s more", longer - MICRO, true),
            ("after 60 s more", longer, false),
        ];
        for (when, time, live) in edges {
            let minted = mint.mint(&PROMPT, &alice(), now());
            let last = ends - MICRO;
            let approval = mint.approve(&minted, &alice(), last);
            LAW.answer("insert", store.insert(&records([&minted])).await);
            let decided = LAW.answer("decide", store.decide(minted.id(), &approval, last).await);
            LAW.holds(matches!(decided, Decided::Decided(_)), || {
                format!("1 µs before its end a decision got {decided:?}")
            });
            let when = format!("approved, {when}");
            purge_and_redeem(&*store, &mint, &minted, (&when, time, live), purged).await;
        }
        let minted = mint.mint(&PROMPT, &alice(), now());
        LAW.answer("insert", store.insert(&records([&minted])).await);
        let approval = mint.approve(&minted, &alice(), ends);
        let late = LAW.answer("decide", store.decide(minted.id(), &approval, ends).await);
        LAW.same(
            "a decision at the end",
            &late,
            &Decided::Refused(Reason::Expired),
        );
        let edge = ("waiting, at its end", ends, false);
        purge_and_redeem(&*store, &mint, &minted, edge, purged).await;
    }
}

/// Law 4: an unused record idles out on time, a touch prolongs it, and nothing brings it back.
pub async fn law_04_idle_ends<H: Harness<Store: TokenStore>>(harness: &H) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    let hour = TimeDelta::hours(1);
    for (era, purged) in ERAS.into_iter().flat_map(|era| [(era, false), (era, true)]) {
        let now = || at(era);
        let touched = now() + TimeDelta::minutes(59);
        let edges = [
            (
                "touched, 1 µs before it idles out",
                touched + hour - MICRO,
                true,
            ),
            ("touched, when it idles out", touched + hour, false),
        ];
        for (when, time, live) in edges {
            let minted = mint.mint(&BEARER, &alice(), now());
            LAW.answer("insert", store.insert(&records([&minted])).await);
            for touch in [
                now() + hour,           // dead by then: revives nothing
                touched,                // counts
                now(),                  // earlier: takes nothing back
                touched - MICRO,        // earlier
                touched + hour + MICRO, // dead again
            ] {
                LAW.answer("touch", store.touch(minted.id(), touch).await);
            }
            purge_and_redeem(&*store, &mint, &minted, (when, time, live), purged).await;
        }
        let minted = mint.mint(&BEARER, &alice(), now());
        let edge = ("never touched, when it idles out", now() + hour, false);
        redeems(&*store, &mint, minted, edge, purged).await;
        let minted = mint.in_use(&BEARER, &alice(), now());
        let edge = ("used at its issue, when it idles out", now() + hour, false);
        redeems(&*store, &mint, minted, edge, purged).await;
        let minted = mint.in_use(&BEARER, &alice(), now());
        LAW.answer("insert", store.insert(&records([&minted])).await);
        LAW.answer("touch", store.touch(minted.id(), touched).await);
        let edge = (
            "used at its issue and touched, 1 µs before it idles out",
            touched + hour - MICRO,
            true,
        );
        purge_and_redeem(&*store, &mint, &minted, edge, purged).await;
    }
}

async fn redeems<S: TokenStore>(
    store: &S,
    mint: &Mint,
    minted: Minted,
    edge: (&str, Time, bool),
    purged: bool,
) {
    LAW.answer("insert", store.insert(&records([&minted])).await);
    purge_and_redeem(store, mint, &minted, edge, purged).await;
}

async fn purge_and_redeem<S: TokenStore>(
    store: &S,
    mint: &Mint,
    minted: &Minted,
    (when, time, live): (&str, Time, bool),
    purged: bool,
) {
    let purpose = minted.policy.purpose();
    let (name, after) = (purpose.as_str(), if purged { " and a purge" } else { "" });
    if purged {
        LAW.answer("purge", store.purge(time, u32::MAX).await);
    }
    let listed = LAW.answer("list", store.list(&alice(), Some(purpose), time).await);
    let listed = listed.iter().any(|found| found.id == *minted.id());
    LAW.holds(listed == live, || {
        format!("{when}{after}, `list` shows a `{name}`: {listed}")
    });
    let right = mint.right(minted);
    let answer = LAW.answer("redeem", store.redeem(&right, time).await);
    let as_it_should = match &answer {
        Redeemed::Redeemed(_) => live,
        Redeemed::Refused(Reason::Expired) => !live,
        // Purged, or not any more to be told from what never was.
        Redeemed::Refused(Reason::Unknown) => !live && purged,
        Redeemed::Refused(_) => false,
    };
    LAW.holds(as_it_should, || {
        let expected = if live { "a success" } else { "`Expired`" };
        format!("{when}{after}, redeeming a `{name}` got {answer:?} instead of {expected}")
    });
}
