//! What a mailbox gets because somebody typed its address into a form.

use twofa_providers::token_store::{
    Charge,
    ott_core::{Binding, Destination, Limit, LimitKey, LimitScope, chrono::TimeDelta},
};

use crate::{accounts::folded, app::App};

/// Over all forms, accounts and networks: 10, then one each 72 minutes, at most 30 within any 24 hours.
const TO_MAILBOX: Limit = Limit::pace(10, TimeDelta::minutes(72));

/// What a message to this address costs, whatever it says and whoever asked for it.
///
/// The engine counts the codes of second steps apart: whoever types a stranger's address here uses up none of those.
pub(crate) fn charge(app: &App, email: &Destination) -> Charge {
    charge_of(app, email, "sent to", TO_MAILBOX)
}

/// What counts mails to an address, by this name: in the database it stands under the server's key, as the engine's own counts
/// do, so that whoever reads that finds no address by trying many. A rotation begins it anew, which is no more than some more
/// mail.
pub(crate) fn charge_of(app: &App, email: &Destination, name: &str, limit: Limit) -> Charge {
    let written = Destination::device(folded(email)).unwrap_or_else(|_| email.clone());
    let address = app.tokens.issuer().keys().pseudonym(&written).to_string();
    let operation = [("address", address.as_str())];
    let binding = Binding::tenant("").operation(&operation);
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &binding),
        limit,
    }
}
