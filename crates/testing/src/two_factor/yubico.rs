//! Yubikeys: what has no end is accepted once, and only forward.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Existing, HotpProvider, Import, Imported, Limits, Proof, Provider, Response,
    TwoFactor, TwoFactorError,
    oath_otp::{
        Hotp, Secret,
        yubico::{Key, Press, PublicId},
    },
    token_store::{
        FactorId, FactorStore as _,
        ott_core::{
            Limit, Reason, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
    yubico::YubicoProvider,
};

use crate::{
    Place, alice, subject,
    world::{Plan, World, reason},
};

/// A Yubikey in software.
struct Yubikey {
    id: PublicId,
    key: Key,
}

impl Yubikey {
    fn new(number: u8) -> Self {
        Self {
            id: PublicId::from_bytes(&[number; 6]).expect("short"),
            key: Key::from_bytes(&[number; 6], &[number; 16]),
        }
    }

    fn press(&self, session: u16, uses: u8) -> String {
        let (timestamp, random) = (7, 42);
        let press = Press {
            session,
            uses,
            timestamp,
            random,
        };
        let otp = self.key.generate(self.id, &press).to_modhex();
        otp.expose_secret().to_owned()
    }
}

/// An engine with one provider over a world. The limits refuse nobody: the counter alone decides.
pub(super) struct Keys {
    pub(super) world: World,
    pub(super) engine: TwoFactor,
    pub(super) provider: &'static str,
}

impl Keys {
    pub(super) async fn new(
        place: Place,
        provider: impl Provider + 'static,
        name: &'static str,
    ) -> Self {
        let plan = Plan {
            allowance: Some(Limit::allowance(90, TimeDelta::days(1))),
            ..Plan::default()
        };
        let world = World::planned(place, &plan).await;
        let engine = engine(&world, provider);
        Self {
            world,
            engine,
            provider: name,
        }
    }

    async fn yubico(place: Place) -> Self {
        Self::new(place, YubicoProvider::new(), "yubico").await
    }

    pub(super) async fn import(
        &self,
        owner: &Subject,
        existing: Existing<'_>,
        last: Option<u64>,
    ) -> FactorId {
        let there = self.engine.factors(owner).await.expect("it answers").len();
        let name = there.to_string();
        let import = Import::new(owner, &name, "key", existing);
        let import = last.map_or(import, |last| import.last(last));
        match self.engine.import(self.provider, &import).await {
            Ok(Imported::New(factor)) => factor,
            other => panic!("{other:?}"),
        }
    }

    async fn give(&self, owner: &Subject, key: &Yubikey) -> FactorId {
        self.import(owner, Existing::Yubico(&key.id, &key.key), None)
            .await
    }

    pub(super) async fn verify(
        &self,
        owner: &Subject,
        typed: &str,
    ) -> Result<Proof, TwoFactorError> {
        // Time refills the tries; no key's counter depends on it.
        self.world.pass(TimeDelta::days(1));
        let attempt = Attempt::new(owner, self.provider);
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    async fn refused(&self, owner: &Subject, typed: &str) -> Reason {
        reason(self.verify(owner, typed).await)
    }
}

fn engine(world: &World, provider: impl Provider + 'static) -> TwoFactor {
    let factors = Arc::clone(&world.store) as Arc<_>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors).provider(provider);
    let limits = Limits {
        pace: Limit::pace(10_000, TimeDelta::minutes(6)),
        ceiling: Limit::ceiling(10_000),
        ..Limits::default()
    };
    engine
        .limits(limits)
        .build()
        .expect("a guess bound below the highest")
}

/// Of fifty at once with one OTP, one is verified.
pub async fn yubikey_otps_at_once_have_one_winner(place: Place) {
    let (keys, key, owner) = (
        Arc::new(Keys::yubico(place).await),
        Yubikey::new(1),
        alice(),
    );
    keys.give(&owner, &key).await;
    for round in 0..place.often(20, 2) {
        keys.world.pass(TimeDelta::days(70));
        let otp = key.press(1, u8::try_from(round).expect("few"));
        let barrier = Arc::new(Barrier::new(50));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (keys, otp, barrier) = (Arc::clone(&keys), otp.clone(), Arc::clone(&barrier));
            tasks.spawn(async move {
                barrier.wait().await;
                let owner = alice();
                let attempt = Attempt::new(&owner, "yubico");
                keys.engine.verify(&attempt, &Response::typed(&otp)).await
            });
        }
        let told = tasks.join_all().await;
        let won = told.iter().filter(|told| told.is_ok()).count();
        assert_eq!(won, 1, "round {round}: {told:?}");
    }
}

