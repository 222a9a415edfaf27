//! What an owner sees of their tokens, and is told.

use core::str::FromStr as _;

use ott_bearer::{Cursor, New, NewError, NoScope, Proved};
use token_store::ott_core::chrono::TimeDelta;

use super::{ACCESS, SESSION, bearers, bench, beside, issued};
use crate::{Place, alice, subject};

/// A page begins where the one before it ended, whatever ended in between, and no token stands on two of them.
pub async fn pages_stand_still_while_tokens_end(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, SESSION);
    let alice = alice();
    for number in 0..7 {
        let name = format!("number {number}");
        bearers.issue(&New::of(&alice).named(&name)).await.unwrap();
        // Two of the same moment, too.
        bench.pass(TimeDelta::seconds(number % 2));
    }
    issued(&bearers, &subject("acme", "bob")).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = bearers.page(&alice, after, 3).await.unwrap();
        assert!(page.tokens.len() <= 3);
        for facts in &page.tokens {
            seen.push(facts.name().unwrap().to_owned());
            // Ends what was just seen.
            bearers.revoke(&alice, facts.id()).await.unwrap();
        }
        let Some(next) = page.next else { break };
        after = Some(Cursor::from_str(&next.to_string()).unwrap());
        assert_eq!(after, Some(next));
    }
    seen.sort();
    let all: Vec<_> = (0..7).map(|number| format!("number {number}")).collect();
    assert_eq!(seen, all);
    for text in [
        "",
        "1",
        "1-",
        "-1",
        "x-00",
        "99999999999999999999-00000000000000000000000000000000",
    ] {
        assert!(Cursor::from_str(text).is_err(), "{text}");
    }
}

/// The owner is told of an end once, a week before, by whichever process comes first; of a revoked token never.
pub async fn notice_of_an_end_is_given_once(place: Place) {
    let bench = bench(place).await;
    let (here, there) = (
        bearers::<NoScope>(&bench, ACCESS),
        beside::<NoScope>(&bench, ACCESS),
    );
    let alice = alice();
    let (soon, revoked) = (issued(&here, &alice).await, issued(&here, &alice).await);
    let later = {
        bench.pass(TimeDelta::days(1));
        issued(&here, &alice).await
    };
    here.revoke(&alice, revoked.facts.id()).await.unwrap();
    bench.pass(TimeDelta::days(82) - TimeDelta::microseconds(1));
    assert!(here.take_notices(&alice).await.unwrap().is_empty());
    bench.pass(TimeDelta::microseconds(1));
    let both = tokio::join!(here.take_notices(&alice), there.take_notices(&alice));
    let given = [both.0.unwrap(), both.1.unwrap()].concat();
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].id(), soon.facts.id());
    assert!(here.take_notices(&alice).await.unwrap().is_empty());
    bench.pass(TimeDelta::days(1));
    let given = there.take_notices(&alice).await.unwrap();
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].id(), later.facts.id());
    let nobody = here.take_notices(&subject("acme", "bob")).await;
    assert!(nobody.unwrap().is_empty());
}

/// An owner has as many live tokens as their kind says, however many are issued at once; each that was given out lives.
pub async fn owner_has_so_many_and_no_more(place: Place) {
    let bench = bench(place).await;
    let few = bearers::<NoScope>(&bench, ACCESS.at_most(4));
    let elsewhere = beside::<NoScope>(&bench, ACCESS.at_most(4));
    let alice = alice();
    for round in 0..3 {
        issued(&few, &alice).await;
        let mut tasks = Vec::new();
        for at in 0..12 {
            let bearers = [&few, &elsewhere][at % 2].clone();
            let alice = alice.clone();
            tasks.push(tokio::spawn(async move {
                bearers.issue(&New::of(&alice)).await
            }));
        }
        let mut given = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(token) => given.push(token),
                Err(error) => assert!(matches!(error, NewError::TooMany), "{error}"),
            }
        }
        assert_eq!(few.list(&alice).await.unwrap().len(), given.len() + 1);
        assert!(given.len() <= 3, "{round}: {}", given.len());
        for token in &given {
            let text = token.token.expose_secret();
            few.authenticate("acme", text).await.unwrap();
        }
        few.revoke_all(&alice).await.unwrap();
    }
    for _ in 0..3 {
        issued(&few, &alice).await;
    }
    // Somebody else issues the last one between the first look of this call and its insert.
    let held = bench.store.hold_insert();
    let late = {
        let (few, alice) = (few.clone(), alice.clone());
        tokio::spawn(async move { few.issue(&New::of(&alice)).await })
    };
    held.reached().await;
    let last = issued(&elsewhere, &alice).await;
    held.go_on();
    assert!(matches!(late.await.unwrap(), Err(NewError::TooMany)));
    let text = last.token.expose_secret();
    few.authenticate("acme", text).await.unwrap();
    assert_eq!(few.list(&alice).await.unwrap().len(), 4);
    let records = bench.store.records().await.len();
    let refused = few.issue(&New::of(&alice)).await;
    assert!(matches!(refused, Err(NewError::TooMany)));
    assert_eq!(bench.store.records().await.len(), records);
    // Somebody else has their own; a rotation adds none, and what ends makes room.
    issued(&few, &subject("acme", "bob")).await;
    let listed = few.list(&alice).await.unwrap();
    few.revoke(&alice, listed[0].id()).await.unwrap();
    let last = issued(&few, &alice).await;
    few.rotate("acme", last.token.expose_secret())
        .await
        .unwrap();
    let refused = few.issue(&New::of(&alice)).await;
    assert!(matches!(refused, Err(NewError::TooMany)));
}

