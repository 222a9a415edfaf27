//! The client of a validation server: the one beside the API, or the one of the settings.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract_server::{Engine, Fault};
use ott_bearer::token_store::ott_core::rand::{TryRng as _, rngs::SysRng};
use serde::{Deserialize, Serialize};
use twofa_providers::yubico::{ApiKey, ValidationClient};
use yubico_validation::{Client, Validation};
use zeroize::Zeroizing;

use crate::settings::Settings;

/// What the API's own client has, as a sealed document.
#[derive(Deserialize, Serialize)]
struct Own {
    id: u64,
    key: Zeroizing<String>,
}

/// Above every id that a file would name.
const OWN_IDS: u64 = 1 << 40;

/// The client that the settings name, or else one of our own at the server beside the API.
pub(crate) async fn client(
    settings: &Settings,
    engine: &Engine,
    validation: &Validation,
    own: &str,
) -> Result<ValidationClient, Fault> {
    if let Some(url) = &settings.yubicloud_url {
        let id = settings.yubicloud_id;
        let id = id.ok_or("settings: yubicloud_url takes a yubicloud_id")?;
        let mut client = ValidationClient::builder(id).server(url);
        if let Some(key) = &settings.yubicloud_key {
            let key = ApiKey::from_base64(key);
            client = client.key(key.map_err(|error| format!("settings: yubicloud_key: {error}"))?);
        }
        let built = client.build();
        return Ok(built.map_err(|error| format!("settings: yubicloud_url: {error}"))?);
    }
    let documents = &engine.documents;
    let (kind, id) = ("server", "validation-client");
    let mut key = Zeroizing::new([0; 20]);
    SysRng.try_fill_bytes(key.as_mut_slice())?;
    let drawn = Own {
        id: OWN_IDS | u64::from(SysRng.try_next_u32()?),
        key: Zeroizing::new(STANDARD.encode(key.as_slice())),
    };
    documents.add(kind, id, &drawn).await?;
    let kept = documents.get::<Own>(kind, id).await?;
    let Own { id, key } = kept
        .ok_or("the key of the validation client is gone")?
        .value;
    validation.add_client(&Client::new(id, &key)).await?;
    let server = format!("{own}/wsapi/2.0/verify");
    let client = ValidationClient::builder(id).key(ApiKey::from_base64(&key)?);
    Ok(client.server(&server).build()?)
}
