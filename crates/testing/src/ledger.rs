//! A ledger of every call of a store: what was asked, when, and what was answered.
//!
//! Many tasks use several stores on one back end while somebody breaks it. At the end everything is tried again, and
//! every answer is held against all the others: whatever was acknowledged must still be so, whatever was refused
//! must have a reason among what was asked, and an outage means done or not done, completely.

mod call;
mod check;
mod dice;
mod entry;
mod process;
mod pulse;
mod report;
mod run;
mod serve;
mod stock;
mod tasks;
mod terms;
mod wire;

pub use call::{Applies, Station};
pub use dice::Dice;
pub use entry::{Asked, Entry, Outage, Seen, Told, Try};
pub use process::{Process, own_place};
pub use report::{Row, table};
pub use run::{Plan, Run};
pub use serve::serve;
pub use terms::{Found, Terms};