/// The use counter ends at 255, and the session counter at 65,535: a key that starts again from 0 is refused for good.
pub async fn yubikey_counters_go_forward_alone(place: Place) {
    let (keys, key, owner) = (Keys::yubico(place).await, Yubikey::new(1), alice());
    keys.give(&owner, &key).await;
    let forward = [
        (0, 0),
        (0, 1),
        (0, 255),
        (1, 0),
        (1, 255),
        (0x7fff, 255),
        (0x8000, 0),
        (0xffff, 0),
        (0xffff, 255),
    ];
    for (place, (session, uses)) in forward.into_iter().enumerate() {
        let otp = key.press(session, uses);
        assert!(keys.verify(&owner, &otp).await.is_ok(), "{session} {uses}");
        for (session, uses) in forward.into_iter().take(place + 1) {
            assert_eq!(
                keys.refused(&owner, &key.press(session, uses)).await,
                Reason::Spent
            );
        }
    }
    assert_eq!(keys.refused(&owner, &key.press(0, 0)).await, Reason::Spent);
    let stored = keys.world.store.factors(&owner).await.expect("it answers");
    assert_eq!(stored[0].last, Some(0xff_ffff));
}

/// Two keys of one person are pressed in turns, and each counts for itself.
pub async fn yubikeys_interleaved_count_for_themselves(place: Place) {
    let (keys, owner) = (Keys::yubico(place).await, alice());
    let both = [Yubikey::new(1), Yubikey::new(2)];
    let mut ids = Vec::new();
    for key in &both {
        ids.push(keys.give(&owner, key).await);
    }
    for (nth, session, uses) in [
        (0, 9, 0),
        (1, 1, 0),
        (0, 9, 1),
        (1, 1, 1),
        (1, 2, 0),
        (0, 10, 0),
    ] {
        let otp = both[nth].press(session, uses);
        let proof = keys.verify(&owner, &otp).await.expect("the right OTP");
        assert_eq!(proof.factor(), Some(ids[nth]));
        assert!(keys.verify(&owner, &otp).await.is_err());
    }
    assert!(keys.verify(&owner, &both[0].press(9, 255)).await.is_err());
}

/// An OTP is worth nothing for another person, and neither is a public id; and one OTP in another spelling is spent as
/// the same.
pub async fn yubikey_otp_is_good_for_its_own_alone(place: Place) {
    let (keys, alice, bob) = (Keys::yubico(place).await, alice(), subject("acme", "bob"));
    let (key, other) = (Yubikey::new(1), Yubikey::new(2));
    keys.give(&alice, &key).await;
    keys.give(&bob, &other).await;
    let otp = key.press(1, 1);
    // Free: no limit is spent for the OTP of another key.
    for _ in 0..20 {
        let attempt = Attempt::new(&bob, "yubico");
        let told = keys.engine.verify(&attempt, &Response::typed(&otp)).await;
        assert_eq!(reason(told), Reason::Malformed);
    }
    let block = otp.split_at(12).1;
    // The block of another key behind one's own public id.
    assert_eq!(
        keys.refused(&bob, &format!("{}{block}", other.id)).await,
        Reason::Mismatch
    );
    for typed in [
        key.id.to_string(),
        block.to_owned(),
        format!("{otp}="),
        format!("{otp}cc"),
        format!("{} {block}", key.id),
    ] {
        assert_eq!(
            keys.refused(&alice, &typed).await,
            Reason::Malformed,
            "{typed}"
        );
    }
    assert!(
        keys.verify(&alice, &format!(" {}\n", otp.to_uppercase()))
            .await
            .is_ok()
    );
    for typed in [otp.clone(), otp.to_uppercase(), format!("{otp}\r\n")] {
        assert_eq!(keys.refused(&alice, &typed).await, Reason::Spent);
    }
    assert!(keys.verify(&bob, &other.press(0, 0)).await.is_ok());
}

