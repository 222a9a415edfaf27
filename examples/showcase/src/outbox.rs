//! The development outbox: what would have been sent by e-mail.
//!
//! Whoever reads it signs in as anybody. So it is in no build without the feature `outbox`, and there for this machine
//! alone, unless the operator says otherwise.

use axum::extract::State;
use maud::{Markup, html};

use crate::{
    app::Shared,
    error::AppError,
    layout::{self, Page, Who},
    session::SignedIn,
};

pub(crate) async fn show(
    State(app): Shared,
    signed_in: Result<SignedIn, AppError>,
) -> Result<Page, AppError> {
    let outbox = app.outbox.as_ref().ok_or(AppError::NotFound)?;
    let who = match signed_in {
        Ok(_) => Who::SignedIn,
        Err(outage @ AppError::Unavailable(_)) => return Err(outage),
        Err(_) => Who::Nobody,
    };
    let messages = outbox.messages();
    let body = html! {
        h1 { "Outbox" }
        p.soft { "What would have been sent by e-mail. Only a demonstration shows this to anybody: with a real mail server, there is no such page." }
        @if messages.is_empty() {
            section.card { p { "Nothing was sent yet. Ask for a code by e-mail, then reload this page." } }
        }
        @for message in messages.iter().rev() {
            article.card {
                h2 { (message.subject().unwrap_or("Message")) }
                p.soft.small { "To " (message.destination().address()) }
                p.mail { (with_links(message.expose_text().unwrap_or_default(), &app.origins)) }
            }
        }
    };
    Ok(layout::page(who, "Outbox", true, body))
}

/// A text whose lines that are links of ours can be followed.
fn with_links(text: &str, origins: &[String]) -> Markup {
    let ours = |line: &str| {
        let path = |origin: &String| line.strip_prefix(origin.as_str());
        origins
            .iter()
            .filter_map(path)
            .any(|path| path.starts_with('/'))
    };
    html! {
        @for line in text.split_inclusive('\n') {
            @if ours(line) { a href=(line.trim_end()) { (line.trim_end()) } "\n" } @else { (line) }
        }
    }
}
