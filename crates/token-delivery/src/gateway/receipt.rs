//! Delivery receipts: what a gateway tells afterwards.

use serde_json::Value;

use super::answer::text;

/// Reads a gateway's delivery receipts, which it posts as JSON to an address of the application.
///
/// # Security
/// A receipt is a claim of whoever posts it. Let the gateway authenticate itself (a secret in the address, a signature,
/// its certificate) before it is read, and let a receipt decide nothing but what is shown.
#[derive(Clone, Debug)]
pub struct ReceiptRule {
    reference: String,
    status: String,
    delivered: Vec<String>,
    failed: Vec<String>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the gateway calls the message: [`Taken::reference`](super::Taken::reference).
    pub reference: String,
    /// What became of it.
    pub outcome: ReceiptOutcome,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Failed,
    /// It is on its way.
    Underway,
}

impl ReceiptRule {
    /// Where reference and status stand, as JSON pointers (RFC 6901).
    #[must_use]
    pub fn new(reference: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            status: status.into(),
            delivered: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// The statuses that say that it arrived.
    #[must_use]
    pub fn delivered(mut self, statuses: &[&str]) -> Self {
        self.delivered = statuses.iter().map(|status| (*status).into()).collect();
        self
    }

    /// The statuses that say that it will not arrive. Any other is underway.
    #[must_use]
    pub fn failed(mut self, statuses: &[&str]) -> Self {
        self.failed = statuses.iter().map(|status| (*status).into()).collect();
        self
    }

    /// Reads one; `None` for what is no receipt.
    #[must_use]
    pub fn read(&self, body: &[u8]) -> Option<Receipt> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let at = |pointer: &str| body.pointer(pointer).and_then(text);
        let status = at(&self.status)?;
        let outcome = match () {
            () if self.delivered.contains(&status) => ReceiptOutcome::Delivered,
            () if self.failed.contains(&status) => ReceiptOutcome::Failed,
            () => ReceiptOutcome::Underway,
        };
        Some(Receipt {
            reference: at(&self.reference)?,
            outcome,
        })
    }
}
