//! Faults, each a short story about real servers, under the [ledger](crate::ledger).

mod applications;
mod cluster;
mod disk;
mod postgres;
mod redis;
mod replicas;
mod sentinel;
mod sqlite;

use core::{pin::Pin, time::Duration};

use crate::{
    ledger::{Plan, Row},
    patience::patiently,
};
use disk::Disk;

pub use applications::serve_if_started;

type Story = fn(Plan) -> Pin<Box<dyn Future<Output = Row> + Send>>;

/// A fault that can be run.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What it is called.
    pub name: &'static str,
    /// Whether it mounts a disk in memory, which only root can.
    pub mounts: bool,
    story: Story,
}

impl Fault {
    const fn new(name: &'static str, story: Story) -> Self {
        Self {
            name,
            mounts: false,
            story,
        }
    }

    /// It mounts a disk.
    const fn on_a_disk(name: &'static str, story: Story) -> Self {
        Self {
            mounts: true,
            ..Self::new(name, story)
        }
    }

    /// Runs it once.
    pub async fn run(&self, plan: Plan) -> Row {
        (self.story)(plan).await
    }
}

/// Whether a disk in memory can be mounted here, by root or by sudo without a password.
#[must_use]
pub fn can_mount() -> bool {
    Disk::try_new(1).is_some()
}

/// Every fault.
#[must_use]
pub fn all() -> Vec<Fault> {
    [
        applications::FAULTS,
        postgres::FAULTS,
        replicas::FAULTS,
        redis::FAULTS,
        sentinel::FAULTS,
        cluster::FAULTS,
        sqlite::FAULTS,
    ]
    .concat()
}

/// The time-out of each store here.
const TIMEOUT: Duration = Duration::from_secs(2);
