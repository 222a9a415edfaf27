//! Links by which whoever had a key before takes its change back.

use contract_server::{DocumentError, Fault, Within};
use ott_flows::{
    Operation, Revert, ready,
    token_store::{
        Revoke, TokensError,
        ott_core::{Destination, Policy, Purpose, Subject, chrono::TimeDelta},
    },
};
use rocket::{State, post};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, Json},
    app::{App, SESSION},
    call::{Body, key_of},
    keys::Typed,
    process::ProcessId,
    settings::Settings,
    user::{KeyKind, User, user},
};

/// A change of a key is taken back.
pub(crate) struct PutBack;

impl Operation for PutBack {
    const PURPOSE: Purpose = Purpose::new("put-back");
    type After = ();
}

/// The policy of its links. Where they are switched off, none is made.
pub(crate) fn policy(settings: &Settings) -> Policy {
    let hours = settings.putBackHours.max(1).into();
    Policy::link(PutBack::PURPOSE).lifetime(TimeDelta::hours(hours))
}

/// A link that has to be sent.
#[derive(Deserialize, Serialize)]
struct Offer {
    account: String,
    kind: KeyKind,
    key: String,
    /// How often a change of the account was taken back before.
    round: u64,
}

const OFFER: &str = "offer";
const ROUND: &str = "round";

impl App {
    fn put_back_is_on(&self) -> bool {
        self.settings.putBackHours > 0
    }

    fn revert(&self) -> Result<Revert<PutBack>, ApiError> {
        let revert = Revert::new(policy(&self.settings));
        revert.map_err(|error| self.told(error))
    }

    /// Notes, in the transaction of the change, that whoever had this key is sent a link.
    pub(crate) async fn offer(
        &self,
        on: &mut Within<'_>,
        subject: &Subject,
        old: &Destination,
    ) -> Result<(), DocumentError> {
        if !self.put_back_is_on() {
            return Ok(());
        }
        let Ok(name) = ProcessId::random() else {
            return Ok(());
        };
        let user = user(on, subject.id()).await?;
        let offer = Offer {
            account: subject.id().into(),
            kind: KeyKind::of(old),
            key: old.address().into(),
            round: user.map_or(0, |user| user.taken_back),
        };
        on.put(OFFER, name.as_str(), &offer).await
    }

    /// Sends the links that were noted. One that cannot be sent waits.
    pub(crate) async fn send_offers(&self) -> Result<(), Fault> {
        let revert = Revert::<PutBack>::new(policy(&self.settings))?;
        let soon = self.now().checked_add_signed(TimeDelta::seconds(1));
        let soon = soon.unwrap_or_default();
        for id in self.documents.unchanged_since(OFFER, soon).await? {
            let Some(offer) = self.documents.get::<Offer>(OFFER, &id).await? else {
                continue;
            };
            let Offer {
                account,
                kind,
                key,
                round,
            } = offer.value;
            let old = match kind {
                KeyKind::Email => Destination::email(key)?,
                KeyKind::Phone => Destination::phone(key)?,
            };
            let subject = Subject::new("", account)?;
            let [channel, address] = ready::address(&old);
            let round = round.to_string();
            let parameters = [channel, address, (ROUND, &*round)];
            let offered = self
                .flows
                .offer_revert(&revert, &subject, &old, &parameters);
            offered.await?;
            self.documents.remove(OFFER, &id).await?;
        }
        Ok(())
    }
}

/// What was there before is put back; whoever is signed in is signed out.
#[post("/api/v1/userKeys/puttingBack", data = "<body>")]
pub(crate) async fn put_back(app: &State<App>, body: Body) -> Answer {
    if !app.put_back_is_on() {
        return Err(ApiError::OFF);
    }
    let typed: Typed = body.read()?;
    let revert = app.revert()?;
    let reverted = app
        .flows
        .revert_in_transaction(&revert, "", &typed.one_time_token);
    let (mut open, change) = reverted.await.map_err(|error| app.told(error))?;
    let (subject, parameters) = (change.subject(), change.parameters());
    let key = parameters.address().ok_or(ApiError::TOKEN)?;
    let key = key_of(KeyKind::of(&key), key.address())?;
    let on = &mut app.documents.within(&mut open);
    // One link ends the others: who took the account over was sent links too, for what they changed afterwards.
    let fits = |user: &User| parameters.get(ROUND) == Some(&user.taken_back.to_string());
    let more = |user: &mut User| user.taken_back = user.taken_back.saturating_add(1);
    let back = app.change_key(on, subject, &key, fits, more);
    let back = back.await;
    let sessions = Revoke::purpose(subject, SESSION.purpose());
    let store = app.tokens().store().on(&mut open)?;
    store.revoke(&sessions).await.map_err(TokensError::from)?;
    drop(store);
    app.settle(open, back).await?;
    Ok(Json(json!({})))
}
