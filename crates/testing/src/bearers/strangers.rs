//! What somebody else can do with a token, an id or a part of one.

use ott_bearer::{Introspection, NoScope};
use token_store::ott_core::Reason;

use super::{ACCESS, KINDS, SESSION, bearers, bench, issued, reason};
use crate::{Place, alice, nightly, subject};

/// A token of one kind, tenant and subject is refused for every other, and says whose it is.
pub async fn token_is_good_for_its_kind_and_tenant(place: Place) {
    let bench = bench(place).await;
    let tenants = ["", "acme", "Acme", "acme "];
    let mut all = Vec::new();
    for kind in KINDS {
        for tenant in tenants {
            for id in ["alice", "bob"] {
                let owner = subject(tenant, id);
                let token = issued(&bearers::<NoScope>(&bench, kind), &owner).await;
                all.push((kind, owner, token));
            }
        }
    }
    for (kind, owner, token) in &all {
        let text = token.token.expose_secret();
        for other in KINDS {
            let bearers = bearers::<NoScope>(&bench, other);
            for tenant in tenants {
                let proved = bearers.authenticate(tenant, text).await;
                if *kind == other && tenant == owner.tenant() {
                    assert_eq!(proved.unwrap().subject(), owner);
                } else {
                    let reason = reason(proved);
                    assert!(
                        matches!(reason, Reason::Malformed | Reason::Unknown),
                        "{reason:?}"
                    );
                }
            }
        }
    }
}

/// Nobody revokes by an id what is somebody else's.
pub async fn strangers_revoke_nothing_by_an_id(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, SESSION);
    let token = issued(&bearers, &alice()).await;
    let id = token.facts.id();
    for stranger in [
        subject("acme", "bob"),
        subject("", alice().id()),
        subject("umbrella", alice().id()),
    ] {
        assert!(!bearers.revoke(&stranger, id).await.unwrap());
        assert_eq!(bearers.revoke_all(&stranger).await.unwrap(), 0);
        assert!(bearers.list(&stranger).await.unwrap().is_empty());
    }
    assert!(
        bearers
            .authenticate("acme", token.token.expose_secret())
            .await
            .is_ok()
    );
}

/// Another case, a blank, padding or another spelling of a character is another token, and none.
pub async fn other_spellings_are_other_tokens(place: Place) {
    let bench = bench(place).await;
    for kind in [SESSION, ACCESS] {
        let bearers = bearers::<NoScope>(&bench, kind);
        let token = issued(&bearers, &alice()).await.token;
        let text = token.expose_secret();
        let swapped: String = text
            .chars()
            .map(|c| match c.is_ascii_lowercase() {
                true => c.to_ascii_uppercase(),
                false => c.to_ascii_lowercase(),
            })
            .collect();
        let spellings = [
            swapped,
            text.to_lowercase(),
            text.to_uppercase(),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}="),
            format!("{text}=="),
            format!("{text}\0"),
            format!("{text}\n"),
            text[..text.len() - 1].to_owned(),
            text.replace(|c: char| c.is_ascii_digit(), "\u{661}"),
        ];
        for spelling in spellings.iter().filter(|spelling| *spelling != text) {
            let reason = reason(bearers.authenticate("acme", spelling).await);
            assert!(
                matches!(reason, Reason::Malformed | Reason::Unknown),
                "{reason:?}"
            );
        }
        assert!(bearers.authenticate("acme", text).await.is_ok());
    }
}

/// Who knows a token's public id proves nothing with it, in whatever form, and leaves the token as it is.
pub async fn public_id_is_no_bearer_token(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, SESSION);
    let token = issued(&bearers, &alice()).await;
    let id = token.facts.id();
    let row = bench.store.inner_row(id).await;
    let name = id.to_string();
    let forms = [
        name.clone(),
        name.to_uppercase(),
        name.replace('-', ""),
        format!("{name}{name}"),
        format!("{name:0<43}"),
        format!("{name:A<43}"),
        row.digest
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    ];
    // 1,001 tries in memory, and everywhere where the long form was asked for; else 105.
    let rounds = if nightly() { 143 } else { place.often(143, 15) };
    for _ in 0..rounds {
        for form in &forms {
            let refused = bearers.authenticate("acme", form).await;
            let reason = reason(refused);
            assert!(matches!(reason, Reason::Malformed | Reason::Unknown));
            let told = bearers.introspect("acme", form).await.unwrap();
            assert_eq!(told, Introspection::inactive());
            assert!(!bearers.revoke_text("acme", form).await.unwrap());
        }
    }
    assert_eq!(bench.store.inner_row(id).await, row);
    assert!(
        bearers
            .authenticate("acme", token.token.expose_secret())
            .await
            .is_ok()
    );
}
