//! Very many clients.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use token_store::{Inserted, Redeemed, TokenStore};

use crate::fixture::{Fixture, LINK, at_once, now};

/// 10,000 clients on 1,000 tokens: each is redeemed exactly once.
pub(crate) async fn ten_thousand(fixture: &Fixture) {
    let mut presented = Vec::new();
    for _ in 0..10 {
        let batch: Vec<_> = (0..100).map(|_| fixture.issue(&LINK)).collect();
        presented.extend(batch.iter().map(|issued| fixture.right(&LINK, issued)));
        let records: Vec<_> = batch.into_iter().map(|issued| issued.record).collect();
        let inserted = fixture.store.insert(&records).await.expect("an answer");
        assert_eq!(inserted, Inserted::Done);
    }
    let tokens: Vec<_> = presented
        .into_iter()
        .map(|right| Arc::new((right, AtomicUsize::new(0))))
        .collect();
    let clients = tokens.iter().cycle().take(10_000).map(|token| {
        let (store, token) = (fixture.store.clone(), Arc::clone(token));
        async move {
            let (right, won) = &*token;
            if let Redeemed::Redeemed(_) = store.redeem(right, now()).await.expect("an answer") {
                won.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    at_once(clients).await;
    let once = |token: &&Arc<(_, AtomicUsize)>| token.1.load(Ordering::Relaxed) == 1;
    assert_eq!(tokens.iter().filter(once).count(), 1_000);
}
