//! docs/keys.md, step by step: rotation, leak, restore and loss, with the rings that it prints.

use std::sync::Arc;

use token_store::{
    Clock as _, FactorChange, FactorId, FactorState, FactorStore as _, ManualClock, StoredFactor,
    TokenStore as _, Tokens, TokensError, events,
    ott_core::{
        Binding, Decider, Handle, IssueOptions, Issued, Issuer, KeyId, KeyRing, Parked, Policy,
        Purpose, Reason, Record, Verdict,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
    seal::{SealError, SealedFor, needs_renewal, open, seal},
};

use crate::{KEY_1, KEY_2, Log, Place, Watched, alice, stated, wrong};

const PAGE: &str = include_str!("../../../../docs/keys.md");
const KEY_3: &str = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
const BEARER: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
const ALL: [&Policy; 5] = [&CODE, &RECOVERY, &LINK, &BEARER, &PROMPT];

const STEPS: [&str; 5] = ["before", "added", "moved", "retired", "dropped"];
const SECRET: &[u8] = b"12345678901234567890";

/// The ring that the page prints under this name, with keys in it.
fn text(name: &str) -> String {
    let (_, rest) = PAGE
        .split_once(&format!("```ring {name}\n"))
        .expect("a ring of this name");
    let (ring, _) = rest.split_once("```").expect("an end");
    ring.replace("KEY-A", KEY_1)
        .replace("KEY-B", KEY_2)
        .replace("KEY-C", KEY_3)
}

fn ring(name: &str) -> KeyRing {
    KeyRing::from_text(&text(name)).expect("a key ring")
}

/// The time at which the page's old key retires in this ring.
fn retirement(name: &str) -> DateTime<Utc> {
    let text = text(name);
    let (_, time) = text.split_once(" retired ").expect("a retired key");
    time.trim().parse().expect("a time")
}

/// What all machines share: a store and the time.
struct World {
    store: Arc<Watched>,
    clock: Arc<ManualClock>,
}

impl World {
    async fn at(place: Place, now: DateTime<Utc>) -> Self {
        Self {
            store: Arc::new(Watched::new(place).await),
            clock: Arc::new(ManualClock::new(now)),
        }
    }

    /// A minute before the page's old key retires.
    async fn before_retirement(place: Place) -> Self {
        Self::at(place, retirement("retired") - TimeDelta::minutes(1)).await
    }

    fn machine(&self, name: &str) -> Machine {
        self.machine_of(&text(name), None)
    }

    fn machine_of(&self, text: &str, not_before: Option<DateTime<Utc>>) -> Machine {
        let log = Log::default();
        let keys = KeyRing::from_text(text).expect("a key ring");
        let mut builder = Tokens::builder_shared(keys, Arc::clone(&self.store))
            .clock(Arc::clone(&self.clock) as Arc<dyn token_store::Clock>)
            .events(Arc::new(log.clone()));
        for policy in ALL {
            builder = builder.policy(policy);
        }
        if let Some(time) = not_before {
            builder = builder.not_before(time);
        }
        let tokens = builder.build().expect("policies that fit");
        Machine { tokens, log }
    }

    /// Moves the clock to `time`.
    fn reach(&self, time: DateTime<Utc>) {
        self.clock.advance(time - self.clock.now());
    }
}

/// A token, or what is parked and has none.
struct Made {
    token: String,
    handle: Handle,
    record: Record,
}

impl From<Issued> for Made {
    fn from(issued: Issued) -> Self {
        Self {
            token: issued.token.expose_secret().into(),
            handle: issued.handle,
            record: issued.record,
        }
    }
}

impl From<Parked> for Made {
    fn from(parked: Parked) -> Self {
        Self {
            token: String::new(),
            handle: parked.handle,
            record: parked.record,
        }
    }
}

struct Machine {
    tokens: Tokens<Watched>,
    log: Log,
}

impl Machine {
    fn keys(&self) -> &KeyRing {
        self.tokens.issuer().keys()
    }

    async fn issue(&self, policy: &Policy) -> Made {
        let owner = alice();
        let binding = Binding::subject(&owner);
        if policy == &PROMPT {
            let parked = self.tokens.park(policy, &binding, b"").await;
            return parked.expect("parked").into();
        }
        let issued = self.tokens.issue(policy, &binding).await;
        issued.expect("issued").into()
    }

    /// Approves a prompt, and nothing else.
    async fn approve(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
        let (id, number) = (issued.record.id(), issued.record.stored().number);
        if policy != &PROMPT {
            return Ok(());
        }
        let verdict = Verdict::Approve { number };
        self.tokens
            .decide(policy, id, &alice(), verdict, b"")
            .await
            .map(drop)
    }

    /// Uses a token by the verb of its policy.
    async fn redeem(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
        let (tokens, owner) = (&self.tokens, alice());
        let (binding, token) = (Binding::subject(&owner), &*issued.token);
        match policy {
            policy if policy == &CODE => tokens
                .redeem(policy, &issued.handle, &binding, token)
                .await
                .map(drop),
            policy if policy == &PROMPT => tokens
                .resume(policy, &issued.handle, &binding)
                .await
                .map(drop),
            policy if policy == &RECOVERY => tokens
                .redeem_by_subject(policy, &binding, token)
                .await
                .map(drop),
            policy if policy == &LINK => tokens
                .redeem_by_itself(policy, "acme", token, stated(&binding))
                .await
                .map(drop),
            policy => tokens
                .authenticate(policy, "acme", token, stated(&binding))
                .await
                .map(drop),
        }
    }

    async fn accepts(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
        self.approve(policy, issued).await?;
        self.redeem(policy, issued).await
    }

    fn seal(&self) -> Vec<u8> {
        sealed_for(|context| seal(self.keys(), context, SECRET, &mut SysRng)).expect("sealed")
    }

    fn opens(&self, sealed: &[u8]) -> Result<(), SealError> {
        let plain = sealed_for(|context| open(self.keys(), context, sealed))?;
        assert_eq!(&**plain, SECRET);
        Ok(())
    }

    /// Whether nothing but successes was told since the last call.
    fn is_content(&self) -> bool {
        let told = self.log.names();
        told.iter().all(|name| {
            [
                events::TOKEN_AUTHENTICATED,
                events::TOKEN_DECIDED,
                events::TOKEN_ISSUED,
                events::TOKEN_PARKED,
                events::TOKEN_REDEEMED,
            ]
            .contains(name)
        })
    }
}

fn factor() -> FactorId {
    FactorId::from_bytes([7; 16])
}

fn sealed_for<T>(act: impl FnOnce(&SealedFor<'_>) -> T) -> T {
    act(&SealedFor {
        owner: &alice(),
        item: *factor().as_bytes(),
        kind: "totp",
    })
}

fn reason(result: Result<(), TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// Everything that `maker` made is an outage for `lacking`, which tells so and counts nothing; and
/// `maker` accepts it afterwards.
async fn is_an_outage(place: Place, world: &World, maker: &Machine, lacking: &Machine, key: KeyId) {
    for policy in ALL {
        let issued = maker.issue(policy).await;
        let missing = |result| matches!(result, Err(TokensError::KeyMissing(id)) if id == key);
        let before = world.store.inner_row(issued.record.id()).await;
        // More often than attempts, pace and allowance allow.
        for _ in 0..place.often(120, 20) {
            assert!(missing(lacking.accepts(policy, &issued).await));
            assert!(missing(lacking.redeem(policy, &issued).await));
            assert_eq!(lacking.log.missing_keys(), [key, key]);
        }
        assert!(before == world.store.inner_row(issued.record.id()).await);
        maker
            .accepts(policy, &issued)
            .await
            .expect("accepted by its maker");
    }
    assert_eq!(
        lacking.opens(&maker.seal()),
        Err(SealError::KeyMissing(key))
    );
}

/// Machines one step apart refuse nobody, and count nothing.
pub async fn machines_one_step_apart_refuse_nobody(place: Place) {
    for pair in STEPS.windows(2) {
        let world = World::before_retirement(place).await;
        if pair[1] == "dropped" {
            world.clock.advance(TimeDelta::days(31));
        }
        let machines = [world.machine(pair[0]), world.machine(pair[1])];
        let [one, other] = &machines;
        // Twice as many as the pace would allow if one of them counted.
        for (maker, decider, user) in [
            (one, one, other),
            (one, other, one),
            (one, other, other),
            (other, one, one),
            (other, one, other),
            (other, other, one),
        ]
        .repeat(4)
        {
            for policy in ALL {
                let issued = maker.issue(policy).await;
                decider.approve(policy, &issued).await.expect(pair[1]);
                user.redeem(policy, &issued).await.expect(pair[1]);
            }
            user.opens(&maker.seal()).expect(pair[1]);
        }
        assert!(one.is_content() && other.is_content(), "{pair:?}");
        // Past the retirement too, with the tokens of both keys.
        if pair[1] == "retired" {
            let both = [world.machine("added"), world.machine("moved")];
            for (maker, user) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                world.reach(retirement("retired") - TimeDelta::microseconds(1));
                for policy in ALL {
                    let issued = both[maker].issue(policy).await;
                    world.reach(retirement("retired") + TimeDelta::minutes(9));
                    machines[user].accepts(policy, &issued).await.unwrap();
                    world.reach(retirement("retired") - TimeDelta::microseconds(1));
                }
            }
        }
    }
}

/// What was made before the rotation is used at any later step but the last.
pub async fn tokens_live_until_the_last_step(place: Place) {
    let world = World::before_retirement(place).await;
    let maker = world.machine("before");
    for step in ["added", "moved", "retired"] {
        let user = world.machine(step);
        for policy in ALL {
            let issued = maker.issue(policy).await;
            user.accepts(policy, &issued).await.unwrap();
        }
        user.opens(&maker.seal()).unwrap();
    }
    let keys: Vec<_> = STEPS
        .map(|step| ring(step).sealing().map(|(id, _)| id.0))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(keys, [1, 1, 2, 2, 2]);
}

/// A key that moves first before it was added everywhere is an outage.
pub async fn key_moved_before_added_is_an_outage(place: Place) {
    let world = World::before_retirement(place).await;
    let (early, forgotten) = (world.machine("moved"), world.machine("before"));
    is_an_outage(place, &world, &early, &forgotten, KeyId(2)).await;
    // The other way round nothing is amiss, and adding it mends the rest.
    for policy in ALL {
        let issued = forgotten.issue(policy).await;
        early.accepts(policy, &issued).await.unwrap();
        let issued = early.issue(policy).await;
        let mended = world.machine("added");
        mended.accepts(policy, &issued).await.unwrap();
    }
}

/// A key that is dropped too early is an outage, until it is back.
pub async fn key_dropped_too_early_is_an_outage(place: Place) {
    let world = World::before_retirement(place).await;
    let (old, dropped) = (world.machine("moved"), world.machine("dropped"));
    let maker = world.machine("before");
    is_an_outage(place, &world, &maker, &dropped, KeyId(1)).await;
    let sealed = maker.seal();
    assert_eq!(old.opens(&sealed), Ok(()));
    // One row is enough to make a list an outage: it is never a shorter one.
    maker.issue(&BEARER).await;
    let listed = dropped.tokens.list(&BEARER, &alice()).await;
    assert!(matches!(listed, Err(TokensError::KeyMissing(KeyId(1)))));
}

/// A machine that is left at step one makes what the others refuse after the retirement.
pub async fn machine_left_behind_makes_refused_tokens(place: Place) {
    let world = World::before_retirement(place).await;
    world.reach(retirement("retired"));
    let (behind, ahead) = (world.machine("added"), world.machine("retired"));
    for policy in ALL {
        let issued = behind.issue(policy).await;
        let refused = ahead.accepts(policy, &issued).await;
        assert_eq!(reason(refused), Reason::KeyRetired);
    }
}

/// A record made with a stolen key: dated `issued_at`, alive for a century, its prompt approved.
async fn forge(world: &World, policy: &Policy, issued_at: DateTime<Utc>) -> Made {
    let (thief, owner) = (Issuer::new(ring("before")), alice());
    let forever = match policy == &RECOVERY {
        true => *policy,
        false => policy.lifetime(TimeDelta::days(36_500)),
    };
    let binding = Binding::subject(&owner);
    let options = IssueOptions::default();
    let made: Made = if policy == &PROMPT {
        let parked = thief.park(&forever, &binding, options, issued_at);
        parked.expect("randomness").into()
    } else {
        let issued = thief.issue(&forever, &binding, issued_at);
        issued.expect("randomness").into()
    };
    let record = core::slice::from_ref(&made.record);
    world.store.insert(record).await.expect("memory");
    if policy == &PROMPT {
        let number = made.record.stored().number;
        let verdict = Verdict::Approve { number };
        let decider = Decider::from(&owner);
        let decision = thief
            .decide(policy, &made.record, &decider, verdict, b"", issued_at)
            .expect("a key that made it");
        let decided = world
            .store
            .decide(made.record.id(), &decision, issued_at)
            .await;
        assert!(matches!(decided, Ok(token_store::Decided::Decided(_))));
    }
    made
}

/// When a retired key makes nothing of this policy any more, as the page says.
fn horizon(policy: &Policy) -> Option<DateTime<Utc>> {
    let lifetime = policy.token_lifetime()?;
    Some(retirement("retired") + lifetime + TimeDelta::minutes(2))
}

/// A retired key mints nothing after its horizon.
pub async fn retired_key_mints_nothing_past_its_horizon(place: Place) {
    let tick = TimeDelta::microseconds(1);
    let retired = retirement("retired");
    for policy in ALL {
        let world = World::at(place, retired).await;
        let machine = world.machine("retired");
        // Dated after the retirement it is worth nothing at any time.
        for date in [retired, retired + tick, retired + TimeDelta::days(1)] {
            world.reach(date);
            let forged = forge(&world, policy, date).await;
            assert_eq!(
                reason(machine.redeem(policy, &forged).await),
                Reason::KeyRetired
            );
        }
        // Dated back it is worth nothing once what was honestly made is dead.
        let Some(horizon) = horizon(policy) else {
            continue;
        };
        let late = [
            (horizon - tick, true),
            (horizon, false),
            (horizon + TimeDelta::days(1), false),
            (horizon + TimeDelta::days(9_000), false),
        ];
        let world = World::at(place, horizon - tick).await;
        let machine = world.machine("retired");
        for (now, alive) in late {
            world.reach(now);
            let forged = forge(&world, policy, retired - tick).await;
            let answer = machine.redeem(policy, &forged).await;
            if alive {
                // The page says "until then": the horizon is not earlier either.
                assert!(answer.is_ok(), "{answer:?}");
            } else {
                let why = reason(answer);
                assert_eq!(why, Reason::KeyRetired);
            }
        }
    }
}

/// What has no horizon counts until the old key is dropped.
pub async fn tokens_without_horizon_end_with_the_key(place: Place) {
    let retired = retirement("retired");
    let world = World::at(place, retired + TimeDelta::days(9_000)).await;
    let date = retired - TimeDelta::days(1);
    let planted = world.machine("before").seal();
    let [holding, dropped] = ["retired", "dropped"].map(|step| world.machine(step));
    let forged = forge(&world, &RECOVERY, date).await;
    assert!(holding.redeem(&RECOVERY, &forged).await.is_ok());
    assert_eq!(holding.opens(&planted), Ok(()));
    let forged = forge(&world, &RECOVERY, date).await;
    let answer = dropped.redeem(&RECOVERY, &forged).await;
    assert!(matches!(answer, Err(TokensError::KeyMissing(KeyId(1)))));
    assert_eq!(
        dropped.opens(&planted),
        Err(SealError::KeyMissing(KeyId(1)))
    );
}

/// After a leak, nothing that the old key made is accepted, whatever its date.
pub async fn leaked_key_makes_nothing_of_any_date(place: Place) {
    let leak = retirement("leaked");
    let tick = TimeDelta::microseconds(1);
    for policy in ALL {
        let world = World::at(place, leak - TimeDelta::seconds(1)).await;
        let honest = world.machine("before").issue(policy).await;
        let planted = world.machine("before").seal();
        world.reach(leak);
        let machine = world.machine_of(&text("leaked"), Some(leak));
        assert_eq!(
            reason(machine.accepts(policy, &honest).await),
            Reason::NotBefore
        );
        let dates = [
            (leak - TimeDelta::days(9_000), Reason::NotBefore),
            (leak - tick, Reason::NotBefore),
            (leak, Reason::KeyRetired),
            (leak + tick, Reason::KeyRetired),
        ];
        for (date, expected) in dates {
            let forged = forge(&world, policy, date).await;
            assert_eq!(reason(machine.redeem(policy, &forged).await), expected);
        }
        let since = machine.issue(policy).await;
        machine.accepts(policy, &since).await.unwrap();
        // Which is why the page drops the line if the database was within reach.
        assert_eq!(machine.opens(&planted), Ok(()));
        let strict = world.machine_of(&text("leaked-with-database"), Some(leak));
        assert_eq!(strict.opens(&planted), Err(SealError::KeyMissing(KeyId(1))));
        let since = machine.issue(policy).await;
        strict.accepts(policy, &since).await.unwrap();
    }
}

/// What a restored backup brings back is refused from `not_before` on.
pub async fn backup_tokens_end_at_not_before(place: Place) {
    let live = World::before_retirement(place).await;
    let moment = live.clock.now() + TimeDelta::minutes(1);
    let restored = World::at(place, moment).await;
    let unguarded = World::at(place, moment).await;
    let machine = live.machine("before");
    for policy in ALL {
        let used = machine.issue(policy).await;
        // The backup is made here; then the token is used, and the backup restored.
        let backup = live.store.inner_row(used.record.id()).await;
        machine.accepts(policy, &used).await.unwrap();
        let record = machine.tokens.issuer().open(policy, backup).unwrap();
        let batch = core::slice::from_ref(&record);
        restored.store.insert(batch).await.unwrap();
        let guarded = restored.machine_of(&text("before"), Some(moment));
        assert_eq!(
            reason(guarded.accepts(policy, &used).await),
            Reason::NotBefore
        );
        let since = guarded.issue(policy).await;
        guarded.accepts(policy, &since).await.unwrap();
        guarded.opens(&machine.seal()).unwrap();
        // Without it the token works a second time.
        unguarded.store.insert(batch).await.unwrap();
        let careless = unguarded.machine("before");
        careless.accepts(policy, &used).await.unwrap();
    }
}

/// A backup that is older than the drop needs the dropped key as a retired line.
pub async fn backup_older_than_the_drop_needs_the_key(place: Place) {
    let world = World::before_retirement(place).await;
    let maker = world.machine("before");
    let (sealed, date) = (maker.seal(), retirement("retired") - TimeDelta::days(1));
    world.clock.advance(TimeDelta::days(40));
    let now = world.clock.now();
    let dropped = world.machine_of(&text("dropped"), Some(now));
    assert_eq!(dropped.opens(&sealed), Err(SealError::KeyMissing(KeyId(1))));
    let back = world.machine_of(&text("retired"), Some(now));
    assert_eq!(back.opens(&sealed), Ok(()));
    for policy in ALL {
        let forged = forge(&world, policy, date).await;
        reason(back.redeem(policy, &forged).await);
    }
}

/// A lost ring is an outage under a new id, and looks forged under an old one.
pub async fn lost_ring_is_an_outage_or_looks_forged(place: Place) {
    let world = World::before_retirement(place).await;
    let (old, new) = (world.machine("before"), world.machine("lost"));
    is_an_outage(place, &world, &old, &new, KeyId(1)).await;
    for policy in ALL {
        let issued = new.issue(policy).await;
        new.accepts(policy, &issued).await.unwrap();
    }
    let mistaken = world.machine_of(&text("lost").replace("3 ", "1 "), None);
    for policy in ALL {
        let issued = old.issue(policy).await;
        let expected = match policy {
            policy if [&BEARER, &LINK, &PROMPT].contains(&policy) => Reason::TagForged,
            _ => Reason::Mismatch,
        };
        assert_eq!(reason(mistaken.accepts(policy, &issued).await), expected);
    }
    assert!(world.store.evaluated().await > 0);
    assert_eq!(mistaken.opens(&old.seal()), Err(SealError::Broken));
}

/// Limits do not notice a rotation.
pub async fn limits_do_not_notice_a_rotation(place: Place) {
    let world = World::before_retirement(place).await;
    let owner = alice();
    let mut evaluated = 0;
    // Four wrong guesses at each of five steps: the pace allows ten.
    for step in STEPS {
        let machine = world.machine(step);
        let issued = machine.issue(&CODE).await;
        let guess = wrong(&issued.token);
        for _ in 0..4 {
            let binding = Binding::subject(&owner);
            let redeem = machine
                .tokens
                .redeem(&CODE, &issued.handle, &binding, &guess);
            match redeem.await.map(drop) {
                Err(TokensError::Throttled { .. }) => {}
                refused => {
                    assert_eq!(reason(refused), Reason::Mismatch);
                    evaluated += 1;
                }
            }
        }
    }
    assert_eq!(evaluated, 10);
}

/// A seal is renewed in one step, and the old key can be dropped.
pub async fn seal_is_renewed_before_the_key_is_dropped(place: Place) {
    let world = World::before_retirement(place).await;
    let [before, added, moved, dropped] =
        ["before", "added", "moved", "dropped"].map(|step| world.machine(step));
    let old = before.seal();
    let row = StoredFactor {
        id: factor(),
        subject: alice(),
        provider: "totp".into(),
        label: String::new(),
        state: FactorState::Pending,
        sealed: old.clone(),
        last: None,
        created_at: world.clock.now(),
        used_at: None,
    };
    assert!(world.store.insert_factor(&row).await.unwrap());
    let now = world.clock.now();
    world
        .store
        .confirm(&factor(), Some(1), now)
        .await
        .expect("memory");
    assert!(!needs_renewal(added.keys(), &old));
    assert!(needs_renewal(moved.keys(), &old));
    // Two machines renew what both have read: the first one's seal stands.
    let [first, second] = [moved.seal(), moved.seal()];
    for (new, expected) in [(&first, true), (&second, false)] {
        let (old, new) = (old.clone(), new.clone());
        let change = FactorChange::Seal { old, new };
        let changed = world.store.update(&factor(), &change).await.unwrap();
        assert_eq!(changed, expected);
    }
    let stored = world.store.factors(&alice()).await.unwrap();
    let sealed = &stored.first().expect("a factor").sealed;
    assert!(*sealed == first);
    for machine in [&added, &moved, &dropped] {
        assert_eq!(machine.opens(sealed), Ok(()));
    }
    assert!(!needs_renewal(moved.keys(), sealed));
    // While machines differ, one may rewrite it back: still nobody is refused.
    assert!(needs_renewal(added.keys(), sealed));
    let back = added.seal();
    assert_eq!(moved.opens(&back), Ok(()));
}
