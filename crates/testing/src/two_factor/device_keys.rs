//! Devices that sign their decisions.

use ed25519_dalek::{Signer, SigningKey};
use twofa_providers::{
    Approver, Attempt, EnrolDetails, PromptStatus, Proof, Response, TwoFactorError,
    token_store::{
        FactorId,
        ott_core::{Reason, Subject, Verdict, chrono::TimeDelta},
    },
};

use super::{
    approvers::{payment, plan},
    prompt_deciders::{decide, kept},
};
use crate::{
    Place, alice,
    asking::{PROMPT, SIX_DIGITS, TAP, Waiting},
    subject,
    world::{Plan, World, reason},
};

/// The key of a device, which never leaves it.
fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Enrols a device that brings this public key.
async fn enrol(
    world: &World,
    owner: &Subject,
    brought: &str,
    proof: Option<&Proof>,
) -> Result<FactorId, TwoFactorError> {
    let details = EnrolDetails::new(owner, "alice").brought(brought);
    let enrolled = world.enrol_with("prompt", &details, "phone", proof).await;
    enrolled.map(|enrolled| enrolled.factor)
}

/// What this device signs.
async fn signature(
    world: &World,
    owner: &Subject,
    device: (FactorId, &SigningKey),
    waiting: &Waiting,
    verdict: Verdict,
) -> [u8; 64] {
    let (factor, key) = device;
    let seen = world.seen(owner, waiting).await;
    key.sign(&seen.to_sign(owner, &factor, verdict)).to_bytes()
}

fn approval(waiting: &Waiting) -> Verdict {
    Verdict::Approve {
        number: waiting.number,
    }
}

/// Says this with this signature.
async fn say(
    world: &World,
    by: &Approver<'_>,
    waiting: &Waiting,
    verdict: Verdict,
) -> Result<PromptStatus, TwoFactorError> {
    let (prompts, id) = (world.prompts(), &waiting.id);
    match verdict {
        Verdict::Approve { number } => prompts.approve(by, id, number).await,
        Verdict::Deny => prompts.deny(by, id).await,
        Verdict::Report => prompts.report(by, id).await,
    }
}

/// A device with this key, confirmed by what it signed.
async fn device(
    world: &World,
    owner: &Subject,
    key: &SigningKey,
    proof: Option<&Proof>,
) -> FactorId {
    let brought = hex(key.verifying_key().as_bytes());
    let factor = enrol(world, owner, &brought, proof).await.unwrap();
    let waiting = world.ask(owner, factor).await;
    let signed = signature(world, owner, (factor, key), &waiting, approval(&waiting)).await;
    let by = Approver::new(owner).device(factor).signed(&signed);
    let approved = say(world, &by, &waiting, approval(&waiting)).await;
    assert_eq!(approved.unwrap(), PromptStatus::Approved);
    let attempt = Attempt::new(owner, "prompt").factor(factor);
    let attempt = attempt.handle(&waiting.handle);
    let confirmed = world.engine.confirm(&attempt, &Response::nothing()).await;
    let _ = confirmed.unwrap();
    factor
}

/// A device approves, denies and reports by its signature. A wrong number that it signed denies.
pub async fn signed_decision_is_taken(place: Place) {
    for policy in [PROMPT, SIX_DIGITS, TAP] {
        let (world, alice, key) = (World::asking_under(place, policy).await, alice(), key(1));
        let phone = device(&world, &alice, &key, None).await;
        for what in ["approve", "mistype", "deny", "report"] {
            if policy == TAP && what == "mistype" {
                continue;
            }
            world.pass(TimeDelta::hours(1));
            let waiting = world.ask(&alice, phone).await;
            let (verdict, becomes) = match what {
                "approve" => (approval(&waiting), PromptStatus::Approved),
                "deny" => (Verdict::Deny, PromptStatus::Denied),
                "report" => (Verdict::Report, PromptStatus::Denied),
                _ => {
                    let number = waiting.wrong();
                    (Verdict::Approve { number }, PromptStatus::Denied)
                }
            };
            let signed = signature(&world, &alice, (phone, &key), &waiting, verdict).await;
            let by = Approver::new(&alice).signed(&signed);
            let said = say(&world, &by, &waiting, verdict).await;
            assert_eq!(said.unwrap(), becomes, "{what}");
            let proved = world.go_on(&alice, phone, &waiting).await;
            match what {
                "approve" => assert_eq!(proved.unwrap().factor(), Some(phone)),
                _ => assert_eq!(reason(proved), Reason::Denied),
            }
        }
    }
}

