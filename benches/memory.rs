//! What the engine and the memory store add to the hash functions: redeems a second on two threads,
//! the keyed digest included, and the time of `TwoFactor::verify` above that of `Totp::verify`.
//!
//! `cargo bench -p benches --bench memory`

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

use core::hint::black_box;
use std::{sync::Arc, time::Instant};

use benches::{load, median};
use tokio::runtime::{Builder, Runtime};
use twofa_providers::{
    Attempt, EnrolDetails, Response, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
    token_store::{
        Clock, ManualClock, MemoryStore, Redeemed, TokenStore, Tokens,
        ott_core::{
            Binding, Destination, Issued, Issuer, KeyRing, Policy, Purpose, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const RUNS: usize = 5;
const THREADS: usize = 2;
const TOKENS: usize = 100_000;
const STEPS: u32 = 20_000;

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

/// Nanoseconds of a verification that succeeds: by the engine, and by the algorithm alone.
async fn verifications() -> [f64; 2] {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(start()));
    let tokens = Tokens::builder_shared(KeyRing::generate().unwrap(), Arc::clone(&store))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .build()
        .unwrap();
    let engine = TwoFactor::builder(tokens.shared(), store)
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
    let (mut engine_time, mut pure_time) = (0_f64, 0_f64);
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
        pure_time += began.elapsed().as_nanos() as f64;
        assert!(pure.is_ok());
        let response = Response::typed(code.expose_secret());
        let began = Instant::now();
        let verified = engine.verify(&attempt, &response).await;
        engine_time += began.elapsed().as_nanos() as f64;
        assert!(verified.is_ok());
    }
    [engine_time / f64::from(STEPS), pure_time / f64::from(STEPS)]
}

fn main() {
    println!("before: {}", load());
    let mut rates = Vec::new();
    let (mut engine, mut pure, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        rates.push(redeems());
        let [with, without] = runtime().block_on(verifications());
        engine.push(with);
        pure.push(without);
        above.push(with - without);
    }
    println!("after:  {}", load());
    println!("medians of {RUNS} runs (lowest to highest)");
    print("MemoryStore, redeems a second on two threads", &rates);
    print("TwoFactor::verify, ns", &engine);
    print("Totp::verify, ns", &pure);
    print("the engine above it, ns", &above);
}

fn print(name: &str, figures: &[f64]) {
    let (middle, [low, high]) = median(figures);
    println!("{name:>45}  {middle:9.0} ({low:9.0} to {high:9.0})");
}
