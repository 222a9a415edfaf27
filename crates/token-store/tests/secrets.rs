//! No issued token stands in clear in anything that is printed, logged or stored.

use testing::{Bench, Place, alice, stated, wrong};
use token_store::{
    FactorChange, TokensError,
    ott_core::{Binding, Format, Policy, Purpose, Stored, chrono::TimeDelta},
};

// Each alphabet and length is one that hexadecimal digits and numbers cannot spell by chance.
const CODE: Policy = Policy::code(Purpose::new("sign-in"))
    .requests(None)
    .format(Format::alphanumeric(20).prefixed("abc_"));
const READABLE: Policy = Policy::readable(Purpose::new("sign-up")).requests(None);
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const BEARER: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(1));

/// Every byte that a store keeps, as text.
fn row(stored: &Stored) -> String {
    let bytes = [
        &stored.id.as_bytes()[..],
        stored.slot.as_ref().map_or(&[], |slot| &slot[..]),
        &stored.policy,
        &stored.binding,
        stored.digest.as_bytes(),
        &stored.data,
        &stored.tag,
    ];
    let bytes: Vec<_> = bytes
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .collect();
    let (purpose, tenant, subject) = (&stored.purpose, &stored.tenant, &stored.subject);
    format!("{purpose} {tenant} {subject:?} {bytes:?} {stored:?}")
}

/// Ten thousand tokens are printed logged and stored nowhere.
#[tokio::test]
async fn tokens_are_printed_logged_and_stored_nowhere() {
    let bench = Bench::new(
        Place::Memory,
        &[&CODE, &READABLE, &LINK, &RECOVERY, &BEARER],
    )
    .await;
    let (tokens, owner) = (&bench.tokens, alice());
    let binding = Binding::subject(&owner);
    for _ in 0..2_000 {
        bench.pass(TimeDelta::days(1));
        for policy in [&CODE, &READABLE, &LINK, &RECOVERY, &BEARER] {
            let issued = tokens.issue(policy, &binding).await.unwrap();
            let secret = issued.token.expose_secret();
            let handle = issued.handle.expose_secret();
            let mut printed = format!("{issued:?} {:?} {:#?}", issued.token, issued.handle);
            let mut answer = |result: Result<String, TokensError>| match result {
                Ok(text) => printed.push_str(&text),
                Err(error) => printed.push_str(&format!("{error} {error:?}")),
            };
            for typed in [&wrong(secret), secret, secret] {
                let redeemed = tokens.redeem(policy, &issued.handle, &binding, typed).await;
                answer(redeemed.map(|record| format!("{record:?}")));
                let redeemed = tokens.redeem_by_subject(policy, &binding, typed).await;
                answer(redeemed.map(|record| format!("{record:?}")));
                let redeemed = tokens
                    .redeem_by_itself(policy, "acme", typed, stated(&binding))
                    .await;
                answer(redeemed.map(|record| format!("{record:?}")));
                let proved = tokens
                    .authenticate(policy, "acme", typed, stated(&binding))
                    .await;
                answer(proved.map(|record| format!("{record:?}")));
            }
            printed.push_str(&format!("{:?}", bench.log.drain()));
            let stored = tokens.store().inner_row(issued.record.id()).await;
            printed.push_str(&row(&stored));
            assert!(!printed.contains(secret), "{printed}");
            assert!(!printed.contains(&secret.replace('-', "")), "{printed}");
            assert!(!printed.contains(&**handle), "{printed}");
        }
    }
    assert!(!format!("{tokens:?}").contains(testing::KEY_1));
    assert_eq!(bench.store.records().await.len(), 10_000);
}

/// A factor's change prints neither a seal nor a label.
#[test]
fn change_of_a_factor_prints_neither_seal_nor_label() {
    let seal = FactorChange::Seal {
        old: vec![0xAB; 4],
        new: vec![0xCD; 4],
    };
    let label = FactorChange::Label("Alice's phone".into());
    let printed = format!("{seal:?} {label:?} {:?}", FactorChange::Disable);
    assert_eq!(printed, "Seal { .. } Label(..) Disable");
}