/// Whoever has the person's session and not their device decides nothing, and keeps no prompt away.
pub async fn unsigned_decision_changes_nothing(place: Place) {
    let (world, alice, own) = (World::asking(place).await, alice(), key(1));
    let phone = device(&world, &alice, &own, None).await;
    let waiting = world.ask(&alice, phone).await;
    let before = world.store.inner_row(&waiting.id).await;
    for verdict in [approval(&waiting), Verdict::Deny, Verdict::Report] {
        let by = Approver::new(&alice).device(phone);
        let theirs = signature(&world, &alice, (phone, &key(2)), &waiting, verdict).await;
        let right = signature(&world, &alice, (phone, &own), &waiting, verdict).await;
        let (mut flipped, longer) = (right, [&right[..], b"\0"].concat());
        flipped[63] ^= 0x80;
        for by in [
            by,
            by.signed(&[]),
            by.signed(&[0; 64]),
            by.signed(&theirs),
            by.signed(&flipped),
            by.signed(&longer),
            by.signed(&right[..63]),
        ] {
            let said = say(&world, &by, &waiting, verdict).await;
            assert_eq!(reason(said), Reason::DecisionForged);
        }
    }
    assert!(world.store.inner_row(&waiting.id).await == before);
    let _ = world.ask(&alice, phone).await;
}

/// A signature is good for its own subject, device, prompt, verdict, number, and for what was displayed, and for
/// nothing else.
pub async fn signature_is_good_for_one_decision(place: Place) {
    let (world, alice, own) = (World::asking(place).await, alice(), key(1));
    let phone = device(&world, &alice, &own, None).await;
    let waiting = world.ask(&alice, phone).await;
    let (verdict, seen) = (approval(&waiting), world.seen(&alice, &waiting).await);
    let sign = |bytes: Vec<u8>| own.sign(&bytes).to_bytes();
    let number = waiting.wrong();
    let other = world.ask(&alice, phone).await;
    let other = world.seen(&alice, &other).await;
    let elsewhere = |change: fn(&mut twofa_providers::PromptView)| {
        let mut other = seen.clone();
        change(&mut other);
        sign(other.to_sign(&alice, &phone, verdict))
    };
    let moved = [
        sign(seen.to_sign(&subject("acme", "bob"), &phone, verdict)),
        sign(seen.to_sign(&subject("other", alice.id()), &phone, verdict)),
        sign(seen.to_sign(&alice, &FactorId::from_bytes([7; 16]), verdict)),
        sign(seen.to_sign(&alice, &phone, Verdict::Approve { number })),
        sign(seen.to_sign(&alice, &phone, Verdict::Approve { number: None })),
        sign(seen.to_sign(&alice, &phone, Verdict::Deny)),
        sign(seen.to_sign(&alice, &phone, Verdict::Report)),
        sign(other.to_sign(&alice, &phone, verdict)),
        elsewhere(|seen| seen.operation = vec![("pay".into(), "100".into())]),
        elsewhere(|seen| seen.origin = "elsewhere".into()),
        elsewhere(|seen| seen.network = "203.0.113.7".parse().ok()),
        elsewhere(|seen| seen.asked_at += TimeDelta::microseconds(1)),
        elsewhere(|seen| seen.expires_at = None),
        elsewhere(|seen| seen.confirms = true),
    ];
    for signed in moved {
        let by = Approver::new(&alice).device(phone).signed(&signed);
        let said = say(&world, &by, &waiting, verdict).await;
        assert_eq!(reason(said), Reason::DecisionForged);
    }
    let right = sign(seen.to_sign(&alice, &phone, verdict));
    let by = Approver::new(&alice).signed(&right);
    let said = say(&world, &by, &waiting, verdict).await;
    assert_eq!(said.unwrap(), PromptStatus::Approved);
    // Nor is it good again.
    let again = say(&world, &by, &waiting, verdict).await;
    assert_eq!(reason(again), Reason::NotWaiting);
}

