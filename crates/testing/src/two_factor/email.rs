//! A code by e-mail: good for its own factor, occasion, subject, tenant, epoch and flow, once.

use twofa_providers::{
    Attempt, Proof, Response, TwoFactorError, masked,
    token_delivery::Sent,
    token_store::{
        FactorId,
        ott_core::{Channel, Destination, Handle, Reason, State, Subject},
    },
};

use crate::{
    Meanwhile, Place, alice, subject,
    world::{World, is_outage, reason},
    wrong,
};

const ADDRESS: &str = "alice@example.org";

async fn request(world: &World, attempt: Attempt<'_>) -> (Handle, String) {
    let requested = world.engine.request(&attempt).await.expect("sent");
    (requested.handle.expect("a flow"), world.sent())
}

async fn verify(world: &World, attempt: Attempt<'_>, typed: &str) -> Result<Proof, TwoFactorError> {
    world.engine.verify(&attempt, &Response::typed(typed)).await
}

fn of(owner: &Subject, factor: FactorId) -> Attempt<'_> {
    Attempt::new(owner, "email").factor(factor)
}

/// A code is sent to the stored address, and accepted once.
pub async fn mailed_code_is_accepted_once(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let attempt = Attempt::new(&alice, "email");
    let requested = world.engine.request(&attempt).await.unwrap();
    assert_eq!(requested.hint.as_deref(), Some("a…@example.org"));
    assert_eq!(
        world.outbox.last().unwrap().destination().address(),
        ADDRESS
    );
    let (handle, code) = (requested.handle.unwrap(), world.sent());
    let attempt = attempt.handle(&handle);
    assert_eq!(
        reason(verify(&world, attempt, &wrong(&code)).await),
        Reason::Mismatch
    );
    let verified = verify(&world, attempt, &format!(" {code} ")).await.unwrap();
    assert_eq!(
        (verified.subject(), verified.factor()),
        (&alice, Some(factor))
    );
    assert_eq!(verified.channel(), Some(Channel::Email));
    assert_eq!(reason(verify(&world, attempt, &code).await), Reason::Spent);
}

/// A factor says where its codes go, to its own subject's page, and a page shows it masked.
pub async fn factor_says_where_its_codes_go(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let mail = world.confirmed_email(&alice, ADDRESS, None).await;
    let goes_to = world.engine.goes_to(&alice, &mail).await.unwrap();
    let goes_to = goes_to.expect("a mailbox");
    assert_eq!(goes_to.address(), ADDRESS);
    assert_eq!(masked(&goes_to).as_deref(), Some("a…@example.org"));
    let phone = Destination::phone("+15550123456").unwrap();
    assert_eq!(masked(&phone).as_deref(), Some("…56"));
    let (bob, none) = (subject("acme", "bob"), FactorId::from_bytes([9; 16]));
    assert_eq!(
        reason(world.engine.goes_to(&bob, &mail).await),
        Reason::Unknown
    );
    assert_eq!(
        reason(world.engine.goes_to(&alice, &none).await),
        Reason::Unknown
    );
    let app = world.confirmed(&bob, None).await;
    assert_eq!(world.engine.goes_to(&bob, &app.factor).await.unwrap(), None);
}

/// A confirming code confirms, and nothing else.
pub async fn confirming_code_does_nothing_else(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let pending = world.enrol_email(&alice, ADDRESS, None).await;
    let attempt = of(&alice, pending);
    // Unnamed, it is none: no code for signing in is sent.
    let unnamed = Attempt::new(&alice, "email");
    assert_eq!(
        reason(world.engine.request(&unnamed).await),
        Reason::Unknown
    );
    let requested = world.engine.request(&attempt).await.unwrap();
    let (handle, confirming) = (requested.handle.unwrap(), world.sent());
    let in_flow = attempt.handle(&handle);
    assert_eq!(
        reason(verify(&world, in_flow, &confirming).await),
        Reason::Unknown
    );
    let confirmed = world
        .engine
        .confirm(&in_flow, &Response::typed(&confirming))
        .await;
    assert_eq!(confirmed.unwrap().factor(), Some(pending));
    assert_eq!(
        reason(verify(&world, in_flow, &confirming).await),
        Reason::Spent
    );
}

