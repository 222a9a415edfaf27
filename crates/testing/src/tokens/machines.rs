//! The machines of docs/keys.md, each with the ring of its step, over one store.

use std::sync::Arc;

use token_store::{
    Clock as _, FactorId, ManualClock, Tokens, TokensError, events,
    ott_core::{
        Binding, Handle, Issued, KeyId, KeyRing, Parked, Policy, Purpose, Reason, Record, Verdict,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
    seal::{SealError, SealedFor, open, seal},
};

use crate::{KEY_1, KEY_2, Log, Place, Watched, alice, stated};

const PAGE: &str = include_str!("../../../../docs/keys.md");
const KEY_3: &str = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";

pub(super) const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
pub(super) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
pub(super) const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
pub(super) const BEARER: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
pub(super) const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
pub(super) const ALL: [&Policy; 5] = [&CODE, &RECOVERY, &LINK, &BEARER, &PROMPT];

pub(super) const STEPS: [&str; 5] = ["before", "added", "moved", "retired", "dropped"];
pub(super) const SECRET: &[u8] = b"12345678901234567890";

/// The ring that the page prints under this name, with keys in it.
pub(super) fn text(name: &str) -> String {
    let (_, rest) = PAGE
        .split_once(&format!("```ring {name}\n"))
        .expect("a ring of this name");
    let (ring, _) = rest.split_once("```").expect("an end");
    ring.replace("KEY-A", KEY_1)
        .replace("KEY-B", KEY_2)
        .replace("KEY-C", KEY_3)
}

pub(super) fn ring(name: &str) -> KeyRing {
    KeyRing::from_text(&text(name)).expect("a key ring")
}

/// The time at which the page's old key retires in this ring.
pub(super) fn retirement(name: &str) -> DateTime<Utc> {
    let text = text(name);
    let (_, time) = text.split_once(" retired ").expect("a retired key");
    time.trim().parse().expect("a time")
}

/// What all machines share: a store and the time.
pub(super) struct World {
    pub(super) store: Arc<Watched>,
    pub(super) clock: Arc<ManualClock>,
}

impl World {
    pub(super) async fn at(place: Place, now: DateTime<Utc>) -> Self {
        Self {
            store: Arc::new(Watched::new(place).await),
            clock: Arc::new(ManualClock::new(now)),
        }
    }

    /// A minute before the page's old key retires.
    pub(super) async fn before_retirement(place: Place) -> Self {
        Self::at(place, retirement("retired") - TimeDelta::minutes(1)).await
    }

    pub(super) fn machine(&self, name: &str) -> Machine {
        self.machine_of(&text(name), None)
    }

    pub(super) fn machine_of(&self, text: &str, not_before: Option<DateTime<Utc>>) -> Machine {
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
    pub(super) fn reach(&self, time: DateTime<Utc>) {
        self.clock.advance(time - self.clock.now());
    }
}

/// A token, or what is parked and has none.
pub(super) struct Made {
    pub(super) token: String,
    pub(super) handle: Handle,
    pub(super) record: Record,
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

pub(super) struct Machine {
    pub(super) tokens: Tokens<Watched>,
    pub(super) log: Log,
}

impl Machine {
    pub(super) fn keys(&self) -> &KeyRing {
        self.tokens.issuer().keys()
    }

    pub(super) async fn issue(&self, policy: &Policy) -> Made {
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
    pub(super) async fn approve(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
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
    pub(super) async fn redeem(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
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

    pub(super) async fn accepts(&self, policy: &Policy, issued: &Made) -> Result<(), TokensError> {
        self.approve(policy, issued).await?;
        self.redeem(policy, issued).await
    }

    pub(super) fn seal(&self) -> Vec<u8> {
        sealed_for(|context| seal(self.keys(), context, SECRET, &mut SysRng)).expect("sealed")
    }

    pub(super) fn opens(&self, sealed: &[u8]) -> Result<(), SealError> {
        let plain = sealed_for(|context| open(self.keys(), context, sealed))?;
        assert_eq!(&**plain, SECRET);
        Ok(())
    }

    /// Whether nothing but successes was told since the last call.
    pub(super) fn is_content(&self) -> bool {
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

pub(super) fn factor() -> FactorId {
    FactorId::from_bytes([7; 16])
}

pub(super) fn sealed_for<T>(act: impl FnOnce(&SealedFor<'_>) -> T) -> T {
    act(&SealedFor {
        owner: &alice(),
        item: *factor().as_bytes(),
        kind: "totp",
    })
}

pub(super) fn reason(result: Result<(), TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// Everything that `maker` made is an outage for `lacking`, which tells so and counts nothing; and
/// `maker` accepts it afterwards.
pub(super) async fn is_an_outage(
    place: Place,
    world: &World,
    maker: &Machine,
    lacking: &Machine,
    key: KeyId,
) {
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
