//! The loop of the crate's page: bounded batches, everything that is dead, nothing that lives.

use token_store::{
    Tokens,
    ott_core::{Binding, IssueOptions, Policy, Purpose, chrono::TimeDelta},
};

use crate::{Bench, Place, alice};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));

/// As the crate's page has it, in smaller batches. Says how much each removed.
async fn sweep(tokens: &Tokens<impl token_store::TokenStore>) -> Vec<u64> {
    const AT_ONCE: u32 = 20;
    let now = tokens.now();
    let before = now.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(now);
    let mut removed = Vec::new();
    while let Ok(batch) = tokens.purge(before, AT_ONCE).await {
        removed.push(batch);
        if batch < u64::from(AT_ONCE) {
            break;
        }
    }
    removed
}

/// A sweep removes what is dead in batches, and nothing that lives.
pub async fn sweep_takes_the_dead_in_batches(place: Place) {
    let bench = Bench::new(place, &[&CODE, &RECOVERY]).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for _ in 0..50 {
        tokens.issue(&CODE, &binding).await.unwrap();
    }
    let sheet = tokens
        .issue_opts(
            &RECOVERY,
            &binding,
            IssueOptions {
                count: 10,
                ..IssueOptions::default()
            },
        )
        .await
        .unwrap();
    bench.pass(TimeDelta::hours(2));
    let live = tokens.issue(&CODE, &binding).await.unwrap();

    // An outage ends the sweep, tells so, and removes nothing.
    bench.store.fail("purge");
    assert_eq!(sweep(tokens).await, [0; 0]);
    assert!(bench.log.store_failed_at("purge"));
    bench.store.recover();
    assert_eq!(sweep(tokens).await, [20, 20, 10]);
    assert_eq!(sweep(tokens).await, [0]);

    let listed = tokens.list(&RECOVERY, &alice).await.unwrap();
    assert_eq!(listed.len(), sheet.len());
    let typed = live.token.expose_secret();
    let redeemed = tokens.redeem(&CODE, &live.handle, &binding, typed).await;
    assert!(redeemed.is_ok(), "{redeemed:?}");
}
