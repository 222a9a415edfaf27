//! How many codes reach one mailbox, whoever asks, and what was not sent.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Existing, Import, Limits, Operator,
    token_store::ott_core::{Destination, Limit, Subject, chrono::TimeDelta},
};

use crate::{
    Place, alice, key_2, subject,
    world::{World, is_outage, is_throttled},
};

const MAILBOX: &str = "shared@example.org";
/// What a mailbox gets at once, and within any 24 hours.
const AT_ONCE: usize = 10;
const A_DAY: usize = 30;

/// This account's codes go to this address.
async fn mailed_to(world: &World, owner: &Subject, address: &str) {
    let address = Destination::email(address).expect("an address");
    let import = Import::new(owner, "mail", "mail", Existing::Destination(&address));
    world
        .engine
        .import("email", &import)
        .await
        .expect("it fits");
}

/// The account's own limit refuses nobody: the mailbox's alone decides.
fn generous() -> Limits {
    Limits {
        requests: Limit::pace(1_000, TimeDelta::minutes(1)),
        ..Limits::default()
    }
}

async fn accounts(world: &World, number: usize) -> Vec<Subject> {
    let mut all = Vec::new();
    for at in 0..number {
        let owner = subject("acme", &format!("of-the-mailbox-{at}"));
        mailed_to(world, &owner, MAILBOX).await;
        all.push(owner);
    }
    all
}

/// Whether a code was sent.
async fn sends(world: &World, owner: &Subject) -> bool {
    let asked = world.engine.request(&Attempt::new(owner, "email")).await;
    assert!(asked.is_ok() || is_throttled(&asked), "{asked:?}");
    asked.is_ok()
}

/// How many messages lie in this mailbox.
fn received(world: &World, address: &str) -> usize {
    let messages = world.outbox.messages();
    let here = messages
        .iter()
        .filter(|sent| sent.destination().address() == address);
    here.count()
}

/// A hundred requests at once, of these accounts in turn.
async fn hundred_at_once(world: &Arc<World>, owners: &[Subject]) -> usize {
    let barrier = Arc::new(Barrier::new(100));
    let mut tasks = JoinSet::new();
    for owner in owners.iter().cycle().take(100) {
        let (world, owner, barrier) = (world.clone(), owner.clone(), barrier.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            sends(&world, &owner).await
        });
    }
    let sent = tasks.join_all().await;
    sent.into_iter().filter(|sent| *sent).count()
}

/// Of a hundred requests at once, five of one account are sent and ten to one mailbox, to the message.
pub async fn hundred_at_once_send_the_paced_number(place: Place) {
    for (number, paced) in [(1, 5), (20, AT_ONCE), (100, AT_ONCE)] {
        let world = Arc::new(World::new(place).await);
        let owners = accounts(&world, number).await;
        let sent = hundred_at_once(&world, &owners).await;
        assert_eq!((sent, received(&world, MAILBOX)), (paced, paced));
    }
}

/// Whoever asks all day, from twenty accounts, fills one mailbox with thirty messages.
pub async fn accounts_share_the_day_of_their_mailbox(place: Place) {
    let world = World::new(place).await;
    let owners = accounts(&world, 20).await;
    let minutes = place.often(1, 24);
    for _ in (0..24 * 60).step_by(minutes) {
        for owner in &owners {
            while sends(&world, owner).await {}
        }
        world.pass(TimeDelta::minutes(minutes as i64));
    }
    // The first at midnight counts for the next day.
    assert_eq!(received(&world, MAILBOX), A_DAY - 1);
    assert!(sends(&world, &owners[0]).await);
    assert!(!sends(&world, &owners[1]).await);
    // Another mailbox, and another tenant, have their own.
    let (other, namesake) = (subject("acme", "other"), subject("else", "4711"));
    mailed_to(&world, &other, "other@example.org").await;
    mailed_to(&world, &namesake, MAILBOX).await;
    assert!(sends(&world, &other).await);
    assert!(sends(&world, &namesake).await);
}

