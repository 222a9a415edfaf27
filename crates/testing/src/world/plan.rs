//! How a world is built: its store, its tokens, its engine and what is beside them.

use std::sync::Arc;

use twofa_providers::{
    CodeProvider, KnownDevices, Limits, Notices, Owner, Prompts, Proofs, RecoveryCodes,
    TotpProvider, TrustedDevices, TwoFactor,
    token_delivery::Outbox,
    token_store::{
        Clock, FactorStore, ManualClock, Tokens,
        ott_core::{KeyRing, Limit, Policy},
    },
};

use super::{DEVICE, EMAIL_CODE, NOT_ME, PARKED, RECOVERY, TRUSTED, World, counted::Counted};
use crate::{Log, Place, Watched, key_1, start};

/// What a world is made of beside its store.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The engine's.
    pub limits: Limits,
    /// The account's, where it is not the default.
    pub allowance: Option<Limit>,
    /// Whether it remembers devices.
    pub knows_devices: bool,
    /// Whether devices may be trusted.
    pub trusts_devices: bool,
    /// How owners are told, if they are.
    pub notices: Option<Notices>,
    /// Under which policy it asks on another device, if it does.
    pub prompts: Option<Policy>,
    /// Whether a prompt that names no device goes to each.
    pub every_device: bool,
    /// Whether a device has a key of its own.
    pub keys_only: bool,
    /// How many people approve what is asked of several, under the policy that comes last; nobody else's where none is
    /// said.
    pub several: Option<usize>,
    /// What the application issues beside it.
    pub policies: Vec<Policy>,
}

impl World {
    /// One in this place.
    pub async fn new(place: Place) -> Self {
        Self::with(place, Limits::default()).await
    }

    /// One with these limits.
    pub async fn with(place: Place, limits: Limits) -> Self {
        let plan = Plan {
            limits,
            ..Plan::default()
        };
        Self::planned(place, &plan).await
    }

    /// One that remembers devices.
    pub async fn knowing(place: Place, limits: Limits) -> Self {
        let plan = Plan {
            limits,
            knows_devices: true,
            ..Plan::default()
        };
        Self::planned(place, &plan).await
    }

    /// One that is built like this.
    pub async fn planned(place: Place, plan: &Plan) -> Self {
        let store = Arc::new(Watched::new(place).await);
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, plan)
    }

    /// Another process over the same store and clock.
    pub fn beside(&self, keys: KeyRing) -> Self {
        self.beside_planned(keys, &Plan::default())
    }

    /// Another process over the same store and clock, which remembers devices.
    pub fn beside_knowing(&self, keys: KeyRing) -> Self {
        let plan = Plan {
            knows_devices: true,
            ..Plan::default()
        };
        self.beside_planned(keys, &plan)
    }

    /// Another process over the same store and clock, built like this.
    pub fn beside_planned(&self, keys: KeyRing, plan: &Plan) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self::over(keys, store, clock, plan)
    }

    fn over(keys: KeyRing, store: Arc<Watched>, clock: Arc<ManualClock>, plan: &Plan) -> Self {
        let (log, outbox) = (Log::default(), Outbox::new(1_000));
        let mut builder = Tokens::builder_shared(keys, Arc::clone(&store))
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&TRUSTED)
            .policy(&NOT_ME)
            .policy(&PARKED)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(log.clone()));
        for policy in plan.policies.iter().chain(&plan.prompts) {
            builder = builder.policy(policy);
        }
        if let Some(allowance) = plan.allowance {
            builder = builder.allowance(allowance);
        }
        let tokens = builder.build().expect("policies that fit").shared();
        let evaluated = Arc::default();
        let email = CodeProvider::email(&EMAIL_CODE, Arc::new(outbox.clone())).expect("it sends");
        let totp = Counted {
            provider: TotpProvider::new("Example").expect("an issuer"),
            evaluated: Arc::clone(&evaluated),
        };
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let recovery =
            RecoveryCodes::new(&tokens, Arc::clone(&factors), &RECOVERY).expect("it fits");
        let devices = KnownDevices::new(&tokens, &DEVICE).expect("it fits");
        let known = plan.knows_devices.then_some(devices);
        let trusted = TrustedDevices::new(&tokens, &TRUSTED).expect("it fits");
        let trusted = plan.trusts_devices.then_some(trusted);
        let told = plan.notices.clone().map(|notices| {
            let owner = Owner::new(&tokens, Arc::clone(&factors), notices).expect("it fits");
            let mut owner = owner.recovery_codes(&recovery);
            if let Some(devices) = &known {
                owner = owner.known_devices(devices);
            }
            if let Some(devices) = &trusted {
                owner = owner.trusted_devices(devices);
            }
            owner
        });
        let mut engine = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(totp)
            .provider(email)
            .recovery_codes(&recovery)
            .limits(plan.limits);
        if let Some(devices) = &known {
            engine = engine.known_devices(devices);
        }
        if let Some(devices) = &trusted {
            engine = engine.trusted_devices(devices);
        }
        if let Some(owner) = &told {
            engine = engine.owner(owner);
        }
        let asks = plan.prompts.map(|policy| {
            let store = Arc::clone(&store) as Arc<dyn FactorStore>;
            let prompts = Prompts::new(&tokens, Arc::clone(&store), &policy)
                .or_else(|_| Prompts::accepting_no_number(&tokens, store, &policy));
            let push = Arc::new(outbox.clone());
            let prompts = prompts.map(|prompts| match plan.every_device {
                true => prompts.every_device(),
                false => prompts,
            });
            let prompts = prompts.map(|prompts| match plan.keys_only {
                true => prompts.keys_only(),
                false => prompts,
            });
            let prompts = prompts.and_then(|prompts| match (plan.several, plan.policies.last()) {
                (Some(needed), Some(policy)) => prompts.quorum(policy, needed),
                _ => Ok(prompts),
            });
            prompts
                .and_then(|prompts| prompts.push(push))
                .expect("it fits")
        });
        if let Some(prompts) = &asks {
            engine = engine.prompts(prompts);
        }
        let engine = engine.build().expect("a guess bound below the highest");
        Self {
            proofs: Proofs::new(&tokens, &PARKED).expect("it fits"),
            store,
            clock,
            log,
            outbox,
            tokens,
            engine,
            recovery,
            known,
            trusted,
            told,
            asks,
            evaluated,
        }
    }
}
