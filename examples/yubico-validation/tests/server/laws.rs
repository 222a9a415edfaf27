//! The provider that asks a validation server keeps the laws of providers, over our server.

use core::sync::atomic::{AtomicU8, Ordering};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use async_trait::async_trait;
use testing::key_1;
use twofa_providers::{
    Attempt, EnrolDetails, Fresh, Response, TwoFactor, TwoFactorBuilder, TwoFactorError,
    conformance::{Moment, Reply, Trial},
    oath_otp::yubico::{Key, Otp, Press, PublicId},
    token_store::{
        FactorId, MemoryStore, Tokens,
        ott_core::{Reason, Subject},
    },
    yubico::YubicoRemoteProvider,
};
use yubico_validation::Yubikey;

use crate::{
    client::{signing, url},
    http::in_memory,
    support::Running,
};

/// Keys that a server knows, and how often each was pressed.
#[derive(Default)]
struct Remote {
    server: OnceLock<Running>,
    keys: Mutex<HashMap<FactorId, u8>>,
    made: AtomicU8,
    pressed: AtomicU8,
}

/// Every key that a law may need.
const KEYS: u8 = 8;

impl Remote {
    fn press(&self, number: u8) -> Otp {
        let uses = self.pressed.fetch_add(1, Ordering::SeqCst);
        let key = Key::from_bytes(&[number; 6], &[number; 16]);
        let press = Press {
            session: 1,
            uses,
            timestamp: 7,
            random: 7,
        };
        key.generate(PublicId::from_bytes(&[number; 6]).expect("short"), &press)
    }

    fn typed(&self, number: u8) -> String {
        self.press(number).to_modhex().expose_secret().to_owned()
    }
}

/// A server with all keys.
fn started() -> Running {
    let made = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let validation = in_memory().await;
            for number in 0..KEYS {
                let id = PublicId::from_bytes(&[number; 6])
                    .expect("short")
                    .to_string();
                let hex = |count| format!("{number:02x}").repeat(count);
                let key = Yubikey::new(&id, &hex(6), &hex(16));
                assert!(validation.add_key(&key).await.expect("added"));
            }
            validation
        })
    });
    Running::new(made.join().expect("no panic"))
}

#[async_trait]
impl Trial for Remote {
    fn id(&self) -> String {
        "yubico-remote".into()
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        let server = self.server.get_or_init(started);
        let client = signing(1).server(&url(server)).build().expect("a client");
        engine.provider(YubicoRemoteProvider::new(client))
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) % KEYS;
        let brought = self.typed(number);
        let details = EnrolDetails::new(subject, "account").brought(&brought);
        let enrolled = engine.enrol("yubico-remote", &details, "mine", fresh).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(subject, "yubico-remote").factor(factor);
        let typed = self.typed(number);
        let confirmed = engine.confirm(&attempt, &Response::typed(&typed)).await;
        let _ = confirmed.expect("confirmed");
        self.keys.lock().expect("no panic").insert(factor, number);
        Some(factor)
    }

    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        let number = self.keys.lock().expect("no panic")[&moment.factor.expect("a factor")];
        Reply::Code(self.typed(number))
    }
}

twofa_providers::provider_laws!(Remote::default());

/// A key is enrolled by an OTP that somebody typed: what is none is refused, and an application that brings none is at
/// fault.
#[tokio::test]
async fn enrolment_takes_an_otp_of_the_key() {
    let remote = Remote::default();
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).build();
    let tokens = tokens.expect("it fits").shared();
    let engine = remote.build(&tokens, TwoFactor::builder(Arc::clone(&tokens), store));
    let engine = engine.build().expect("a guess bound below the highest");
    let alice = Subject::new("", "alice").expect("a name");
    let details = EnrolDetails::new(&alice, "account");
    let without_id = remote.typed(1).split_off(12);
    for brought in ["", "123456", "vvccccccccbb", &without_id] {
        let details = details.brought(brought);
        let enrolled = engine.enrol("yubico-remote", &details, "mine", None).await;
        let Err(TwoFactorError::Rejected(rejected)) = enrolled else {
            panic!("{brought}: {enrolled:?}");
        };
        assert_eq!(rejected.reason(), Reason::Malformed);
    }
    let enrolled = engine.enrol("yubico-remote", &details, "mine", None).await;
    assert!(matches!(enrolled, Err(TwoFactorError::Misuse(_))));
    // A server that is down is an outage, and the factor waits.
    let brought = remote.typed(1);
    let details = details.brought(&brought);
    let enrolled = engine.enrol("yubico-remote", &details, "mine", None).await;
    let attempt = Attempt::new(&alice, "yubico-remote").factor(enrolled.expect("enrolled").factor);
    drop(remote.server.into_inner());
    let confirmed = engine.confirm(&attempt, &Response::typed(&brought)).await;
    assert!(
        matches!(confirmed, Err(TwoFactorError::Unavailable(_))),
        "{confirmed:?}"
    );
}
