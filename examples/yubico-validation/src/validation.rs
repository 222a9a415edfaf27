//! The server without a framework: a query in, lines out.

use core::fmt;
use std::sync::Arc;

use twofa_providers::{
    oath_otp::yubico::{Otp, Press},
    token_store::{
        FactorStore, Tokens,
        ott_core::chrono::{DateTime, Utc},
    },
    yubico::Status,
};

use crate::{
    AddError, Client, Yubikey,
    answer::Answer,
    records::{ClientRecord, KeyRecord},
    request::{Query, Request},
    rows::{Outage, Row, Rows},
};

/// A validation server: keys and clients in a store, and what is answered.
pub struct Validation {
    rows: Rows,
    not_before: Option<DateTime<Utc>>,
}

impl Validation {
    /// Over this store of factors. Keys are sealed by, and time is that of, these tokens.
    #[must_use]
    pub fn new(tokens: &Arc<Tokens>, store: Arc<dyn FactorStore>) -> Self {
        Self {
            rows: Rows::new(tokens, store),
            not_before: None,
        }
    }

    /// Refuses every key that was neither added nor used since, until [`resume`](Self::resume): set it to the moment at
    /// which a backup was restored. What was spent between backup and restore is known to nobody, and a spent OTP
    /// would pass again.
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            not_before: Some(time),
            ..self
        }
    }

    /// Adds a Yubikey, which is sealed; says whether there was none with its public id. One that is there stays as
    /// it is.
    ///
    /// # Errors
    /// [`AddError`].
    pub async fn add_key(&self, key: &Yubikey) -> Result<bool, AddError> {
        let read = key.read(self.rows.tokens.now());
        let (id, record) = read.ok_or_else(|| AddError::Yubikey(key.public_id.clone()))?;
        Ok(self.rows.add(&id.to_string(), &record).await?)
    }

    /// Adds a client, whose key is sealed; says whether there was none with its id. One that is there stays as it is.
    ///
    /// # Errors
    /// [`AddError`].
    pub async fn add_client(&self, client: &Client) -> Result<bool, AddError> {
        let record = client.read().ok_or(AddError::Client(client.id))?;
        Ok(self.rows.add(&client.id.to_string(), &record).await?)
    }

    /// Answers the part of a request's address behind the question mark.
    pub async fn answer(&self, query: &str) -> String {
        let query = Query::parse(query);
        let client = match query.client() {
            Some(id) => self.rows.get::<ClientRecord>(&id.to_string()).await,
            None => Ok(None),
        };
        let (client, broken) = match client {
            Ok(client) => (client.map(|row| row.record), false),
            Err(_) => (None, true),
        };
        let key = client.as_ref().map(|client| &client.key);
        let now = self.rows.tokens.now();
        let request = match query.check() {
            Ok(request) => request,
            Err(status) => return Answer::new(status, now).to_text(key),
        };
        let allowed = match &client {
            _ if broken => Err(Status::BackendError),
            None => Err(Status::NoSuchClient),
            Some(client) if !client.enabled => Err(Status::OperationNotAllowed),
            Some(client) => query.check_signature(&client.key),
        };
        let spent = match allowed {
            Ok(()) => self.spend_in_time(&request, now).await,
            Err(status) => Err(status),
        };
        let answer = Answer::new(spent.err().unwrap_or(Status::Ok), now);
        let answer = match spent {
            Ok(press) => answer.echoing(&request).of(&press, request.timestamp),
            Err(Status::ReplayedOtp | Status::ReplayedRequest) => answer.echoing(&request),
            Err(_) => answer,
        };
        answer.to_text(key)
    }

    /// Takes a key up again that [`not_before`](Self::not_before) refuses, by an OTP that an operator saw come out of the
    /// key just now. It is spent by that.
    pub async fn resume(&self, typed: &str) -> Status {
        let otp = match Otp::parse(typed) {
            Ok(otp) if !otp.public_id().as_bytes().is_empty() => otp,
            _ => return Status::BadOtp,
        };
        let spent = self.spend(&otp, "", self.rows.tokens.now(), None).await;
        match spent {
            Ok(Ok(_)) => Status::Ok,
            Ok(Err(status)) => status,
            Err(_) => Status::BackendError,
        }
    }

    /// Spends within the time that the client gives other servers. The database stands for them here.
    async fn spend_in_time(&self, request: &Request, now: DateTime<Utc>) -> Result<Press, Status> {
        let spending = self.spend(&request.otp, &request.nonce, now, self.not_before);
        let spent = match request.timeout {
            None => Ok(spending.await),
            Some(timeout) => tokio::time::timeout(timeout, spending).await,
        };
        let spent = spent.map_err(|_| Status::NotEnoughAnswers)?;
        spent.unwrap_or(Err(Status::BackendError))
    }

    /// Spends the OTP in one step that compares what was read. Whoever was slower looks at what the faster one left.
    async fn spend(
        &self,
        otp: &Otp,
        nonce: &str,
        now: DateTime<Utc>,
        not_before: Option<DateTime<Utc>>,
    ) -> Result<Result<Press, Status>, Outage> {
        let name = otp.public_id().to_string();
        loop {
            let row: Option<Row<KeyRecord>> = self.rows.get(&name).await?;
            let Some(mut row) = row else {
                return Ok(Err(Status::BadOtp));
            };
            if not_before.is_some_and(|time| row.record.is_older_than(time)) {
                return Ok(Err(Status::BadOtp));
            }
            let press = match row.record.spend(otp, nonce, now) {
                Ok(press) => press,
                Err(status) => return Ok(Err(status)),
            };
            if self.rows.replace(row).await? {
                return Ok(Ok(press));
            }
        }
    }
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation").finish_non_exhaustive()
    }
}
