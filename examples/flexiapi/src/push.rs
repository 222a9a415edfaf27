//! Devices, and how a token is pushed to one.

use std::collections::BTreeMap;

use contract_server::Fault;
use serde::{Deserialize, Serialize};
use serde_json::json;
use token_delivery::{HttpError, HttpRequest};
use twofa_providers::token_store::ott_core::{Purpose, Token};

use crate::{
    answer::{ApiError, Faults},
    app::App,
    call::Parameters,
    settings::check_address,
};

const PROVIDERS: [&str; 3] = ["apns.dev", "apns", "fcm"];

/// Where a device is reached: the triple of the contract.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Device {
    pub(crate) provider: String,
    pub(crate) param: Option<String>,
    pub(crate) prid: Option<String>,
}

impl Device {
    /// Reads and checks the three parameters.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, ApiError> {
        let mut faults = Faults::default();
        let provider = parameters.required("pn_provider", &mut faults);
        let param = parameters.text("pn_param", &mut faults);
        let prid = parameters.text("pn_prid", &mut faults);
        let provider = provider.unwrap_or_default();
        if !provider.is_empty() && !PROVIDERS.contains(&provider.as_str()) {
            let what = "The pn_provider should be in apns.dev, apns, fcm";
            faults.add("pn_provider", what);
        }
        let made_of = |text: &Option<String>, more: &str| {
            let fits = |one: char| one.is_ascii_alphanumeric() || more.contains(one);
            text.as_ref().is_none_or(|text| text.chars().all(fits))
        };
        if !made_of(&param, "_.") {
            faults.add(
                "pn_param",
                "The pn_param should be null or contain only alphanumeric, dots and underscore characters",
            );
        }
        if !made_of(&prid, "_-:") {
            faults.add(
                "pn_prid",
                "The pn_prid should be null or contain only alphanumeric, dashes, underscore and colon characters",
            );
        }
        faults.end()?;
        Ok(Self {
            provider,
            param,
            prid,
        })
    }

    /// One text for one device.
    pub(crate) fn name(&self) -> String {
        json!([self.provider, self.param, self.prid]).to_string()
    }
}

/// Where the pushes of each provider go.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Addresses {
    fcm: Option<String>,
    apns: Option<String>,
    #[serde(rename = "apns.dev")]
    apns_dev: Option<String>,
}

impl Addresses {
    /// By provider, each checked.
    pub(crate) fn read(&self) -> Result<BTreeMap<&'static str, String>, Fault> {
        let all = [
            ("fcm", &self.fcm),
            ("apns", &self.apns),
            ("apns.dev", &self.apns_dev),
        ];
        let mut read = BTreeMap::new();
        for (provider, address) in all {
            if let Some(address) = address {
                check_address(address).map_err(|why| format!("push: {provider}: {why}"))?;
                read.insert(provider, address.clone());
            }
        }
        Ok(read)
    }
}

impl App {
    /// Pushes a token to a device, in one attempt: whether it was sent.
    pub(crate) async fn push(&self, device: &Device, purpose: &Purpose, token: &Token) -> bool {
        let Some(address) = self.push.get(device.provider.as_str()) else {
            return self.push_into_outbox(device, purpose, token);
        };
        let body = json!({
            "pn_provider": device.provider,
            "pn_param": device.param,
            "pn_prid": device.prid,
            "payload": {"token": token.expose_secret()},
        });
        match self.post_push(address, body.to_string()).await {
            Ok(sent) => sent,
            Err(error) => {
                contract_server::warn(&format!("a push was not sent: {error}"));
                false
            }
        }
    }

    async fn post_push(&self, address: &str, body: String) -> Result<bool, HttpError> {
        let request = HttpRequest::new("POST", address, body)?;
        let request = request.header("content-type", "application/json")?;
        Ok(self.client.send(request).await?.is_success())
    }

    fn push_into_outbox(&self, device: &Device, purpose: &Purpose, token: &Token) -> bool {
        let Some(outbox) = &self.outbox else {
            contract_server::warn("no push address is set for this provider");
            return false;
        };
        let parts = [&device.param, &device.prid].map(|part| part.as_deref().unwrap_or_default());
        let [param, prid] = parts;
        let to = format!("{} {param} {prid}", device.provider);
        let token = token.expose_secret();
        let text = format!("token: {token}");
        outbox
            .push(to.trim_end(), purpose, &text, Some(token))
            .is_ok()
    }
}
