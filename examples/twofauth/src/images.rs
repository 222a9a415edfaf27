//! Pictures that a URI names, where the administrator has them fetched.

use core::time::Duration;

use contract_server::Fault;
use otp_vault::{Icon, limits::ICON_BYTES};
use token_delivery::{HttpClient, HttpRequest};

use crate::{answer::ApiError, call::Call, icons, settings::Settings, uri};

/// For all of an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What gets them, if they are fetched: of public addresses, unless the administrator says otherwise. It follows no
/// redirect.
pub(crate) fn client(settings: &Settings) -> Result<Option<HttpClient>, Fault> {
    if !settings.fetches_images() {
        return Ok(None);
    }
    let builder = HttpClient::builder(PATIENCE);
    let builder = if settings.otpauth_imagelink_private_networks {
        builder
    } else {
        builder.public_only()
    };
    Ok(Some(builder.build()?))
}

/// Keeps the picture that a URI names as an icon of the caller's; its file's name. Without one that is there and is a picture,
/// the account has no icon.
pub(crate) async fn of_uri(call: &Call, uri: &str) -> Result<Option<String>, ApiError> {
    let Some(client) = &call.app().images else {
        return Ok(None);
    };
    let Some(bytes) = fetch(client, uri).await else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || Icon::read(&bytes));
    match read.await.map_err(|error| ApiError::outage(&error))? {
        Ok(icon) => Ok(Some(icons::keep(call.app(), call.id, &icon).await?)),
        Err(_) => Ok(None),
    }
}

/// Nothing is told of why there is none: who names an address learns nothing of what stands behind it.
async fn fetch(client: &HttpClient, uri: &str) -> Option<Vec<u8>> {
    let request = HttpRequest::new("GET", &uri::image(uri)?, Vec::new()).ok()?;
    let request = request.header("accept", "image/*").ok()?;
    let answer = client.send(request).await.ok()?;
    if !answer.is_success() {
        return None;
    }
    answer.body_up_to(ICON_BYTES).await.ok()
}
