//! The members of a cluster, and which of them has the store's slot.
//!
//! A store is one slot, so it needs one connection, and no member that hangs can hold it up but the one
//! that has the slot.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use redis::{
    AsyncConnectionConfig, ConnectionInfo, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value, aio::MultiplexedConnection,
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    address::{Address, address, beside},
    connect, strange,
};
use crate::error::is_kind;

pub(crate) struct Members {
    /// The members that the caller named.
    named: Vec<ConnectionInfo>,
    /// A key in the slot.
    key: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Every member that one of them named.
    heard_of: Vec<Address>,
    /// Who had the slot when it was last asked.
    owner: Option<Address>,
    /// Who said of itself that it is of no use now.
    useless: Option<Address>,
}

/// The connection to the slot's primary, where that is, and where the others are.
struct Found {
    connection: MultiplexedConnection,
    owner: Address,
    members: Vec<Address>,
}

impl Members {
    pub(crate) fn new(named: Vec<ConnectionInfo>, key: String) -> Self {
        Self {
            named,
            key,
            state: Mutex::default(),
        }
    }

    /// Asks every member at once who has the slot; the first who leads there is believed, since one
    /// that hangs, or is gone, must hold up nobody.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        grace: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let (members, useless) = self.members();
        let mut asked = JoinSet::new();
        for member in members {
            let (key, config) = (self.key.clone(), config.clone());
            asked.spawn(async move { find(&member, &key, &config).await });
        }
        let (mut last_choice, mut error) = (None, None);
        loop {
            let next = asked.join_next();
            let told = match last_choice {
                None => next.await,
                // Whoever hangs must not hold up the last choice either.
                Some(_) => timeout(grace, next).await.ok().flatten(),
            };
            let Some(told) = told else { break };
            match told {
                // It knows better than the others that it is of no use, unless there is no other.
                Ok(Ok(found)) if Some(&found.owner) == useless.as_ref() => {
                    last_choice = Some(found)
                }
                Ok(Ok(found)) => return Ok(self.take(found)),
                Ok(Err(told)) => error = Some(told),
                Err(_) => {}
            }
        }
        match last_choice {
            Some(found) => Ok(self.take(found)),
            None => Err(error.unwrap_or_else(strange)),
        }
    }

    /// Takes note of an error; whether it says that the slot is, or may be, elsewhere.
    pub(super) fn heed(&self, error: &RedisError) -> bool {
        use ServerErrorKind::{ClusterDown, MasterDown, Moved, ReadOnly};
        let mut state = self.state();
        if is_kind(error, &[Moved]) {
            let owner = error
                .redirect_node()
                .and_then(|(address, _)| parse(address));
            // Without a host, it is on the host that said so.
            let owner = owner.map(|(host, port)| match (&*host, &state.owner) {
                ("" | "?", Some((here, _))) => (here.clone(), port),
                _ => (host, port),
            });
            state.useless = state.owner.take();
            state.heard_of.extend(owner);
            return true;
        }
        let wrong = is_kind(error, &[ClusterDown, MasterDown, ReadOnly]);
        if wrong {
            state.useless = state.owner.take();
        }
        wrong
    }

    /// Everybody who may know, and who is of no use.
    fn members(&self) -> (Vec<ConnectionInfo>, Option<Address>) {
        let state = self.state();
        let mut members = self.named.clone();
        let mut addresses: Vec<_> = members.iter().filter_map(address).collect();
        if let Some(settings) = self.named.first() {
            for heard_of in &state.heard_of {
                if !addresses.contains(heard_of) {
                    addresses.push(heard_of.clone());
                    members.push(beside(settings, heard_of));
                }
            }
        }
        (members, state.useless.clone())
    }

    fn take(&self, found: Found) -> MultiplexedConnection {
        let mut state = self.state();
        state.owner = Some(found.owner);
        state.heard_of = found.members;
        state.useless = None;
        found.connection
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows what a member says to the slot's primary, which must say so itself.
async fn find(
    member: &ConnectionInfo,
    key: &str,
    config: &AsyncConnectionConfig,
) -> RedisResult<Found> {
    let (connection, view) = ask(member, key, config).await?;
    if view.is_owner {
        return Ok(view.led_to(connection));
    }
    let (connection, view) = ask(&beside(member, &view.owner), key, config).await?;
    if view.is_owner {
        Ok(view.led_to(connection))
    } else {
        Err(strange())
    }
}

/// What a member says of the slot.
struct View {
    owner: Address,
    is_owner: bool,
    members: Vec<Address>,
}

impl View {
    fn led_to(self, connection: MultiplexedConnection) -> Found {
        Found {
            connection,
            owner: self.owner,
            members: self.members,
        }
    }
}

async fn ask(
    member: &ConnectionInfo,
    key: &str,
    config: &AsyncConnectionConfig,
) -> RedisResult<(MultiplexedConnection, View)> {
    let mut connection = connect(member, config).await?;
    let mut questions = Pipeline::with_capacity(3);
    questions.cmd("CLUSTER").arg("KEYSLOT").arg(key);
    questions.cmd("CLUSTER").arg("MYID");
    questions.cmd("CLUSTER").arg("SLOTS");
    let told = connection.send_packed_commands(&questions, 0, 3).await?;
    let mut told = told.into_iter().map(Value::extract_error);
    let mut next = || told.next().unwrap_or_else(|| Err(strange()));
    let slot: u16 = redis::from_redis_value(next()?)?;
    let name: String = redis::from_redis_value(next()?)?;
    let here = address(member).ok_or_else(strange)?;
    let view = view(next()?, slot, &name, &here).ok_or_else(strange)?;
    Ok((connection, view))
}

/// Reads `CLUSTER SLOTS`: first and last slot of a range, its primary, its replicas, each with host,
/// port and name.
fn view(ranges: Value, slot: u16, name: &str, here: &Address) -> Option<View> {
    let (mut owner, mut members) = (None, Vec::new());
    for range in ranges.into_sequence().ok()? {
        let mut range = range.into_sequence().ok()?.into_iter();
        let first: u16 = redis::from_redis_value(range.next()?).ok()?;
        let last: u16 = redis::from_redis_value(range.next()?).ok()?;
        for (number, node) in range.enumerate() {
            let mut node = node.into_sequence().ok()?.into_iter();
            // A member that does not know its own host says nothing.
            let host: Option<String> = redis::from_redis_value(node.next()?).ok()?;
            let port: u16 = redis::from_redis_value(node.next()?).ok()?;
            let id: String = redis::from_redis_value(node.next()?).ok()?;
            let host = host.filter(|host| !host.is_empty() && host != "?");
            let address = (host.unwrap_or_else(|| here.0.clone()), port);
            if number == 0 && (first..=last).contains(&slot) {
                owner = Some((address.clone(), id == name));
            }
            members.push(address);
        }
    }
    owner.map(|(owner, is_owner)| View {
        owner,
        is_owner,
        members,
    })
}

/// Reads `host:port`.
fn parse(address: &str) -> Option<Address> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}
