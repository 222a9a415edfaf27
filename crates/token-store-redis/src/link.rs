//! The way to the server.

use core::time::Duration;

use redis::{
    Cmd, Pipeline, RedisError, RedisResult, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// A connection that is made again when it was lost. What was on its way then is an error: it is
/// never sent twice, since it may have been done.
#[derive(Clone)]
pub(crate) enum Link {
    /// To a standalone server.
    One(ConnectionManager),
    /// To the primary that has the slot.
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Link {
    pub(crate) async fn one(client: redis::Client, timeout: Duration) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            // Each verb that finds no connection tries again.
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10));
        let manager = ConnectionManager::new_with_config(client, config).await?;
        Ok(Self::One(manager))
    }

    #[cfg(feature = "cluster")]
    pub(crate) async fn cluster(
        nodes: Vec<redis::ConnectionInfo>,
        timeout: Duration,
    ) -> RedisResult<Self> {
        let client = redis::cluster::ClusterClient::builder(nodes)
            // The client repeats after a lost connection too, and then a verb is done twice.
            .retries(0)
            .connection_timeout(timeout)
            .response_timeout(timeout)
            .build()?;
        Ok(Self::Cluster(client.get_async_connection().await?))
    }

    /// Sends a command to the server that has `key`.
    pub(crate) async fn send(&self, command: &Cmd, key: &str) -> RedisResult<Value> {
        let value = match self {
            Self::One(manager) => manager.clone().send_packed_command(command).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                let route = redis::cluster_routing::RoutingInfo::SingleNode(primary_of(key));
                let mut connection = connection.clone();
                connection.route_command(command.clone(), route).await
            }
        };
        #[cfg(not(feature = "cluster"))]
        let _ = key;
        value?.extract_error()
    }

    /// Sends a command that writes, and asks on the same connection, after it, how many replicas have it.
    pub(crate) async fn send_and_wait(
        &self,
        command: &Cmd,
        key: &str,
        replicas: u32,
        patience: Duration,
    ) -> RedisResult<(Value, i64)> {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(command.clone());
        // 0 would be for ever.
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        pipeline.cmd("WAIT").arg(replicas).arg(patience.max(1));
        let values = match self {
            Self::One(manager) => manager.clone().send_packed_commands(&pipeline, 0, 2).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                let mut connection = connection.clone();
                let route = primary_of(key);
                connection.route_pipeline(pipeline, 0, 2, route).await
            }
        };
        #[cfg(not(feature = "cluster"))]
        let _ = key;
        let mut values = values?.into_iter();
        let answer = values.next().ok_or_else(strange)?.extract_error()?;
        match values.next().ok_or_else(strange)?.extract_error()? {
            Value::Int(acknowledged) => Ok((answer, acknowledged)),
            _ => Err(strange()),
        }
    }
}

fn strange() -> RedisError {
    (
        redis::ErrorKind::UnexpectedReturnType,
        "not what WAIT answers",
    )
        .into()
}

#[cfg(feature = "cluster")]
fn primary_of(key: &str) -> redis::cluster_routing::SingleNodeRoutingInfo {
    use redis::cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr};
    SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master))
}