/// A server that has the keys and writes tokens, and has neither the device nor write access to the factors, makes no
/// approval: it is asked again where the record is redeemed.
pub async fn server_without_the_device_forges_nothing(place: Place) {
    let (world, alice, own) = (World::asking(place).await, alice(), key(1));
    let phone = device(&world, &alice, &own, None).await;
    for what in 0..6 {
        world.pass(TimeDelta::hours(1));
        let waiting = world.ask(&alice, phone).await;
        let number = waiting.number;
        let verdict = approval(&waiting);
        let denial = signature(&world, &alice, (phone, &own), &waiting, Verdict::Deny).await;
        let mistyped = Verdict::Approve {
            number: waiting.wrong(),
        };
        let mistyped = signature(&world, &alice, (phone, &own), &waiting, mistyped).await;
        let theirs = signature(&world, &alice, (phone, &key(2)), &waiting, verdict).await;
        let data = match what {
            0 => Vec::new(),
            1 => kept(1, number, phone, &[]),
            2 => kept(1, number, phone, &theirs),
            // What was said, turned around.
            3 => kept(1, number, phone, &denial),
            4 => kept(2, None, phone, &denial),
            _ => kept(1, waiting.wrong(), phone, &mistyped),
        };
        decide(&world.tokens, &PROMPT, &alice, &waiting, verdict, &data).await;
        let proved = world.go_on(&alice, phone, &waiting).await;
        assert_eq!(reason(proved), Reason::DecisionForged, "{what}");
    }
    let waiting = world.ask(&alice, phone).await;
    let verdict = approval(&waiting);
    let right = signature(&world, &alice, (phone, &own), &waiting, verdict).await;
    let data = kept(1, waiting.number, phone, &right);
    decide(&world.tokens, &PROMPT, &alice, &waiting, verdict, &data).await;
    assert!(world.go_on(&alice, phone, &waiting).await.is_ok());
}

/// A denial or report that the device did not sign is told as forged where the record is redeemed.
pub async fn signed_denial_is_told_from_a_forged_one(place: Place) {
    let (world, alice, own) = (World::asking(place).await, alice(), key(1));
    let phone = device(&world, &alice, &own, None).await;
    for (number, verdict) in [(2, Verdict::Deny), (3, Verdict::Report)] {
        for signs in [true, false] {
            world.pass(TimeDelta::hours(1));
            let waiting = world.ask(&alice, phone).await;
            let right = signature(&world, &alice, (phone, &own), &waiting, verdict).await;
            let signed = if signs { &right[..] } else { &[] };
            let data = kept(number, None, phone, signed);
            decide(&world.tokens, &PROMPT, &alice, &waiting, verdict, &data).await;
            let proved = world.go_on(&alice, phone, &waiting).await;
            let expected = match signs {
                true => Reason::Denied,
                false => Reason::DecisionForged,
            };
            assert_eq!(reason(proved), expected);
        }
    }
}

/// Whoever brings somebody else's public key does not get it confirmed.
pub async fn device_proves_its_key_to_be_confirmed(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let brought = hex(key(1).verifying_key().as_bytes());
    let factor = enrol(&world, &alice, &brought, None).await.unwrap();
    let waiting = world.ask(&alice, factor).await;
    let verdict = approval(&waiting);
    let theirs = signature(&world, &alice, (factor, &key(2)), &waiting, verdict).await;
    let by = Approver::new(&alice).device(factor).signed(&theirs);
    let said = say(&world, &by, &waiting, verdict).await;
    assert_eq!(reason(said), Reason::DecisionForged);
    let data = kept(1, waiting.number, factor, &theirs);
    decide(&world.tokens, &PROMPT, &alice, &waiting, verdict, &data).await;
    let attempt = Attempt::new(&alice, "prompt").factor(factor);
    let attempt = attempt.handle(&waiting.handle);
    let confirmed = world.engine.confirm(&attempt, &Response::nothing()).await;
    assert_eq!(reason(confirmed), Reason::DecisionForged);
}

/// A key of low order, one that is no point, and what is no key are refused as they are brought.
pub async fn weak_and_malformed_keys_are_no_device(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let good = hex(key(1).verifying_key().as_bytes());
    let identity = format!("01{}", "00".repeat(31));
    let of_order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    for brought in [
        "".to_owned(),
        identity,
        "00".repeat(32),
        of_order_8.to_owned(),
        format!("02{}", "00".repeat(31)),
        good[..62].to_owned(),
        format!("{good}00"),
        format!("+{}", &good[1..]),
        "é".repeat(32),
        "0".repeat(1_000_000),
    ] {
        world.pass(TimeDelta::hours(1));
        let enrolled = enrol(&world, &alice, &brought, None).await;
        assert_eq!(reason(enrolled), Reason::Malformed);
    }
    assert!(enrol(&world, &alice, &good, None).await.is_ok());
}

