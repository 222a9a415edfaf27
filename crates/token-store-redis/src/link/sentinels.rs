//! A primary that Sentinels watch: they say which server it is.

use core::time::Duration;
use std::collections::HashMap;

use redis::{
    AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind,
    Value, aio::MultiplexedConnection,
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    address::{Address, beside},
    connect, strange,
};

pub(crate) struct Sentinels {
    pub(crate) named: Vec<ConnectionInfo>,
    /// What the primary is called there.
    pub(crate) service: String,
    /// Its user, password, database and TLS, at whatever host.
    pub(crate) primary: ConnectionInfo,
}

impl Sentinels {
    /// Asks every Sentinel at once, since one that hangs, or is gone, must hold up nobody. The server that most of all
    /// name is believed at once; after `grace`, or where no more answer, the one that most of them name: a Sentinel
    /// that was cut off names the old primary still. The server must say itself that it is the primary.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        grace: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let mut connection = connect(
            &beside(&self.primary, &self.named(config, grace).await?),
            config,
        )
        .await?;
        let role = connection.send_packed_command(&redis::cmd("ROLE")).await?;
        let mut role = role
            .extract_error()?
            .into_sequence()
            .map_err(|_| strange())?
            .into_iter();
        let role: String = redis::from_redis_value(role.next().unwrap_or(Value::Nil))?;
        if role == "master" {
            Ok(connection)
        } else {
            Err(replica())
        }
    }

    async fn named(&self, config: &AsyncConnectionConfig, grace: Duration) -> RedisResult<Address> {
        let mut asked = JoinSet::new();
        for sentinel in &self.named {
            let (sentinel, config, service) =
                (sentinel.clone(), config.clone(), self.service.clone());
            asked.spawn(async move { ask(&sentinel, &service, &config).await });
        }
        let mut votes = HashMap::<Address, usize>::new();
        let mut error = None;
        loop {
            let next = asked.join_next();
            let told = if votes.is_empty() {
                next.await
            } else {
                timeout(grace, next).await.ok().flatten()
            };
            match told {
                None => break,
                Some(Ok(Ok(address))) => {
                    let count = votes.entry(address.clone()).or_default();
                    *count = count.saturating_add(1);
                    if count.saturating_mul(2) > self.named.len() {
                        return Ok(address);
                    }
                }
                Some(Ok(Err(told))) => error = Some(told),
                Some(Err(_)) => {}
            }
        }
        let most = votes.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(address, _)| address)
            .ok_or_else(|| error.unwrap_or_else(strange))
    }
}

async fn ask(
    sentinel: &ConnectionInfo,
    service: &str,
    config: &AsyncConnectionConfig,
) -> RedisResult<Address> {
    let mut connection = connect(sentinel, config).await?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    let told = connection.send_packed_command(&question).await?;
    redis::from_redis_value(told.extract_error()?).map_err(|_| strange())
}

/// What a replica itself would answer to a verb.
fn replica() -> RedisError {
    let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
    (kind, "the Sentinels name a server that is no primary").into()
}
