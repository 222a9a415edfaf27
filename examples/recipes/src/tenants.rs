//! Two tenants with two brands: one database, one key ring, and nothing of one is good elsewhere.
//!
//! `twofa-providers = "0.1"`, `token-delivery = { version = "0.1", features = ["smtp"] }`.

use std::{collections::HashMap, sync::Arc};

use token_delivery::{Delivery, Message, Template, Templates, TemplatesError};
use twofa_providers::token_store::ott_core::{Binding, Destination, Handle, Policy, Purpose};
use twofa_providers::token_store::{Tokens, ott_core::Subject};
use twofa_providers::{EnrolDetails, Enrolled, TwoFactor, TwoFactorError};

use crate::Fault;

/// The step behind the password, at every tenant.
pub const CODE: Policy = Policy::code(Purpose::new("second-step"));

/// What a tenant shows: a name in apps and mails, and a server that sends in its name.
pub struct Brand {
    /// `Blue Bank`.
    pub name: &'static str,
    /// With the templates of [`words`].
    pub delivery: Arc<dyn Delivery>,
}

/// The words of a brand. Each tenant can have other ones.
pub fn words(name: &str) -> Result<Templates, TemplatesError> {
    let mail = Template::new(&CODE, "Your code", "{token} signs you in to {application}.");
    Templates::new(name, [mail])
}

/// Sends a code in the name of the subject's tenant; `Tokens::redeem` takes it. The tenant comes
/// from the request's host name, never from a form: one id at two tenants is two subjects.
pub async fn send(
    tokens: &Tokens,
    brands: &HashMap<&str, Brand>,
    who: &Subject,
    email: &Destination,
) -> Result<Handle, Fault> {
    let brand = brands.get(who.tenant()).ok_or("no such tenant")?;
    let issued = tokens
        .issue(&CODE, &Binding::subject(who).destination(email))
        .await?;
    let message = Message::new(CODE.purpose(), email, &issued.token);
    brand.delivery.deliver(&message).await?;
    Ok(issued.handle)
}

/// An app shows the tenant's name beside the code.
pub async fn enrol(
    engine: &TwoFactor,
    brand: &Brand,
    who: &Subject,
    account: &str,
) -> Result<Enrolled, TwoFactorError> {
    let details = EnrolDetails::new(who, account).issuer(brand.name);
    engine.enrol("totp", &details, "App", None).await
}
