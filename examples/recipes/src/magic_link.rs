//! A link that signs in, that a mail scanner cannot use up, and that works in one browser alone.
//!
//! `token-store-sqlx = "0.1"`, `token-delivery = { version = "0.1", features = ["smtp"] }`.

use token_delivery::{Template, Templates, TemplatesError};
use token_store_sqlx::SqliteStore;
use token_store_sqlx::token_store::ott_core::chrono::TimeDelta;
use token_store_sqlx::token_store::ott_core::{Binding, Policy, Purpose, Subject, Token};
use token_store_sqlx::token_store::{Claimed, Tokens, TokensError};

use crate::Fault;

/// 258 bits, once. Quarter of an hour is enough for a mail.
pub const SIGN_IN: Policy =
    Policy::link(Purpose::new("magic-link")).lifetime(TimeDelta::minutes(15));

/// The link is `https://example.org/in#TOKEN`: what stands behind `#` is sent to no server.
pub fn words() -> Result<Templates, TemplatesError> {
    let mail = Template::new(&SIGN_IN, "Sign in", "Sign in to {application}: {link}");
    Templates::new("Example", [mail.link("https://example.org/in")])
}

/// The page that GET answers, to people and to scanners. GET changes nothing and redeems nothing:
/// the button posts the token, so the person signs in and whoever only opens the link does not.
pub const PAGE: &str = r#"<form method="post">
<input type="hidden" name="token"><button>Sign in to Example</button></form>
<script>
document.forms[0].token.value = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
</script>"#;

/// The token for the mail. `browser` is a random value in a cookie of the browser that asks
/// (`HttpOnly`, `Secure`, `SameSite=Lax`): a link that somebody forwards, or a scanner that also
/// presses buttons, has no such cookie.
pub async fn ask(
    tokens: &Tokens<SqliteStore>,
    account: &Subject,
    browser: &str,
) -> Result<Token, Fault> {
    let here = [("browser", browser)];
    let binding = Binding::subject(account).operation(&here);
    Ok(tokens.issue(&SIGN_IN, &binding).await?.token)
}

/// What the button posts, with the cookie. A wrong browser is refused and spends nothing.
pub async fn sign_in(
    tokens: &Tokens<SqliteStore>,
    token: &str,
    browser: &str,
) -> Result<Option<Subject>, Fault> {
    let account = async |claimed: Claimed| {
        let (here, owner) = ([("browser", browser)], claimed.owner());
        Ok(owner.map(|owner| Binding::subject(&owner).operation(&here).into_owned()))
    };
    match tokens.redeem_by_itself(&SIGN_IN, "", token, account).await {
        Ok(record) => Ok(record.stored().owner()), // now make a session, and a new session id
        Err(TokensError::Rejected(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
