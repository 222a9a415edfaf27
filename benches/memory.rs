//! What the engine and the memory store add to the hash functions: redeems a second on two threads,
//! the keyed digest included, and the time of `TwoFactor::verify` above that of `Totp::verify`, with the parts of it that
//! can be called alone. A time is that of the median call, so that what else the machine runs does not count.
//!
//! `cargo bench -p benches --bench memory`

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

use core::{cell::Cell, hint::black_box};
use std::{sync::Arc, time::Instant};

use benches::{load, median};
use tokio::runtime::{Builder, Runtime};
use twofa_providers::{
    Attempt, EnrolDetails, Response, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
    token_store::{
        Advanced, Charge, Charged, ChargedFactors, Clock, FactorId, FactorStore, Guess,
        ManualClock, MemoryStore, Redeemed, TokenStore, Tokens,
        ott_core::{
            Binding, Destination, Issued, Issuer, KeyRing, Limit, LimitKey, LimitScope, Policy,
            Purpose, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
        seal::{self, SealedFor},
    },
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const RUNS: usize = 5;
const THREADS: usize = 2;
const TOKENS: usize = 100_000;
const STEPS: u32 = 20_000;
const BATCHES: u32 = 400;
/// Calls between two looks at the clock, where a call is short.
const BATCH: u32 = 50;
const FIGURES: [&str; 7] = [
    "TwoFactor::verify, ns",
    "Totp::verify, ns",
    "the engine above it, ns",
    "of which seal::open",
    "the keys of two limits",
    "ChargedFactors::look",
    "ChargedFactors::advance_charged",
];

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_010, 0).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

struct Flow {
    subject: Subject,
    address: Destination,
    issued: Issued,
}

/// Redeems a second: each digested under the key, then redeemed.
fn redeems() -> f64 {
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let store = MemoryStore::new();
    let shares: Vec<Vec<Flow>> = (0..THREADS)
        .map(|thread| {
            let flows = (0..TOKENS).map(|number| {
                let subject = Subject::new("example", format!("{thread}-{number}")).unwrap();
                let address = Destination::email(format!("{number}@example.org")).unwrap();
                let binding = Binding::subject(&subject).destination(&address).epoch(1);
                let issued = issuer.issue(&CODE, &binding, start()).unwrap();
                runtime_insert(&store, &issued);
                Flow {
                    subject,
                    address,
                    issued,
                }
            });
            flows.collect()
        })
        .collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for share in &shares {
            scope.spawn(|| runtime().block_on(redeem_all(&issuer, &store, share)));
        }
    });
    (THREADS * TOKENS) as f64 / began.elapsed().as_secs_f64()
}

fn runtime_insert(store: &MemoryStore, issued: &Issued) {
    thread_local!(static RUNTIME: Runtime = runtime());
    let batch = core::slice::from_ref(&issued.record);
    RUNTIME
        .with(|runtime| runtime.block_on(store.insert(batch)))
        .unwrap();
}

async fn redeem_all(issuer: &Issuer, store: &MemoryStore, share: &[Flow]) {
    for Flow {
        subject,
        address,
        issued,
    } in share
    {
        let binding = Binding::subject(subject).destination(address).epoch(1);
        let handle = &issued.handle;
        let typed = issued.token.expose_secret();
        let presented = issuer
            .present_by_handle(&CODE, handle, &binding, typed, start())
            .unwrap();
        let told = store.redeem(&presented, start()).await.unwrap();
        assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
    }
}

