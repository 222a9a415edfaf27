//! The work of a request, one function at a time.
//!
//! `cargo bench -p benches --bench hot_path [-- FILTER]`

#![expect(clippy::unwrap_used, reason = "a bench ends where it cannot measure")]

use core::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use token_store_sqlx::{
    SqliteStore,
    token_store::{
        MemoryStore, TokenStore,
        ott_core::{
            Binding, Issued, Issuer, KeyRing, Policy, Presented, Purpose, Subject,
            chrono::{DateTime, Utc},
        },
    },
};
use tokio::runtime::{Builder, Runtime};
use twofa_providers::oath_otp::{Account, Algorithm, Hotp, Label, Reach, Secret, Totp, Window};

const NOW: u64 = 1_700_000_000;
const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const LINK: Policy = Policy::link(Purpose::new("link"));
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).unwrap()
}

fn codes(criterion: &mut Criterion) {
    let secret = Secret::from_base32(BASE32).unwrap();
    let hashes = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    for algorithm in hashes {
        let mut group = criterion.benchmark_group(algorithm.name());
        let window = Window {
            past: Reach::ONE,
            future: Reach::ONE,
        };
        let totp = Totp {
            algorithm,
            window,
            ..Totp::default()
        };
        let hotp = Hotp {
            algorithm,
            ..Hotp::default()
        };
        group.bench_function("HOTP generate", |bench| {
            bench.iter(|| hotp.generate(&secret, black_box(7)));
        });
        group.bench_function("TOTP generate", |bench| {
            bench.iter(|| totp.generate(&secret, black_box(NOW)));
        });
        let present = totp.generate(&secret, NOW);
        let edge = totp.generate(&secret, NOW - 30);
        let far = totp.generate(&secret, NOW + 3_000);
        let cases = [
            ("hit now", present),
            ("hit at the window's edge", edge),
            ("miss", far),
        ];
        for (name, code) in cases {
            group.bench_function(format!("TOTP verify, {name}"), |bench| {
                bench.iter(|| totp.verify(&secret, black_box(code.expose_secret()), NOW, None));
            });
        }
        // One counter of look-ahead.
        let cases = [("hit", 8), ("hit at the edge", 9), ("miss", 1_000)];
        for (name, counter) in cases {
            let code = hotp.generate(&secret, counter);
            group.bench_function(format!("HOTP verify, {name}"), |bench| {
                bench.iter(|| hotp.verify(&secret, black_box(code.expose_secret()), Some(7)));
            });
        }
        group.finish();
    }
}

fn texts(criterion: &mut Criterion) {
    let secret = Secret::from_base32(BASE32).unwrap();
    let label = Label::new("Example", "alice@example.org").unwrap();
    let uri = Totp::default().to_uri(&secret, &label).unwrap();
    criterion.bench_function("secret from base32", |bench| {
        bench.iter(|| Secret::from_base32(black_box(BASE32)));
    });
    criterion.bench_function("otpauth parse", |bench| {
        bench.iter(|| Account::from_uri(black_box(uri.expose_secret())));
    });
    criterion.bench_function("otpauth build", |bench| {
        bench.iter(|| Totp::default().to_uri(&secret, black_box(&label)));
    });
}

fn tokens(criterion: &mut Criterion) {
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let alice = Subject::new("example", "4711").unwrap();
    let binding = Binding::subject(&alice).epoch(1);
    criterion.bench_function("token issue", |bench| {
        bench.iter(|| issuer.issue(&CODE, black_box(&binding), now()));
    });
    let issued = issuer.issue(&CODE, &binding, now()).unwrap();
    let handle = &issued.handle;
    criterion.bench_function("token present", |bench| {
        let typed = issued.token.expose_secret();
        bench.iter(|| issuer.present_by_handle(&CODE, handle, &binding, black_box(typed), now()));
    });

    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    redeem(
        criterion,
        &runtime,
        &issuer,
        "redeem over MemoryStore",
        &MemoryStore::new(),
    );
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("tokens.db");
    let store = runtime.block_on(SqliteStore::open(path)).unwrap();
    redeem(
        criterion,
        &runtime,
        &issuer,
        "redeem over SqliteStore",
        &store,
    );
}

fn redeem(
    criterion: &mut Criterion,
    runtime: &Runtime,
    issuer: &Issuer,
    name: &str,
    store: &impl TokenStore,
) {
    let new = || -> Presented {
        let issued: Issued = issuer.issue(&LINK, &Binding::tenant(""), now()).unwrap();
        runtime
            .block_on(store.insert(core::slice::from_ref(&issued.record)))
            .unwrap();
        let typed = issued.token.expose_secret();
        issuer.present_by_itself(&LINK, "", typed, now()).unwrap()
    };
    criterion.bench_function(name, |bench| {
        bench.iter_batched(
            new,
            |presented| runtime.block_on(store.redeem(&presented, now())).unwrap(),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(hot_path, codes, texts, tokens);
criterion_main!(hot_path);
