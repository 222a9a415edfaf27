//! The waiting side polls, or keeps a request open: neither costs anything.

use core::time::Duration;

use tokio::time::timeout;
use twofa_providers::{
    Approver, Attempt, PromptStatus, Response,
    token_store::ott_core::{Handle, Reason},
};

use crate::{
    Place, alice,
    asking::PROMPT,
    key_1,
    world::{Plan, World, reason},
};

/// A poll reads one row: it spends nothing, writes nothing and is no event, before the decision and after it.
pub async fn polls_cost_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    for stands in [PromptStatus::Waiting, PromptStatus::Approved] {
        let before = world.store.inner_row(&waiting.id).await;
        let (_, _) = (world.log.drain(), world.store.asked());
        let polls = place.often(1_000, 50);
        for _ in 0..polls {
            assert_eq!(world.status(&alice, &waiting).await, Some(stands));
        }
        assert_eq!(world.store.asked(), vec!["find"; polls]);
        assert_eq!(world.log.drain(), []);
        assert_eq!(world.store.inner_row(&waiting.id).await, before);
        if stands == PromptStatus::Waiting {
            let _ = world.approve(&alice, &waiting).await.unwrap();
        }
    }
    assert!(world.go_on(&alice, phone, &waiting).await.is_ok());
}

/// A request that is kept open ends with the decision: at once where it is made here, with the next look where another
/// process made it, and with its own patience where nobody decides.
pub async fn open_request_ends_with_the_decision(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let plan = Plan {
        prompts: Some(PROMPT),
        ..Plan::default()
    };
    let elsewhere = world.beside_planned(key_1(), &plan);
    let waiting = world.ask(&alice, phone).await;
    let prompts = world.prompts();
    let (mut looks, handle) = (0, &waiting.handle);
    let patience = prompts.settled(&alice, handle, || {
        looks += 1;
        core::future::ready(looks < 3)
    });
    assert_eq!(patience.await.unwrap(), Some(PromptStatus::Waiting));
    assert_eq!(looks, 3);

    // No pause of this one ends: the decision does.
    let forever = prompts.settled(&alice, handle, core::future::pending::<bool>);
    // Whoever is not woken fails here, and does not hang.
    let forever = timeout(Duration::from_secs(60), forever);
    let (settled, approved) = tokio::join!(forever, world.approve(&alice, &waiting));
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    assert_eq!(settled.unwrap().unwrap(), Some(PromptStatus::Approved));

    let waiting = world.ask(&alice, phone).await;
    let mut looks = 0;
    let settled = prompts.settled(&alice, &waiting.handle, || {
        looks += 1;
        async {
            let by = Approver::new(&alice).device(phone);
            let _ = elsewhere.prompts().deny(&by, &waiting.id).await;
            true
        }
    });
    assert_eq!(settled.await.unwrap(), Some(PromptStatus::Denied));
    assert_eq!(looks, 1);
    let nobody = Handle::parse(&"0".repeat(64)).unwrap();
    let settled = prompts.settled(&alice, &nobody, core::future::pending::<bool>);
    assert_eq!(settled.await.unwrap(), None);
}

/// Whoever makes up handles, or polls and goes on with them, uses up nothing of the owner's, nor of the network
/// that they share. `requests` shows the same where an answer could be guessed.
pub async fn made_up_handle_costs_the_owner_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    // More than a network has.
    for made_up in 0..place.often(1_000, 70) {
        let handle = Handle::parse(&format!("{made_up:064x}")).unwrap();
        let status = world.prompts().status(&alice, &handle).await;
        assert_eq!(status.unwrap(), None);
        let attempt = Attempt::new(&alice, "prompt").factor(phone);
        let attempt = attempt.network([192, 0, 2, 1].into()).handle(&handle);
        let proved = world.engine.verify(&attempt, &Response::nothing()).await;
        assert_eq!(reason(proved), Reason::Unknown);
    }
    let _ = world.prompt_proof(&alice, phone).await;
}

/// Who waits with an open request hears of a report of another prompt at once.
pub async fn open_request_ends_with_a_report_of_another(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let (other, waiting) = (
        world.ask(&alice, phone).await,
        world.ask(&alice, phone).await,
    );
    let (prompts, by) = (world.prompts(), Approver::new(&alice).device(phone));
    let forever = prompts.settled(&alice, &waiting.handle, core::future::pending::<bool>);
    // Whoever is not woken fails here, and does not hang.
    let forever = timeout(Duration::from_secs(20), forever);
    let (settled, reported) = tokio::join!(forever, prompts.report(&by, &other.id));
    assert_eq!(reported.unwrap(), PromptStatus::Denied);
    assert_eq!(settled.unwrap().unwrap(), Some(PromptStatus::Over));
}
