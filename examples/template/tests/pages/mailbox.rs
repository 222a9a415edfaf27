//! The mail that left.

use core::{net::IpAddr, time::Duration};
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use async_trait::async_trait;
use token_delivery::{Delivery, DeliveryError, Message};
use twofa_providers::token_store::ott_core::Purpose;

/// One mail.
pub(crate) struct Mail {
    to: String,
    purpose: String,
    /// The code, or the token of the link; empty where there is none.
    pub(crate) token: String,
    /// What a notice tells, and from which network it happened.
    pub(crate) what: String,
    pub(crate) from: Option<IpAddr>,
}

/// Everybody's mail.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Vec<Mail>>>);

#[async_trait]
impl Delivery for Mailbox {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let token = message.token();
        let what = message.news().map(|news| news.what.as_str().to_owned());
        self.0.lock().unwrap().push(Mail {
            to: message.destination().address().into(),
            purpose: message.purpose().as_str().into(),
            token: token.map_or_else(String::new, |token| token.expose_secret().into()),
            what: what.unwrap_or_default(),
            from: message.news().and_then(|news| news.from),
        });
        Ok(())
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

impl Mailbox {
    /// Takes out the oldest mail of this purpose to this address, which may leave after the answer.
    pub(crate) async fn take(&self, to: &str, purpose: &str) -> Mail {
        let began = Instant::now();
        loop {
            {
                let mut all = self.0.lock().unwrap();
                let wanted = |mail: &Mail| mail.to == to && mail.purpose == purpose;
                if let Some(at) = all.iter().position(wanted) {
                    return all.remove(at);
                }
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "no {purpose} for {to}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many mails of this purpose wait for this address.
    pub(crate) fn count(&self, to: &str, purpose: &str) -> usize {
        let all = self.0.lock().unwrap();
        let wanted = |mail: &&Mail| mail.to == to && mail.purpose == purpose;
        all.iter().filter(wanted).count()
    }
}
