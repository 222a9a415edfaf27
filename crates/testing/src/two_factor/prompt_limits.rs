//! Nobody is asked until they give in.

use twofa_providers::{
    Approver, Attempt, EnrolDetails, Limits, Operator, PromptStatus, ResetReason, TwoFactorError,
    events::THROTTLED,
    token_store::{
        FactorId,
        ott_core::{Limit, Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    asking::PROMPT,
    subject,
    world::{Plan, World, is_outage, is_throttled, reason},
};

pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// A world in which the limits of everything that is sent refuse nobody, so that those of prompts show.
pub(super) async fn sending(place: Place) -> World {
    World::planned(place, &unlimited()).await
}

pub(super) fn unlimited() -> Plan {
    let most = Limit::pace(1_000, TimeDelta::seconds(1));
    Plan {
        limits: Limits {
            requests: most,
            destination: most,
            ..Limits::default()
        },
        prompts: Some(PROMPT),
        knows_devices: true,
        ..Plan::default()
    }
}

pub(super) async fn try_ask(
    world: &World,
    owner: &Subject,
    device: FactorId,
) -> Result<crate::asking::Waiting, TwoFactorError> {
    let attempt = Attempt::new(owner, "prompt").factor(device);
    world.try_ask(&attempt, owner).await
}

/// When the next prompt is allowed.
pub(super) fn retry_after<T: core::fmt::Debug>(
    refused: Result<T, TwoFactorError>,
) -> Option<TimeDelta> {
    match refused {
        Err(TwoFactorError::Throttled { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}

/// Of fifty prompts at once, five reach the device.
pub async fn fifty_prompts_reach_the_device_five_times(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let before = world.outbox.messages().len();
    let mut asked = 0;
    for _ in 0..50 {
        match try_ask(&world, &alice, phone).await {
            Ok(_) => asked += 1,
            Err(error) => assert!(is_throttled::<()>(&Err(error))),
        }
    }
    assert_eq!(asked, 5);
    let throttled = world.log.names();
    let throttled = throttled.iter().filter(|name| **name == THROTTLED);
    assert_eq!(throttled.count(), 45);
    assert_eq!(world.outbox.messages().len() - before, 5);
    assert_eq!(
        retry_after(try_ask(&world, &alice, phone).await),
        Some(MINUTE * 15)
    );
}

/// Whoever asks all day, and is never answered, asks ten times; then once a day, so that nobody is locked out for good.
pub async fn day_of_prompts_is_ten(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let mut asked = 0;
    for _ in 0..24 * 4 {
        asked += usize::from(try_ask(&world, &alice, phone).await.is_ok());
        world.pass(MINUTE * 15);
    }
    assert_eq!(asked, 10);
    let mut days = 0;
    for _ in 0..24 * 10 {
        world.pass(TimeDelta::hours(1));
        days += usize::from(try_ask(&world, &alice, phone).await.is_ok());
    }
    assert!((10..=11).contains(&days), "{days}");
}

/// Beside an owner who signs in daily, a stranger asks 3,660 times in the year of 366 days that the figures of ADR 0053
/// are of.
pub async fn year_of_prompts_beside_a_daily_owner_is_3660(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let app = world.confirmed_beside(&alice).await;
    let (days, mut asked) = (place.often(366, 3), 0);
    for _ in 0..days {
        let _ = world.proof(&alice, &app).await;
        for _ in 0..24 * 4 {
            let attempt = Attempt::new(&alice, "prompt").factor(phone);
            asked += usize::from(world.engine.request(&attempt).await.is_ok());
            world.pass(MINUTE * 15 - TimeDelta::milliseconds(312));
        }
    }
    assert_eq!(asked, days * 10);
}

/// Where the owner signed in before, they are asked though a stranger used up the prompts; and no more often than the
/// stranger was. A report stops both.
pub async fn known_device_has_prompts_of_its_own(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let proof = world.prompt_proof(&alice, phone).await;
    let laptop = world.remember(&proof, "laptop").await.unwrap();
    let laptop = laptop.token.expose_secret().to_owned();
    for _ in 0..5 {
        assert!(try_ask(&world, &alice, phone).await.is_ok());
    }
    assert!(is_throttled(&try_ask(&world, &alice, phone).await));
    let attempt = Attempt::new(&alice, "prompt").factor(phone);
    let made_up = attempt.known_device("made up");
    assert!(is_throttled(&world.try_ask(&made_up, &alice).await));
    let known = attempt.known_device(&laptop);
    for _ in 0..5 {
        assert!(world.try_ask(&known, &alice).await.is_ok());
    }
    assert!(is_throttled(&world.try_ask(&known, &alice).await));
    world.pass(MINUTE * 15);
    let waiting = world.try_ask(&known, &alice).await.unwrap();
    let by = Approver::new(&alice).device(phone);
    let denied = world.prompts().deny(&by, &waiting.id).await;
    assert_eq!(denied.unwrap(), PromptStatus::Denied);
    world.pass(MINUTE * 14);
    for attempt in [&attempt, &known] {
        assert!(is_throttled(&world.try_ask(attempt, &alice).await));
    }
    world.pass(MINUTE);
    let waiting = world.try_ask(&known, &alice).await.unwrap();
    let reported = world.prompts().report(&by, &waiting.id).await;
    assert_eq!(reported.unwrap(), PromptStatus::Denied);
    world.pass(TimeDelta::days(30));
    for attempt in [&attempt, &known] {
        assert!(is_throttled(&world.try_ask(attempt, &alice).await));
    }
}

/// Whoever approves is asked again as often as they sign in.
pub async fn success_lets_prompts_in_again(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    for _ in 0..place.often(30, 12) {
        let _ = world.prompt_proof(&alice, phone).await;
    }
}

/// Somebody else's denial or report keeps nobody's prompts away, nor does one about what was decided.
pub async fn stranger_silences_nobody(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let mallory = subject("acme", "mallory");
    for _ in 0..20 {
        let by = Approver::new(&mallory);
        let denied = world.prompts().deny(&by, &waiting.id).await;
        assert_eq!(reason(denied), Reason::Stranger);
        let reported = world.prompts().report(&by, &waiting.id).await;
        assert_eq!(reason(reported), Reason::Stranger);
    }
    let _ = world.approve(&alice, &waiting).await.unwrap();
    let by = Approver::new(&alice).device(phone);
    let late = world.prompts().report(&by, &waiting.id).await;
    assert_eq!(reason(late), Reason::NotWaiting);
    assert!(try_ask(&world, &alice, phone).await.is_ok());
}

/// A prompt that woke nobody counts for none of the ten, and waits for nobody. Of the pace it is spent: time gives that
/// back, and nothing else, so that a denial in between lasts.
pub async fn prompt_that_reached_nobody_is_given_back(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    for _ in 0..15 {
        world.store.fail("insert");
        assert!(is_outage(&try_ask(&world, &alice, phone).await));
        world.store.recover();
        world.pass(MINUTE * 15);
    }
    assert_eq!(world.prompts().pending(&alice).await.unwrap(), []);
    for _ in 0..10 {
        assert!(try_ask(&world, &alice, phone).await.is_ok());
        world.pass(MINUTE * 15);
    }
    assert!(is_throttled(&try_ask(&world, &alice, phone).await));
}

/// A push of which nobody knows whether it went out is a prompt: whoever makes the gateway slow rings no more often.
/// Nor does who has every device asked.
pub async fn push_that_perhaps_went_out_is_charged(place: Place) {
    for every_device in [false, true] {
        let plan = Plan {
            every_device,
            ..unlimited()
        };
        let (world, alice) = (World::planned(place, &plan).await, alice());
        let phone = world.device(&alice, "phone", None).await;
        let attempt = Attempt::new(&alice, "prompt");
        let attempt = match every_device {
            true => attempt,
            false => attempt.factor(phone),
        };
        world.outbox.fail();
        let mut tried = 0;
        for _ in 0..30 {
            match world.try_ask(&attempt, &alice).await {
                Err(TwoFactorError::Throttled { .. }) => {}
                perhaps => {
                    assert!(is_outage(&perhaps));
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 5);
        assert_eq!(world.prompts().pending(&alice).await.unwrap(), []);
    }
}

/// Where every device is asked, each of their addresses pays, over all accounts.
pub async fn device_pays_for_its_own_address(place: Place) {
    let plan = Plan {
        limits: Limits {
            destination: Limit::pace(4, TimeDelta::days(1)),
            ..unlimited().limits
        },
        every_device: true,
        ..unlimited()
    };
    let (world, alice, bob) = (
        World::planned(place, &plan).await,
        alice(),
        subject("acme", "bob"),
    );
    let _ = world.device(&alice, "shared", None).await;
    let _ = world.device(&bob, "shared", None).await;
    for owner in [&alice, &bob] {
        let attempt = Attempt::new(owner, "prompt");
        assert!(world.try_ask(&attempt, owner).await.is_ok());
    }
    for owner in [&alice, &bob] {
        let attempt = Attempt::new(owner, "prompt");
        assert!(is_throttled(&world.try_ask(&attempt, owner).await));
    }
}

/// Where nobody can count, nobody is asked; a denial stands all the same, and says that it could not keep the next
/// one away.
pub async fn limit_store_down_asks_nobody(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let sent = world.outbox.messages().len();
    world.store.fail("spend");
    assert!(is_outage(&try_ask(&world, &alice, phone).await));
    let by = Approver::new(&alice).device(phone);
    assert!(is_outage(&world.prompts().deny(&by, &waiting.id).await));
    world.store.recover();
    assert_eq!(world.outbox.messages().len(), sent);
    assert_eq!(
        world.status(&alice, &waiting).await,
        Some(PromptStatus::Denied)
    );
    let again = world.prompts().deny(&by, &waiting.id).await;
    assert_eq!(again.unwrap(), PromptStatus::Denied);
    assert_eq!(
        retry_after(try_ask(&world, &alice, phone).await),
        Some(MINUTE * 15)
    );
}

/// An operator who resets an account ends its prompts, and clears what was counted.
pub async fn operator_ends_prompts_and_their_limits(place: Place) {
    let (world, alice) = (sending(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let reported = world.ask(&alice, phone).await;
    let by = Approver::new(&alice).device(phone);
    let _ = world.prompts().report(&by, &reported.id).await.unwrap();
    let operator = Operator::new(&world.engine);
    let reset = operator.reset(&alice, ResetReason::Lost).await;
    assert_eq!(reset.unwrap().factors, 1);
    assert_eq!(world.prompts().pending(&alice).await.unwrap(), []);
    let details = EnrolDetails::new(&alice, "alice");
    let enrolled = world.enrol_with("prompt", &details, "new", None).await;
    assert!(
        try_ask(&world, &alice, enrolled.unwrap().factor)
            .await
            .is_ok()
    );
}