/// A code of the other occasion is refused.
pub async fn code_of_the_other_occasion_is_refused(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let first = world.confirmed_email(&alice, ADDRESS, None).await;
    let (sign_in, code) = request(&world, of(&alice, first)).await;
    let proof = verify(&world, of(&alice, first).handle(&sign_in), &code)
        .await
        .unwrap();
    let second = world.enrol_email(&alice, ADDRESS, Some(&proof)).await;
    // Asked for to sign in with the first, tried to confirm the second.
    let (sign_in, code) = request(&world, of(&alice, first)).await;
    let attempt = of(&alice, second).handle(&sign_in);
    let confirmed = world
        .engine
        .confirm(&attempt, &Response::typed(&code))
        .await;
    assert_eq!(reason(confirmed), Reason::Mismatch);
    // Asked for to confirm the second, tried to sign in with the first.
    let requested = world.engine.request(&of(&alice, second)).await.unwrap();
    let handle = requested.handle.unwrap();
    let confirming = world.sent();
    let attempt = of(&alice, first).handle(&handle);
    assert_eq!(
        reason(verify(&world, attempt, &confirming).await),
        Reason::Mismatch
    );
}

/// A second confirming code of the same factor signs nobody in.
pub async fn second_confirming_code_signs_nobody_in(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let factor = world.enrol_email(&alice, ADDRESS, None).await;
    let attempt = of(&alice, factor);
    let requested = world.engine.request(&attempt).await.unwrap();
    let (left_over, left_over_code) = (requested.handle.unwrap(), world.sent());
    let requested = world.engine.request(&attempt).await.unwrap();
    let (handle, code) = (requested.handle.unwrap(), world.sent());
    let confirmed = world
        .engine
        .confirm(&attempt.handle(&handle), &Response::typed(&code))
        .await;
    assert!(confirmed.is_ok());
    let signed_in = verify(&world, attempt.handle(&left_over), &left_over_code).await;
    assert_eq!(reason(signed_in), Reason::Mismatch);
}

/// A code is worth nothing for another factor, subject, tenant, epoch or flow.
pub async fn mailed_code_is_bound_in_every_part(place: Place) {
    let (alice, bob) = (alice(), subject("acme", "bob"));
    let elsewhere = subject("other", alice.id());
    for case in 0..7 {
        let world = World::new(place).await;
        let factor = world.confirmed_email(&alice, ADDRESS, None).await;
        let (handle, code) = request(&world, of(&alice, factor)).await;
        let proof = verify(&world, of(&alice, factor).handle(&handle), &code)
            .await
            .unwrap();
        let second = world.confirmed_email(&alice, ADDRESS, Some(&proof)).await;
        let of_bob = world.confirmed_email(&bob, ADDRESS, None).await;
        let of_other = world.confirmed_email(&elsewhere, ADDRESS, None).await;
        let mine = of(&alice, factor).epoch(3);
        let (handle, code) = request(&world, mine).await;
        let (other_flow, other_code) = request(&world, mine).await;
        let (attempt, expected) = match case {
            0 => (mine.handle(&handle), None),
            1 => (
                of(&alice, second).epoch(3).handle(&handle),
                Some(Reason::Mismatch),
            ),
            2 => (
                of(&bob, of_bob).epoch(3).handle(&handle),
                Some(Reason::Unknown),
            ),
            3 => (
                of(&elsewhere, of_other).epoch(3).handle(&handle),
                Some(Reason::Unknown),
            ),
            4 => (
                of(&alice, factor).epoch(4).handle(&handle),
                Some(Reason::Mismatch),
            ),
            5 => (of(&alice, factor).handle(&handle), Some(Reason::Mismatch)),
            _ if code == other_code => continue,
            _ => (mine.handle(&other_flow), Some(Reason::Mismatch)),
        };
        let verified = verify(&world, attempt, &code).await;
        match expected {
            None => assert!(verified.is_ok()),
            Some(expected) => assert_eq!(reason(verified), expected, "case {case}"),
        }
    }
    // Somebody else's factor is nobody's here.
    let world = World::new(place).await;
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let (handle, code) = request(&world, of(&alice, factor)).await;
    let stolen = of(&bob, factor).handle(&handle);
    assert_eq!(reason(verify(&world, stolen, &code).await), Reason::Unknown);
}

/// A resend voids the earlier code of its own flow, and no other.
pub async fn resend_voids_its_own_flow_alone(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let mine = of(&alice, factor);
    let (first, first_code) = request(&world, mine).await;
    let (other, other_code) = request(&world, mine).await;
    let (second, second_code) = request(&world, mine.handle(&first)).await;
    let earlier = verify(&world, mine.handle(&first), &first_code).await;
    assert_eq!(reason(earlier), Reason::Superseded);
    assert!(
        verify(&world, mine.handle(&second), &second_code)
            .await
            .is_ok()
    );
    assert!(
        verify(&world, mine.handle(&other), &other_code)
            .await
            .is_ok()
    );
}

