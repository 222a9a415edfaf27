//! Many at once: one winner, and no more guesses than the limits allow.

use std::sync::Arc;

use token_store::{
    TokensError,
    ott_core::{Binding, Handle, Policy, Purpose, chrono::TimeDelta},
};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{Bench, Place, alice, stated, subject, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery")).paced(None);
const AT_ONCE: usize = 64;

/// Runs it 64 times at once, and gives every answer.
async fn at_once<F, T>(make: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for task in 0..AT_ONCE {
        let (barrier, run) = (Arc::clone(&barrier), make(task));
        tasks.spawn(async move {
            barrier.wait().await;
            run.await
        });
    }
    tasks.join_all().await
}

/// Of 64 redeems of one token at once, one wins.
pub async fn redeems_at_once_have_one_winner(place: Place) {
    let bench = Bench::new(place, &[&CODE, &LINK, &RECOVERY]).await;
    for round in 0..place.often(100, 5) {
        let owner = alice();
        let binding = Binding::subject(&owner);
        let code = Arc::new(bench.tokens.issue(&CODE, &binding).await.unwrap());
        let link = Arc::new(bench.tokens.issue(&LINK, &binding).await.unwrap());
        let recovery = Arc::new(bench.tokens.issue(&RECOVERY, &binding).await.unwrap());
        let won = at_once(|task| {
            let tokens = Arc::clone(&bench.tokens);
            let (code, link, recovery) = (code.clone(), link.clone(), recovery.clone());
            async move {
                let owner = alice();
                let binding = Binding::subject(&owner);
                let typed = code.token.expose_secret();
                // Below the burst: here the record decides, not the limits.
                let by_id = task < 10
                    && tokens
                        .redeem(&CODE, &code.handle, &binding, typed)
                        .await
                        .is_ok();
                let link = link.token.expose_secret();
                let by_itself = tokens
                    .redeem_by_itself(&LINK, "acme", link, stated(&binding))
                    .await
                    .is_ok();
                let typed = recovery.token.expose_secret();
                let by_subject = tokens
                    .redeem_by_subject(&RECOVERY, &binding, typed)
                    .await
                    .is_ok();
                [by_id, by_itself, by_subject]
            }
        })
        .await;
        for kind in 0..3 {
            let winners = won.iter().filter(|won| won[kind]).count();
            assert_eq!(winners, 1, "round {round}, kind {kind}");
        }
        bench.pass(TimeDelta::days(10));
    }
}

/// Of 64 guesses at as many challenges at once, the burst is evaluated.
pub async fn guesses_at_once_are_the_burst(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    let mut evaluated = 0;
    for round in 0..place.often(50, 3) {
        let answers = at_once(|_| {
            let tokens = Arc::clone(&bench.tokens);
            async move {
                let owner = alice();
                let binding = Binding::subject(&owner);
                let issued = tokens.issue(&CODE, &binding).await.unwrap();
                let typed = wrong(issued.token.expose_secret());
                tokens.redeem(&CODE, &issued.handle, &binding, &typed).await
            }
        })
        .await;
        let throttled = answers
            .iter()
            .filter(|answer| matches!(answer, Err(TokensError::Throttled { .. })));
        assert_eq!(throttled.count(), AT_ONCE - 10, "round {round}");
        evaluated += 10;
        assert_eq!(bench.store.evaluated().await, evaluated, "round {round}");
        bench.pass(TimeDelta::days(10));
    }
}

/// A code and the link in the same mail are one record.
///
/// The link names the flow and holds the code, so that it is no second token: `FLOW.CODE` behind its
/// `#`. Whichever is used, both are spent in that step, over any store.
pub async fn code_and_link_of_one_mail_are_one_record(place: Place) {
    let bench = Bench::new(place, &[&CODE]).await;
    for round in 0..place.often(20, 5) {
        let owner = subject("", &round.to_string());
        let binding = Binding::subject(&owner);
        let issued = bench.tokens.issue(&CODE, &binding).await.unwrap();
        let typed = issued.token.expose_secret();
        let link = format!("{}.{typed}", *issued.handle.expose_secret());
        let (flow, code) = link.split_once('.').unwrap();
        let opened = [issued.handle.expose_secret().to_string(), flow.to_owned()];
        let told = at_once(|client| {
            let (tokens, owner) = (bench.tokens.clone(), owner.clone());
            let handle = Handle::parse(&opened[client % 2]).unwrap();
            let code = code.to_owned();
            async move {
                let binding = Binding::subject(&owner);
                tokens.redeem(&CODE, &handle, &binding, &code).await.is_ok()
            }
        })
        .await;
        assert_eq!(told.into_iter().filter(|redeemed| *redeemed).count(), 1);
    }
}