/// What a Yubikey shares with its server rests sealed, and is printed nowhere.
pub async fn yubikey_rests_sealed(place: Place) {
    let (keys, owner) = (Keys::yubico(place).await, alice());
    let key = Yubikey::new(0xa7);
    keys.give(&owner, &key).await;
    let row = keys
        .world
        .store
        .factors(&owner)
        .await
        .expect("it answers")
        .remove(0);
    let shared: [&[u8]; 3] = [
        key.key.expose_aes_key(),
        key.key.expose_private_id(),
        key.id.as_bytes(),
    ];
    for secret in shared {
        assert!(
            !row.sealed
                .windows(secret.len())
                .any(|window| window == secret)
        );
    }
    assert!(keys.verify(&owner, &key.press(1, 1)).await.is_ok());
    let told = format!(
        "{:?} {:?}",
        keys.engine.factors(&owner).await,
        keys.world.log
    );
    // Four hexadecimal digits stand in an id by chance.
    let bytes = "a7".repeat(6);
    assert!(
        !told.contains(&bytes) && !told.contains("167, 167") && !told.contains(&key.press(1, 1))
    );
}

/// A restored backup undoes what was spent since, and `not_before` refuses whatever may have gone back: Yubikeys and
/// tokens with a counter, until their owner enrols another one.
pub async fn backup_of_counters_ends_at_not_before(place: Place) {
    let (hotp, secret) = (Hotp::default(), Secret::from_bytes(&[3; 20]).expect("long"));
    let (owner, key) = (alice(), Yubikey::new(1));
    let codes = |counter| hotp.generate(&secret, counter).expose_secret().to_owned();
    for name in ["hotp", "yubico"] {
        let (spent, next) = match name {
            "hotp" => (codes(0), codes(1)),
            _ => (key.press(1, 1), key.press(1, 2)),
        };
        let give = async |keys: &Keys| match name {
            "hotp" => {
                keys.import(&owner, Existing::Hotp(&hotp, &secret), None)
                    .await
            }
            _ => keys.give(&owner, &key).await,
        };
        let world = async |not_before: Option<DateTime<Utc>>| {
            let time = not_before.unwrap_or(DateTime::UNIX_EPOCH);
            match name {
                "hotp" => Keys::new(place, HotpProvider::new(hotp).not_before(time), name).await,
                _ => Keys::new(place, YubicoProvider::new().not_before(time), name).await,
            }
        };
        let keys = world(None).await;
        give(&keys).await;
        let rows = keys.world.store.factors(&owner).await;
        let backup = rows.expect("it answers").remove(0);
        assert!(keys.verify(&owner, &spent).await.is_ok());
        assert!(keys.verify(&owner, &spent).await.is_err());
        let restore = keys.world.tokens.now();
        for guarded in [false, true] {
            let restored = world(guarded.then_some(restore)).await;
            let inserted = restored.world.store.insert_factor(&backup).await;
            assert!(inserted.expect("it answers"));
            restored.world.pass(restore - restored.world.tokens.now());
            if !guarded {
                // What is to be prevented.
                assert!(restored.verify(&owner, &spent).await.is_ok());
                continue;
            }
            for typed in [&spent, &next] {
                assert_eq!(restored.refused(&owner, typed).await, Reason::NotBefore);
            }
            // Whoever takes it over anew says what was spent last.
            give(&restored).await;
            assert!(restored.verify(&owner, &next).await.is_ok());
        }
    }
}