/// A code without its flow is compared with nothing, and costs nothing.
pub async fn code_without_its_flow_costs_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let (handle, code) = request(&world, of(&alice, factor)).await;
    for _ in 0..200 {
        let verified = verify(&world, of(&alice, factor), &code).await;
        assert_eq!(reason(verified), Reason::Malformed);
    }
    assert!(
        verify(&world, of(&alice, factor).handle(&handle), &code)
            .await
            .is_ok()
    );
}

/// Five wrong codes end a flow.
pub async fn flow_ends_after_five_wrong_codes(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let (handle, code) = request(&world, of(&alice, factor)).await;
    let attempt = of(&alice, factor).handle(&handle);
    for _ in 0..5 {
        let _ = verify(&world, attempt, &wrong(&code)).await.unwrap_err();
    }
    assert_eq!(
        reason(verify(&world, attempt, &code).await),
        Reason::Exhausted
    );
}

/// A factor that goes while its code is redeemed proves nothing.
pub async fn factor_that_goes_meanwhile_proves_nothing(place: Place) {
    let alice = alice();
    for what in [Meanwhile::Removes, Meanwhile::Disables] {
        let world = World::new(place).await;
        let factor = world.confirmed_email(&alice, ADDRESS, None).await;
        let mine = of(&alice, factor);
        let (handle, code) = request(&world, mine).await;
        world.store.meanwhile(what(factor));
        let verified = verify(&world, mine.handle(&handle), &code).await;
        assert_eq!(reason(verified), Reason::Revoked);
        let told = world.log.whats();
        assert!(told.contains(&"factor.refused Revoked".to_owned()));
        assert!(!told.contains(&"factor.verified".to_owned()));
        // The code is spent, and the factor proves nothing from now on.
        let again = verify(&world, mine.handle(&handle), &code).await;
        assert_eq!(reason(again), Reason::Unknown);
        let stored = world.store.records().await;
        assert!(stored.iter().all(|stored| stored.state == State::Spent));
    }
    // Nor is one confirmed that was removed while its code was on the way.
    let world = World::new(place).await;
    let factor = world.enrol_email(&alice, ADDRESS, None).await;
    let mine = of(&alice, factor);
    let requested = world.engine.request(&mine).await.unwrap();
    world.store.meanwhile(Meanwhile::Removes(factor));
    let (handle, code) = (requested.handle.unwrap(), world.sent());
    let attempt = mine.handle(&handle);
    let typed = Response::typed(&code);
    let confirmed = world.engine.confirm(&attempt, &typed).await;
    assert_eq!(reason(confirmed), Reason::Revoked);
}

/// A delivery that is down is an outage, and loses nothing; and no code goes to anybody but the owner's address,
/// while somebody else signs in at the same time.
pub async fn delivery_down_is_an_outage_and_loses_nothing(place: Place) {
    const OTHER: &str = "bob@example.org";
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let factor = world.confirmed_email(&alice, ADDRESS, None).await;
    let of_bob = world.confirmed_email(&bob, OTHER, None).await;
    let (mine, theirs) = (of(&alice, factor), of(&bob, of_bob));
    let (earlier, earlier_code) = request(&world, mine).await;
    world.log.drain();
    world.outbox.fail();
    let sent = world.outbox.messages().len();
    let (down, down_too) = tokio::join!(world.engine.request(&mine), world.engine.request(&theirs));
    assert!(is_outage(&down) && is_outage(&down_too));
    assert_eq!(world.outbox.messages().len(), sent);
    let told = world.log.whats();
    assert!(
        told.contains(&"delivery.failed provider email-code".to_owned()),
        "{told:?}"
    );
    world.outbox.recover();
    assert!(
        verify(&world, mine.handle(&earlier), &earlier_code)
            .await
            .is_ok()
    );
    let (asked, asked_too) =
        tokio::join!(world.engine.request(&mine), world.engine.request(&theirs));
    // Whoever reads either mailbox finds the code of that account's sign-in, and every other code there is its own.
    for (attempt, asked, address) in [(mine, asked, ADDRESS), (theirs, asked_too, OTHER)] {
        let messages = world.outbox.messages();
        let own = |sent: &Sent| sent.destination().address() == address;
        let received: Vec<_> = messages.iter().filter(|sent| own(sent)).collect();
        let confirming_and_asked = if address == ADDRESS { 3 } else { 2 };
        assert_eq!(received.len(), confirming_and_asked, "{address}");
        let code = received.last().unwrap().expose_token();
        let handle = asked.unwrap().handle.unwrap();
        let verified = verify(&world, attempt.handle(&handle), code).await;
        assert!(verified.is_ok(), "{address}");
    }
    let addresses = world.outbox.messages();
    let mut addresses = addresses.iter().map(|sent| sent.destination().address());
    assert!(addresses.all(|address| [ADDRESS, OTHER].contains(&address)));
}