/// Where a token was last used from is kept as often as that it was used, and goes with the token.
pub async fn last_network_is_kept_with_the_use(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let (token, other) = (
        issued(&bearers, &alice).await,
        issued(&bearers, &alice).await,
    );
    let text = token.token.expose_secret();
    let from = async || {
        let listed = bearers.list(&alice).await.unwrap();
        let facts = listed
            .into_iter()
            .find(|facts| facts.id() == token.facts.id());
        facts.and_then(|facts| facts.used_from().map(String::from))
    };
    assert_eq!(from().await, None);
    let steps = [
        (0, "office", "office"),
        (59, "home", "office"),
        (1, "home", "home"),
    ];
    for (passes, network, kept) in steps {
        bench.pass(TimeDelta::seconds(passes));
        let proved = bearers.authenticate_from("acme", text, Some(network)).await;
        proved.unwrap();
        assert_eq!(from().await.as_deref(), Some(kept));
    }
    let listed = bearers.list(&alice).await.unwrap();
    assert!(
        listed
            .iter()
            .any(|facts| facts.id() == other.facts.id() && facts.used_from().is_none())
    );
    let notes = async || {
        let noted = ACCESS.policies().last().unwrap();
        bench.tokens.list(noted, &alice).await.unwrap().len()
    };
    assert_eq!(notes().await, 1);
    bearers.revoke(&alice, token.facts.id()).await.unwrap();
    assert_eq!((notes().await, from().await), (0, None));
}

/// A class of networks that cannot be one, as a proxy may pass it on, is not kept, and keeps nobody out.
pub async fn network_that_cannot_be_is_not_kept(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let token = issued(&bearers, &alice).await;
    let text = token.token.expose_secret();
    let (long, longer) = ("x".repeat(65), "x".repeat(100_000));
    for network in ["", " ", "a\nb", "a\u{202e}b", &long, &longer] {
        bench.pass(TimeDelta::minutes(1));
        let proved = bearers.authenticate_from("acme", text, Some(network)).await;
        assert!(proved.is_ok(), "{} bytes", network.len());
        let listed = bearers.list(&alice).await.unwrap();
        assert_eq!(listed[0].used_from(), None);
    }
    bench.pass(TimeDelta::minutes(1));
    let longest = "é".repeat(64);
    let proved = bearers
        .authenticate_from("acme", text, Some(&longest))
        .await;
    proved.unwrap();
    let listed = bearers.list(&alice).await.unwrap();
    assert_eq!(listed[0].used_from(), Some(&*longest));
}

/// However a token ends, the note of where it was used from ends with it, and no other note.
pub async fn note_of_a_network_ends_with_its_token(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let noted = ACCESS.policies().last().unwrap();
    let notes = async || bench.tokens.list(noted, &alice).await.unwrap().len();
    let used = async || {
        let token = issued(&bearers, &alice).await;
        let proved = bearers.authenticate_from("acme", token.token.expose_secret(), Some("home"));
        proved.await.unwrap();
        token
    };
    for way in 0..6 {
        let (token, kept) = (used().await, used().await);
        let text = token.token.expose_secret();
        assert_eq!(notes().await, 2);
        let mut left = 1;
        match way {
            0 => drop(bearers.revoke(&alice, token.facts.id()).await.unwrap()),
            1 => drop(bearers.revoke_text("acme", text).await.unwrap()),
            2 => {
                let kept = bearers.authenticate("acme", kept.token.expose_secret());
                bearers.revoke_others(&kept.await.unwrap()).await.unwrap();
            }
            3 => drop(bearers.rotate("acme", text).await.unwrap()),
            4 => {
                let proved = Proved::by(&["pwd"], bearers.now());
                bearers.step_up("acme", text, proved).await.unwrap();
            }
            _ => {
                bearers.revoke_all(&alice).await.unwrap();
                left = 0;
            }
        }
        assert_eq!(notes().await, left, "{way}");
        bearers.revoke_all(&alice).await.unwrap();
        assert_eq!(notes().await, 0, "{way}");
    }
}

/// A use that is written down after its token was revoked leaves no note.
pub async fn note_that_comes_late_ends_too(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let token = issued(&bearers, &alice).await;
    let held = bench.store.hold_insert();
    let late = {
        let (bearers, text) = (bearers.clone(), token.token.expose_secret().to_owned());
        tokio::spawn(async move {
            let used = bearers.authenticate_from("acme", &text, Some("home")).await;
            used.map(|_| ())
        })
    };
    held.reached().await;
    assert!(bearers.revoke(&alice, token.facts.id()).await.unwrap());
    held.go_on();
    late.await.unwrap().unwrap();
    let noted = ACCESS.policies().last().unwrap();
    assert!(bench.tokens.list(noted, &alice).await.unwrap().is_empty());
}
