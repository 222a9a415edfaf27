//! What ends tokens.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use ott_bearer::{BoxError, NewError, NoScope, Standing};
use token_store::ott_core::{Binding, OwnedBinding, Reason, Subject, chrono::TimeDelta};

use super::{ACCESS, APP, SESSION, bearers, bench, issued, reason};
use crate::{Place, alice, subject, wrong};

/// An owner ends one token, all others, or all: of this kind, and nobody else's.
pub async fn owner_ends_one_others_or_all(place: Place) {
    let bench = bench(place).await;
    let sessions = bearers::<NoScope>(&bench, SESSION);
    let apps = bearers::<NoScope>(&bench, APP);
    let (alice, bob) = (alice(), subject("acme", "bob"));
    let mut own = Vec::new();
    for _ in 0..4 {
        own.push(issued(&sessions, &alice).await);
    }
    let (theirs, app) = (issued(&sessions, &bob).await, issued(&apps, &alice).await);
    let live = async |at: usize| {
        sessions
            .authenticate("acme", own[at].token.expose_secret())
            .await
    };
    assert!(sessions.revoke(&alice, own[0].facts.id()).await.unwrap());
    assert!(!sessions.revoke(&alice, own[0].facts.id()).await.unwrap());
    assert_eq!(reason(live(0).await), Reason::Revoked);
    let kept = live(1).await.unwrap();
    assert_eq!(sessions.revoke_others(&kept).await.unwrap(), 2);
    assert!(live(1).await.is_ok() && live(2).await.is_err() && live(3).await.is_err());
    assert_eq!(sessions.revoke_all(&alice).await.unwrap(), 1);
    assert_eq!(reason(live(1).await), Reason::Revoked);
    assert!(
        sessions
            .authenticate("acme", theirs.token.expose_secret())
            .await
            .is_ok()
    );
    assert!(
        apps.authenticate("acme", app.token.expose_secret())
            .await
            .is_ok()
    );
}

/// Revoking by text (RFC 7009) ends a live token once, an expired one too, and of anything else says nothing.
pub async fn text_is_revoked_whatever_it_is(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let (live, expired) = (
        issued(&bearers, &alice()).await,
        issued(&bearers, &alice()).await,
    );
    let text = live.token.expose_secret();
    for other in ["", "nothing", &wrong(text), "exa_pat_"] {
        assert!(
            !bearers.revoke_text("acme", other).await.unwrap(),
            "{other}"
        );
    }
    assert!(!bearers.revoke_text("", text).await.unwrap());
    assert!(bearers.authenticate("acme", text).await.is_ok());
    assert!(bearers.revoke_text("acme", text).await.unwrap());
    assert!(!bearers.revoke_text("acme", text).await.unwrap());
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Revoked
    );
    bench.pass(TimeDelta::days(90));
    let text = expired.token.expose_secret();
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Expired
    );
    assert!(bearers.revoke_text("acme", text).await.unwrap());
    assert_eq!(
        reason(bearers.authenticate("acme", text).await),
        Reason::Revoked
    );
}

#[derive(Default)]
pub(super) struct Rows {
    pub(super) epoch: AtomicU64,
    of_tenant: AtomicU64,
}

#[async_trait::async_trait]
impl Standing for Rows {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        match owner.id() {
            "gone" => return Ok(None),
            "unknown" => return Err("no database".into()),
            _ => {}
        }
        let of_tenant = self.of_tenant.load(Ordering::Relaxed).to_string();
        let operation = [("tenant-epoch", of_tenant.as_str())];
        let epoch = self.epoch.load(Ordering::Relaxed);
        let binding = Binding::subject(owner).epoch(epoch);
        Ok(Some(binding.operation(&operation).into_owned()))
    }
}

/// A change of password ends a person's tokens, a raised number of the tenant all of its tokens, in one step each.
pub async fn epoch_and_tenant_end_what_was_issued(place: Place) {
    let bench = bench(place).await;
    let rows = Arc::new(Rows::default());
    let bearers = bearers::<NoScope>(&bench, SESSION).standing(Arc::clone(&rows) as Arc<_>);
    let (alice, bob) = (alice(), subject("acme", "bob"));
    for raised in [&rows.epoch, &rows.of_tenant] {
        let tokens = [issued(&bearers, &alice).await, issued(&bearers, &bob).await];
        for token in &tokens {
            let text = token.token.expose_secret();
            bearers.authenticate("acme", text).await.unwrap();
        }
        raised.fetch_add(1, Ordering::Relaxed);
        for token in &tokens {
            let text = token.token.expose_secret();
            assert_eq!(
                reason(bearers.authenticate("acme", text).await),
                Reason::Binding
            );
            assert_eq!(reason(bearers.rotate("acme", text).await), Reason::Binding);
        }
    }
    let gone = bearers
        .issue(&ott_bearer::New::of(&subject("acme", "gone")))
        .await;
    assert!(
        matches!(gone, Err(NewError::Tokens(error)) if error.reason() == Some(Reason::Binding))
    );
    let unknown = bearers
        .issue(&ott_bearer::New::of(&subject("acme", "unknown")))
        .await;
    assert!(matches!(unknown, Err(NewError::Tokens(error)) if error.answer().status() == 503));
}