/// A refusal says when to come back, to the second.
pub async fn refused_send_says_when_to_come_back(place: Place) {
    let world = World::new(place).await;
    let owners = accounts(&world, 3).await;
    for owner in &owners {
        while sends(&world, owner).await {}
    }
    let attempt = Attempt::new(&owners[2], "email");
    let refused = world.engine.request(&attempt).await.unwrap_err();
    let twofa_providers::TwoFactorError::Throttled { retry_after, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(retry_after, Some(TimeDelta::minutes(72)));
    // And it used up nothing of the account's own.
    world.pass(TimeDelta::minutes(72) - TimeDelta::seconds(1));
    assert!(!sends(&world, &owners[2]).await);
    world.pass(TimeDelta::seconds(1));
    assert!(sends(&world, &owners[2]).await);
}

/// Upper and lower case are one mailbox.
pub async fn mailbox_is_one_in_either_case(place: Place) {
    let world = World::new(place).await;
    let spellings = [
        "victim@example.org",
        "Victim@Example.org",
        "VICTIM@example.ORG",
    ];
    let mut sent = 0;
    for (at, spelling) in spellings.into_iter().enumerate() {
        let owner = subject("acme", &at.to_string());
        mailed_to(&world, &owner, spelling).await;
        while sends(&world, &owner).await {
            sent += 1;
        }
    }
    assert_eq!(sent, AT_ONCE);
}

/// A mailbox is counted under a name that takes the key: a ring with another one counts anew.
pub async fn mailbox_is_counted_under_a_keyed_name(place: Place) {
    let world = World::new(place).await;
    let owners = accounts(&world, 3).await;
    for owner in &owners {
        while sends(&world, owner).await {}
    }
    assert_eq!(received(&world, MAILBOX), AT_ONCE);
    let other = world.beside(key_2());
    let owner = subject("acme", "of the other ring");
    mailed_to(&other, &owner, MAILBOX).await;
    assert!(sends(&other, &owner).await);
}

/// What was never handed over costs nothing; after an outage of the delivery the account has its tries back,
/// and the mailbox, which may have got the message, has not.
pub async fn message_that_was_not_sent_is_given_back(place: Place) {
    let world = World::new(place).await;
    let owner = alice();
    mailed_to(&world, &owner, MAILBOX).await;
    let attempt = Attempt::new(&owner, "email");
    world.store.fail("insert");
    for _ in 0..20 {
        assert!(is_outage(&world.engine.request(&attempt).await));
    }
    world.store.recover();
    world.outbox.fail();
    for _ in 0..4 {
        assert!(is_outage(&world.engine.request(&attempt).await));
    }
    world.outbox.recover();
    for _ in 0..5 {
        assert!(sends(&world, &owner).await);
    }
    assert!(!sends(&world, &owner).await, "five of the account");
    let beside = subject("acme", "beside");
    mailed_to(&world, &beside, MAILBOX).await;
    assert!(sends(&world, &beside).await);
    assert!(!sends(&world, &beside).await, "ten of the mailbox");
    assert_eq!(received(&world, MAILBOX), AT_ONCE - 4);
}

/// A known device is still sent codes when others used up the mailbox, and no more than once as many.
pub async fn known_device_has_the_mailbox_once_more(place: Place) {
    let world = World::knowing(place, generous()).await;
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = world.remember(&proof, "laptop").await.unwrap();
    mailed_to(&world, &owner, MAILBOX).await;
    let other = &accounts(&world, 1).await[0];
    while sends(&world, other).await {}
    assert!(!sends(&world, &owner).await);
    let token = device.token.expose_secret();
    let known = Attempt::new(&owner, "email").known_device(token);
    let mut sent = 0;
    while world.engine.request(&known).await.is_ok() {
        sent += 1;
    }
    assert_eq!((sent, received(&world, MAILBOX)), (AT_ONCE, 2 * AT_ONCE));
}

/// A mailbox whose limit a wrong clock left ahead is cleared by an operator.
pub async fn mailbox_that_is_ahead_is_cleared(place: Place) {
    let world = World::new(place).await;
    let owner = alice();
    mailed_to(&world, &owner, MAILBOX).await;
    world.pass(TimeDelta::days(3_650));
    assert!(sends(&world, &owner).await);
    world.pass(-TimeDelta::days(3_650));
    let attempt = Attempt::new(&owner, "email");
    assert!(is_outage(&world.engine.request(&attempt).await));
    let operator = Operator::new(&world.engine);
    assert_eq!(operator.clear_ahead(&owner).await.unwrap(), 2);
    assert!(sends(&world, &owner).await);
    assert_eq!(operator.clear_ahead(&owner).await.unwrap(), 0);
}

/// Codes are sent five at once, and then one each ten minutes.
pub async fn codes_are_sent_five_then_one_each_ten_minutes(place: Place) {
    let limits = Limits {
        // The account's own limit decides, not that of the mailbox.
        destination: Limit::pace(1_000, TimeDelta::minutes(1)),
        ..Limits::default()
    };
    let (world, alice) = (World::with(place, limits).await, alice());
    let attempt = Attempt::new(&alice, "email");
    let _ = world
        .confirmed_email(&alice, "alice@example.org", None)
        .await;
    world.pass(TimeDelta::days(1));
    let mut sent = 0;
    for _ in 0..144 {
        while world.engine.request(&attempt).await.is_ok() {
            sent += 1;
        }
        world.pass(TimeDelta::minutes(10));
    }
    assert_eq!(sent, 5 + 143);
}