/// A device that brought no key has nothing to sign with: a signature there is somebody's mistake.
pub async fn device_without_a_key_signs_nothing(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    let verdict = approval(&waiting);
    let signed = signature(&world, &alice, (phone, &key(1)), &waiting, verdict).await;
    let by = Approver::new(&alice).device(phone).signed(&signed);
    let said = say(&world, &by, &waiting, verdict).await;
    assert_eq!(reason(said), Reason::DecisionForged);
    let _ = world.approve(&alice, &waiting).await.unwrap();
}

/// Where the application says so, no device without a key is taken, and none that was there before decides.
pub async fn keys_only_takes_no_other_device(place: Place) {
    let (world, alice) = (World::asking(place).await, alice());
    let old = world.device(&alice, "phone", None).await;
    let plan = Plan {
        prompts: Some(PROMPT),
        keys_only: true,
        ..Plan::default()
    };
    let proof = world.prompt_proof(&alice, old).await;
    let world = world.beside_planned(crate::key_1(), &plan);
    let details = EnrolDetails::new(&alice, "alice");
    let enrolled = world
        .enrol_with("prompt", &details, "p", Some(&proof))
        .await;
    assert!(matches!(enrolled, Err(TwoFactorError::Misuse(_))));
    let waiting = world.ask(&alice, old).await;
    let approved = world.approve(&alice, &waiting).await;
    assert_eq!(reason(approved), Reason::DecisionForged);
    let _ = device(&world, &alice, &key(1), Some(&proof)).await;
}

/// Two people who share a device are one, and who asks approves nothing with a device of their own in another name.
/// Each part is signed, and checked again as the whole is taken up.
pub async fn shared_device_approves_once(place: Place) {
    for what in ["distinct", "shared", "asker's"] {
        let world = World::planned(place, &plan()).await;
        let asker = alice();
        let _ = device(&world, &asker, &key(1), None).await;
        let keys = match what {
            "distinct" => [2, 3],
            "shared" => [2, 2],
            _ => [1, 2],
        };
        let mut people = Vec::new();
        for (name, number) in ["bob", "carol"].into_iter().zip(keys) {
            let (person, own) = (subject("acme", name), key(number));
            let phone = device(&world, &person, &own, None).await;
            people.push((person, phone, own));
        }
        let deciders: Vec<_> = people.iter().map(|one| one.0.clone()).collect();
        let attempt = payment(&asker);
        let prompts = world.prompts();
        let asked = prompts.ask_others(&attempt, &deciders).await.unwrap();
        for ((person, phone, own), (_, number)) in people.iter().zip(&asked.deciders) {
            let seen = prompts.pending(person).await.unwrap().remove(0);
            let by = Approver::new(person).device(*phone);
            let unsigned = prompts.approve(&by, &seen.id, *number).await;
            assert_eq!(reason(unsigned), Reason::DecisionForged);
            let verdict = Verdict::Approve { number: *number };
            let mut elsewhere = seen.clone();
            elsewhere.approval = Some(seen.id);
            let moved = own
                .sign(&elsewhere.to_sign(person, phone, verdict))
                .to_bytes();
            let signing = by.signed(&moved);
            let said = prompts.approve(&signing, &seen.id, *number).await;
            assert_eq!(reason(said), Reason::DecisionForged);
            let signed = own.sign(&seen.to_sign(person, phone, verdict)).to_bytes();
            let signing = by.signed(&signed);
            let said = prompts.approve(&signing, &seen.id, *number).await;
            assert_eq!(said.unwrap(), PromptStatus::Approved);
        }
        let taken = prompts
            .take_up(&attempt.handle(&asked.handle), &deciders)
            .await;
        match what {
            "distinct" => assert_eq!(taken.unwrap().approved_by(), deciders),
            _ => assert!(matches!(taken, Err(TwoFactorError::Pending)), "{what}"),
        }
    }
}
