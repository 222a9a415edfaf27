//! Import: files of other programs become accounts that nobody keeps yet.

use std::sync::Arc;

use axum::{http::header::CONTENT_TYPE, response::IntoResponse as _};
use otp_vault::{KnownEntries, store::Account};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError},
    call::Call,
    fields::Fields,
    icons, shape,
};

mod read;

use read::{Entry, Said, read};

/// What is to be read, and whether secrets are to be told.
type Payload = (String, bool);

fn no_payload() -> ApiError {
    let needed = "The payload field is required when file is not present.";
    ApiError::invalid("payload", needed)
}

/// The payload of a form: a file, or a text.
async fn of_form(call: &Call) -> Result<Payload, ApiError> {
    let mut with_secret = false;
    let mut payload = None;
    for part in call.visit.form().await? {
        match part.name.as_str() {
            "file" | "payload" => payload = Some(part.bytes),
            "withSecret" => with_secret = core::str::from_utf8(&part.bytes).is_ok_and(is_on),
            _ => {}
        }
    }
    let text = String::from_utf8(payload.ok_or_else(no_payload)?);
    let text = text.map_err(|_| {
        ApiError::invalid("file", "The file field must be a text, JSON or CSV file.")
    })?;
    if text.is_empty() {
        return Err(ApiError::invalid(
            "file",
            "The file field must not be empty.",
        ));
    }
    Ok((text, with_secret))
}

/// The payload of a JSON body.
fn of_body(call: &Call) -> Result<Payload, ApiError> {
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let text = fields.text("payload").map(str::to_owned);
    let with_secret = body.get("withSecret").is_some_and(|value| match value {
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => is_on(text),
        _ => false,
    });
    fields.check()?;
    Ok((text.ok_or_else(no_payload)?, with_secret))
}

fn is_on(text: &str) -> bool {
    crate::call::switch(text) == Some(true)
}

pub(crate) async fn migrate(call: Call) -> Answer {
    let app = Arc::clone(&call.visit.app);
    let turn = app.importing.acquire().await;
    let _turn = turn.map_err(|error| ApiError::outage(&error))?;
    let form = if call.visit.is_multipart() {
        Some(of_form(&call).await?)
    } else {
        None
    };
    let (owner, subject) = (call.id, call.subject.clone());
    let read = blocking(move || {
        let (text, with_secret) = form.map_or_else(|| of_body(&call), Ok)?;
        let with_secret = with_secret || call.visit.switch("withSecret").unwrap_or(false);
        let entries = read(text.trim_start_matches('\u{feff}').trim())?;
        Ok::<_, ApiError>((entries, with_secret))
    });
    let (mut entries, with_secret) = read.await??;
    for entry in &mut entries {
        if let (Ok(draft), Some(icon)) = (&mut entry.found, entry.icon.take()) {
            draft.icon = Some(icons::keep(&app, owner, &icon).await?);
        }
    }
    let own = app.vaults.list(&subject).await?;
    let shown = blocking(move || show(entries, &own, with_secret)).await?;
    let shown = shown.map_err(|error| ApiError::outage(&error))?;
    Ok(([(CONTENT_TYPE, "application/json")], shown).into_response())
}

/// Does what takes a while beside what serves other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::outage(&error))
}

/// The list that is answered, one entry after the other: none but one stands in memory as a tree.
fn show(
    entries: Vec<Entry>,
    own: &[Account],
    with_secret: bool,
) -> Result<Vec<u8>, serde_json::Error> {
    let known: KnownEntries<'_> = own.iter().map(|account| &account.kept.entry).collect();
    let mut list = b"[".to_vec();
    for entry in entries {
        if list.len() > 1 {
            list.push(b',');
        }
        serde_json::to_writer(&mut list, &entry.shape(&known, with_secret))?;
    }
    list.push(b']');
    Ok(list)
}

impl Entry {
    /// As a client reads it; −1 is among the user's accounts, −2 cannot be read.
    fn shape(&self, known: &KnownEntries<'_>, with_secret: bool) -> Value {
        let (mut value, secret) = match &self.found {
            Ok(draft) => {
                let mut value = shape::account(draft);
                let id = if known.has(&draft.entry) { -1 } else { 0 };
                shape::put(&mut value, "id", id);
                (value, shape::padded(&draft.entry))
            }
            Err(why) => {
                let Said {
                    otp_type,
                    service,
                    account,
                } = &self.said;
                let account = account.as_deref().or(service.as_deref());
                let value = json!({
                    "id": -2, "group_id": null, "otp_type": known_type(otp_type.as_deref()),
                    "account": account.unwrap_or("## invalid ##"), "service": service, "icon": null, "digits": null,
                    "algorithm": null, "period": null, "counter": null,
                });
                (value, why.clone())
            }
        };
        if with_secret {
            shape::put(&mut value, "secret", secret);
        }
        value
    }
}

/// A type that a client knows, also where the file has none of those.
fn known_type(said: Option<&str>) -> &'static str {
    let said = said.unwrap_or_default().to_ascii_lowercase();
    match said.as_str() {
        "hotp" => "hotp",
        "steamtotp" => "steamtotp",
        _ => "totp",
    }
}
