//! What stands in a build for release where one for development has an outbox and a clock file: nothing.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use twofa_providers::{
    token_delivery::{Delivery, DeliveryError, Message, Templates},
    token_store::{
        Clock, SystemClock,
        ott_core::{
            Purpose,
            chrono::{DateTime, Utc},
        },
    },
};

use crate::{Fault, Options};

/// What a server says that was told no way.
pub(crate) const NO_WAY: &str = "nothing says how messages leave: --smtp names a server";

/// There is none in a build for release.
#[derive(Clone, Debug)]
pub enum Outbox {}

impl Outbox {
    pub(crate) const fn of(
        _: &Options,
        _: &Path,
        _: &Arc<dyn Clock>,
        _: &Templates,
    ) -> Result<Option<Self>, Fault> {
        Ok(None)
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub const fn push(
        &self,
        _: &str,
        _: &Purpose,
        _: &str,
        _: Option<&str>,
    ) -> Result<(), DeliveryError> {
        match *self {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub const fn notice(&self, _: &str, _: &str, _: &str) -> Result<(), DeliveryError> {
        match *self {}
    }
}

#[async_trait]
impl Delivery for Outbox {
    async fn deliver(&self, _: &Message<'_>) -> Result<(), DeliveryError> {
        match *self {}
    }

    fn sends(&self, _: &Purpose) -> bool {
        match *self {}
    }
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct FileClock(());

impl FileClock {
    pub(crate) const fn of(_: &Options) -> Self {
        Self(())
    }

    /// Nothing starts: it is the machine's from the beginning.
    pub const fn start(&self) {}
}

impl Clock for FileClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}
