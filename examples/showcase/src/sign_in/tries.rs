//! What trying a password costs, and whom nobody can make wait.

use core::net::IpAddr;

use twofa_providers::{
    counted_network,
    token_store::{
        Charge, Spent,
        ott_core::{Binding, Destination, Limit, LimitKey, LimitScope, chrono::TimeDelta},
    },
};

use crate::{
    accounts::{Account, folded},
    app::App,
    error::{AHEAD, AppError},
    passwords::Lane,
    visitor::Visitor,
};

/// Passwords tried from one network, and registrations begun there.
const PER_NETWORK: Limit = Limit::pace(30, TimeDelta::seconds(20));
/// Passwords tried at one account from one network: a stranger elsewhere cannot make the owner wait, and
/// whoever guesses from many networks still lacks the second step.
const PER_ACCOUNT: Limit = Limit::pace(20, TimeDelta::seconds(30));
/// Passwords tried at one account from its known devices, where the limits above refuse or there is no turn.
const KNOWN_DEVICES: Limit = Limit::pace(20, TimeDelta::seconds(30));

/// The account with this address and password.
///
/// Where the network is not known, no account is charged: the next visitor may be anybody, the owner too.
pub(super) async fn authenticate(
    app: &App,
    email: &Destination,
    password: &str,
    visitor: &Visitor,
) -> Result<Option<Account>, AppError> {
    let charges = of_anyone(visitor.network, email);
    match attempt(app, email, password, &charges, Lane::Anyone).await {
        Err(AppError::Busy | AppError::Throttled(_)) if is_known(app, email, visitor).await? => {
            let charges = [of_known_devices(email)];
            attempt(app, email, password, &charges, Lane::KnownDevices).await
        }
        done => done,
    }
}

async fn attempt(
    app: &App,
    email: &Destination,
    password: &str,
    charges: &[Charge],
    lane: Lane,
) -> Result<Option<Account>, AppError> {
    let place = app.accounts.enter(lane)?;
    spend(app, charges).await?;
    let found = app.accounts.authenticate(place, email, password.to_owned());
    let found = found.await?;
    if found.is_some() {
        let refunded = app.tokens.limit_store().refund(charges, 1).await;
        refunded.map_err(AppError::unavailable)?;
    }
    Ok(found)
}

/// Whether the browser is a device that the owner of the account with this address was remembered on.
async fn is_known(app: &App, email: &Destination, visitor: &Visitor) -> Result<bool, AppError> {
    let Some(device) = &visitor.device else {
        return Ok(false);
    };
    let Some(account) = app.accounts.by_email(email).await? else {
        return Ok(false);
    };
    let epoch = Some(account.epoch);
    Ok(app.devices.knows(&account.subject, epoch, device).await?)
}

/// What a visit from a network costs, where that is known.
pub(crate) fn of_network(network: Option<IpAddr>) -> Vec<Charge> {
    let network = network.map(counted_network);
    let charge = network.map(|network| {
        let operation = [("network", network.as_str())];
        let binding = Binding::tenant("").operation(&operation);
        Charge {
            key: LimitKey::new(LimitScope::Application, "password network", &binding),
            limit: PER_NETWORK,
        }
    });
    charge.into_iter().collect()
}

fn of_anyone(network: Option<IpAddr>, email: &Destination) -> Vec<Charge> {
    let mut charges = of_network(network);
    charges.extend(network.map(counted_network).map(|network| {
        let address = folded(email);
        let operation = [("network", network.as_str()), ("address", &address)];
        let binding = Binding::tenant("").operation(&operation);
        Charge {
            key: LimitKey::new(LimitScope::Application, "password account", &binding),
            limit: PER_ACCOUNT,
        }
    }));
    charges
}

fn of_known_devices(email: &Destination) -> Charge {
    let address = folded(email);
    let operation = [("address", address.as_str())];
    let binding = Binding::tenant("").operation(&operation);
    Charge {
        key: LimitKey::new(LimitScope::Application, "password known devices", &binding),
        limit: KNOWN_DEVICES,
    }
}

pub(crate) async fn spend(app: &App, charges: &[Charge]) -> Result<(), AppError> {
    match app
        .tokens
        .limit_store()
        .spend(charges, app.tokens.now())
        .await
        .map_err(AppError::unavailable)?
    {
        Spent::Allowed => Ok(()),
        Spent::Ahead(_) => Err(AppError::unavailable(AHEAD)),
        Spent::RetryAt(_, at) => Err(AppError::throttled(Some(at), app.tokens.now())),
        Spent::Locked(_) => Err(AppError::Throttled(None)),
    }
}
