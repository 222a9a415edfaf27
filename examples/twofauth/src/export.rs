//! Export.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, ok},
    call::{Call, switch},
    icons, shape,
    twofaccounts::own_among,
    uri,
};

/// What an importer of this format knows it by.
pub(crate) const APP: &str = "2fauth_v8.0.1";

pub(crate) async fn export(call: Call) -> Answer {
    let ids = call.needed_ids()?;
    let app = call.app();
    let accounts = own_among(&call, &ids).await?;
    let mut data = Vec::new();
    let uris = call.visit.parameter("otpauth").map(switch);
    let wrong = || ApiError::invalid("otpauth", "The otpauth field must be true or false.");
    let uris = uris.map_or(Some(false), |said| said).ok_or_else(wrong)?;
    for account in accounts.iter() {
        let entry = &account.kept.entry;
        let own = uri::write(entry);
        if uris {
            data.push(json!({"uri": own.as_str()}));
            continue;
        }
        let mut value = shape::account(&account.kept);
        if let Some(fields) = value.as_object_mut() {
            fields.remove("group_id");
        }
        let icon = match &account.kept.icon {
            Some(name) => icons::find(app, name).await?,
            None => None,
        };
        let mime = icon.as_ref().map(|icon| icon.media_type.as_str());
        let file = icon.as_ref().map(|icon| STANDARD.encode(&icon.bytes));
        shape::put(&mut value, "icon_mime", mime);
        shape::put(&mut value, "icon_file", file);
        shape::put(&mut value, "secret", shape::padded(entry));
        let uri = account.kept.uri.as_ref().unwrap_or(&own);
        shape::put(&mut value, "legacy_uri", uri.as_str());
        data.push(value);
    }
    let mut export = json!({"app": APP, "datetime": app.stamp(), "data": Value::Array(data)});
    if !uris {
        shape::put(&mut export, "schema", 1);
    }
    ok(&export)
}
