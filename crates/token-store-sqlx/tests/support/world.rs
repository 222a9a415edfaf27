//! What two processes know together: tokens, factors and limits.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::{fmt, str::FromStr};

use token_store::{
    Charge, FactorId, FactorState, InTransaction, RedeemInTransaction, Redeemed, StoreError,
    StoredFactor, TokenStore,
    ott_core::{
        Binding, Handle, Issuer, KeyRing, Limit, LimitKey, LimitScope, Presented, Reason, Record,
        RecordId, Subject,
    },
};
use token_store_sqlx::sqlx;

use crate::{
    backend::{self, Store},
    fixture::{CODE, LINK, PROMPT, now},
};

/// Factors that are there from the beginning.
pub(crate) const FACTORS: u8 = 3;
/// What the codes of [`Kind::Effect`] are for.
pub(crate) const EFFECTS: &str = "CREATE TABLE IF NOT EXISTS effects (id TEXT NOT NULL)";

/// A store, and who issues and redeems there.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) issuer: Issuer,
    pub(crate) alice: Subject,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Code,
    /// A code, redeemed in one transaction with what it is for.
    Effect,
    Link,
    Prompt,
}

/// A token as both processes know it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) id: RecordId,
    handle: String,
    text: String,
}

impl World {
    pub(crate) async fn open(place: &str, keys: &str) -> Self {
        Self::over(backend::open(place).await, keys)
    }

    pub(crate) fn over(store: Store, keys: &str) -> Self {
        Self {
            store,
            issuer: Issuer::new(KeyRing::from_text(keys).unwrap()),
            alice: Subject::new("t1", "alice").unwrap(),
        }
    }

    pub(crate) fn issue(&self, kind: Kind) -> (Token, Record) {
        let policy = match kind {
            Kind::Code | Kind::Effect => &CODE,
            Kind::Link => &LINK,
            Kind::Prompt => &PROMPT,
        };
        let binding = Binding::subject(&self.alice);
        let issued = self.issuer.issue(policy, &binding, now()).unwrap();
        let token = Token {
            kind,
            id: *issued.record.id(),
            handle: issued.handle.expose_secret().to_string(),
            text: issued.token.expose_secret().to_owned(),
        };
        (token, issued.record)
    }

    pub(crate) fn right(&self, token: &Token) -> Presented {
        self.present(token, &token.text)
    }

    /// A wrong code.
    pub(crate) fn wrong(&self, token: &Token) -> Presented {
        let others = ["000000", "000001"];
        let wrong = others.into_iter().find(|other| *other != token.text);
        self.present(token, wrong.unwrap())
    }

    fn present(&self, token: &Token, typed: &str) -> Presented {
        let binding = Binding::subject(&self.alice);
        let by_id = |policy| {
            let handle = Handle::parse(&token.handle).unwrap();
            let issuer = &self.issuer;
            issuer.present_by_handle(policy, &handle, &binding, typed, now())
        };
        let presented = match token.kind {
            Kind::Code | Kind::Effect => by_id(&CODE),
            Kind::Link => self.issuer.present_by_itself(&LINK, "t1", typed, now()),
            Kind::Prompt => by_id(&PROMPT),
        };
        presented.unwrap()
    }

    /// Redeems and applies, as this kind does.
    pub(crate) async fn redeem(
        &self,
        token: &Token,
        presented: &Presented,
    ) -> Result<Result<(), Reason>, StoreError> {
        if token.kind != Kind::Effect {
            return Ok(match self.store.redeem(presented, now()).await? {
                Redeemed::Redeemed(_) => Ok(()),
                Redeemed::Refused(reason) => Err(reason),
            });
        }
        match self.store.redeem_in_transaction(presented, now()).await? {
            InTransaction::Refused(reason) => Ok(Err(reason)),
            InTransaction::Redeemed(mut transaction, _) => {
                let effect = sqlx::query("INSERT INTO effects VALUES ($1)");
                effect
                    .bind(token.id.to_string())
                    .execute(&mut *transaction)
                    .await
                    .map_err(StoreError::unavailable)?;
                let done = transaction.commit().await;
                done.map(Ok).map_err(StoreError::unavailable)
            }
        }
    }

    pub(crate) fn factor(&self, id: FactorId) -> StoredFactor {
        StoredFactor {
            id,
            subject: self.alice.clone(),
            provider: "totp".into(),
            label: "phone".into(),
            state: FactorState::Active,
            sealed: vec![1, 2, 3],
            last: None,
            created_at: now(),
            used_at: None,
            removal: None,
        }
    }
}

/// Their ids.
pub(crate) fn factor_id(number: u8) -> FactorId {
    FactorId::from_bytes([number; 16])
}

/// The limit with this number.
pub(crate) fn charge(number: u64) -> Charge {
    Charge {
        key: LimitKey::new(
            LimitScope::Application,
            &number.to_string(),
            &Binding::tenant("t1"),
        ),
        limit: Limit::ceiling(5),
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            id,
            handle,
            text,
        } = self;
        write!(f, "{id} {kind:?} {handle} {text}")
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, kind, handle, text] = words[..] else {
            return Err(line.into());
        };
        let kinds = [Kind::Code, Kind::Effect, Kind::Link, Kind::Prompt];
        let kind = kinds
            .into_iter()
            .find(|known| format!("{known:?}") == kind)
            .ok_or(line)?;
        Ok(Self {
            kind,
            id: RecordId::parse(id).map_err(|error| error.to_string())?,
            handle: handle.into(),
            text: text.into(),
        })
    }
}