/// Nanoseconds of a verification that succeeds: by the engine, and by the algorithm alone; then those of the parts.
async fn verifications() -> [f64; 7] {
    let keys = KeyRing::generate().unwrap();
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(start()));
    let tokens = Tokens::builder_shared(keys.clone(), Arc::clone(&store))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .build()
        .unwrap();
    let engine = TwoFactor::builder(tokens.shared(), store.clone())
        .provider(TotpProvider::new("Example").unwrap())
        .build()
        .unwrap();
    let alice = Subject::new("", "4711").unwrap();
    let details = EnrolDetails::new(&alice, "alice");
    let enrolled = engine.enrol("totp", &details, "phone", None).await.unwrap();
    let shown = enrolled.provisioning.unwrap();
    let (totp, secret) = (
        Totp::default(),
        Secret::from_base32(shown.base32.expose_secret()).unwrap(),
    );
    let second = |now: DateTime<Utc>| u64::try_from(now.timestamp()).unwrap();
    let codes: Vec<_> = (0..=STEPS)
        .map(|step| totp.generate(&secret, second(start()) + u64::from(step) * 30))
        .collect();
    let mut codes = codes.iter();
    let attempt = Attempt::new(&alice, "totp").factor(enrolled.factor);
    let first = Response::typed(codes.next().unwrap().expose_secret());
    let _ = engine.confirm(&attempt, &first).await.unwrap();
    let (mut engine_times, mut pure_times) = (Vec::new(), Vec::new());
    for code in codes {
        clock.advance(TimeDelta::seconds(30));
        let now = second(clock.now());
        let began = Instant::now();
        let pure = totp.verify(
            black_box(&secret),
            code.expose_secret(),
            now,
            Some(now / 30 - 1),
        );
        pure_times.push(began.elapsed().as_nanos() as f64);
        assert!(pure.is_ok());
        let response = Response::typed(code.expose_secret());
        let began = Instant::now();
        let verified = engine.verify(&attempt, &response).await;
        engine_times.push(began.elapsed().as_nanos() as f64);
        assert!(verified.is_ok());
    }
    let ([with, without], parts) = (
        [engine_times, pure_times].map(|times| median(&times).0),
        parts(&keys, &store, &alice, enrolled.factor, clock.now()).await,
    );
    let [open, hash, look, step] = parts;
    [with, without, with - without, open, hash, look, step]
}

/// What a verification does once each, alone, over the factor that was verified.
async fn parts(
    keys: &KeyRing,
    store: &MemoryStore,
    alice: &Subject,
    factor: FactorId,
    now: DateTime<Utc>,
) -> [f64; 4] {
    let stored = store.factors(alice).await.unwrap().remove(0);
    let context = SealedFor {
        owner: alice,
        item: *factor.as_bytes(),
        kind: &stored.provider,
    };
    let limits = || {
        let binding = Binding::subject(black_box(alice));
        [
            LimitKey::new(LimitScope::Engine, "pace", &binding),
            LimitKey::new(LimitScope::Policy, "allowance", &binding),
        ]
    };
    let [pace, allowance] = limits();
    let charge = |key, limit| Charge { key, limit };
    let ceiling = factor.failures_key();
    let charges = [
        charge(pace, Limit::PACE),
        charge(allowance, Limit::ALLOWANCE),
        charge(ceiling, Limit::CEILING),
    ];
    // Beyond every time step.
    let counter = Cell::new(u64::from(u32::MAX));
    let advance = async || {
        counter.set(counter.get() + 1);
        let guess = Guess {
            right: Some((factor, counter.get())),
            charges: &charges,
            cleared: &[ceiling],
        };
        store.advance_charged(guess, now).await.unwrap()
    };
    let told = advance().await;
    assert_eq!(told, Charged::Answered(Some(Advanced::Accepted)));
    [
        part(async || seal::open(keys, &context, black_box(&stored.sealed)).unwrap()).await,
        part(async || limits()).await,
        part(async || store.look(alice, &[pace, allowance]).await.unwrap()).await,
        part(advance).await,
    ]
}

/// Nanoseconds of a call.
async fn part<T>(call: impl AsyncFn() -> T) -> f64 {
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        let began = Instant::now();
        for _ in 0..BATCH {
            black_box(call().await);
        }
        times.push(began.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    median(&times).0
}

fn main() {
    println!("before: {}", load());
    let (mut rates, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        rates.push(redeems());
        runs.push(runtime().block_on(verifications()));
    }
    println!("after:  {}", load());
    println!("medians of {RUNS} runs (lowest to highest)");
    print("MemoryStore, redeems a second on two threads", &rates);
    for (number, name) in FIGURES.iter().enumerate() {
        let figures: Vec<_> = runs
            .iter()
            .filter_map(|run| run.get(number).copied())
            .collect();
        print(name, &figures);
    }
}

fn print(name: &str, figures: &[f64]) {
    let (middle, [low, high]) = median(figures);
    println!("{name:>45}  {middle:9.0} ({low:9.0} to {high:9.0})");
}
