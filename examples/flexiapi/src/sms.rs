//! Codes to phones over a gateway, and what they may cost. The file of `--sms-gateway`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use async_trait::async_trait;
use contract_server::{Fault, read_json};
use serde::Deserialize;
use serde_json::Value;
use token_delivery::{
    Delivery, DeliveryError, Gateway, KeptBack, Message, SpendEvents, SpendGuard, Templates,
};
use twofa_providers::token_store::{
    Clock, LimitStore,
    ott_core::{Channel, KeyRing, Purpose},
};
use zeroize::Zeroizing;

use crate::policies::RECOVERY_CODE;

/// How the gateway is spoken to, and what is paid for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sms {
    address: String,
    #[serde(default)]
    headers: BTreeMap<String, Zeroizing<String>>,
    /// A body of JSON with `{to}` or `{number}`, and `{text}`.
    json: Value,
    idempotency_header: Option<String>,
    taken_where: Option<TakenWhere>,
    /// The most within any 24 hours, for recoveries and for changes each, in the smallest unit of the currency.
    budget: u32,
    /// By number prefix, in the same.
    prices: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenWhere {
    pointer: String,
    values: Vec<String>,
}

impl Sms {
    pub(crate) fn read(file: &Path, words: Templates) -> Result<(Self, Gateway), Fault> {
        let sms = read_json::<Self>("sms gateway", file)?;
        let gateway = sms.gateway(words);
        let gateway = gateway.map_err(|error| format!("sms gateway: {error}"))?;
        Ok((sms, gateway))
    }

    fn gateway(&self, words: Templates) -> Result<Gateway, Fault> {
        let mut gateway =
            Gateway::builder(self.address.as_str(), words).json(&self.json.to_string());
        for (name, value) in &self.headers {
            gateway = gateway.header(name.as_str(), value.as_str());
        }
        if let Some(name) = &self.idempotency_header {
            gateway = gateway.idempotency_header(name.as_str());
        }
        if let Some(TakenWhere { pointer, values }) = &self.taken_where {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            gateway = gateway.taken_where(pointer.as_str(), &values);
        }
        Ok(gateway.build()?)
    }

    /// What sends to phones by this gateway, and anywhere else by `rest`. Recoveries, for which anybody can ask, have a
    /// budget of their own.
    pub(crate) fn deliveries(
        &self,
        gateway: &Gateway,
        rest: Arc<dyn Delivery>,
        limits: &Arc<dyn LimitStore>,
        keys: &KeyRing,
        clock: &Arc<dyn Clock>,
    ) -> Result<Deliveries, Fault> {
        let guard = |name: &str| {
            let mut guard =
                SpendGuard::builder(gateway.clone(), Arc::clone(limits), keys.clone(), name)
                    .clock(Arc::clone(clock))
                    .events(Arc::new(Warned))
                    .budget(self.budget);
            for (prefix, price) in &self.prices {
                guard = guard.price(prefix.as_str(), *price);
            }
            guard
                .build()
                .map_err(|error| format!("sms gateway: {error}"))
        };
        Ok(Deliveries {
            recoveries: guard("recovery")?,
            changes: guard("change")?,
            rest,
        })
    }
}

/// Where each message goes.
pub(crate) struct Deliveries {
    recoveries: SpendGuard<Gateway>,
    changes: SpendGuard<Gateway>,
    rest: Arc<dyn Delivery>,
}

#[async_trait]
impl Delivery for Deliveries {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        match message.destination().channel() {
            Channel::Phone if *message.purpose() == RECOVERY_CODE => {
                self.recoveries.deliver(message).await
            }
            Channel::Phone => self.changes.deliver(message).await,
            _ => self.rest.deliver(message).await,
        }
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.recoveries.sends(purpose) && self.rest.sends(purpose)
    }
}

/// Tells the operator which block is stopped.
struct Warned;

impl SpendEvents for Warned {
    fn kept_back(&self, event: &KeptBack<'_>) {
        let (guard, limit, block) = (event.guard, event.limit.as_str(), event.block);
        contract_server::warn(&format!(
            "sms: a {guard} code to {block}… was kept back: the limit of the {limit}"
        ));
    }
}
