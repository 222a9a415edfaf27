//! Verbs of a store that wait for the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use token_store::StoreError;
use tokio::sync::Notify;

/// A verb that waits for the test.
#[derive(Debug, Default)]
pub struct Held {
    reached: Notify,
    goes_on: Notify,
}

impl Held {
    /// Waits until the store is asked.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// The store's side: it was asked, and goes on when the test says so.
    pub(crate) async fn wait(&self) {
        self.reached.notify_one();
        self.goes_on.notified().await;
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.goes_on.notify_one();
    }
}

/// The verbs that wait for the test, each once; one without a [`Held`] fails.
pub(crate) type Waiting = HashMap<&'static str, Option<Arc<Held>>>;

pub(crate) async fn wait(waiting: &Mutex<Waiting>, verb: &'static str) -> Result<(), StoreError> {
    let next = waiting.lock().expect("no panic").remove(verb);
    match next {
        None => Ok(()),
        Some(None) => Err(StoreError::Timeout),
        Some(Some(held)) => {
            held.wait().await;
            Ok(())
        }
    }
}
