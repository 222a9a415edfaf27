//! Users who have an authenticator app already come over, and notice nothing.
//!
//! `twofa-providers = "0.1"`.

use twofa_providers::oath_otp::{Secret, Totp};
use twofa_providers::token_store::ott_core::Subject;
use twofa_providers::{Existing, Import, Imported, TwoFactor};

use crate::Fault;

/// A row of the old system.
#[derive(Debug)]
pub struct OldRow {
    /// The account's id, which it keeps.
    pub id: i64,
    /// The app's secret, in clear.
    pub base32: String,
    /// The last time step that was accepted, where the old system kept it.
    pub last_step: Option<u64>,
}

/// How many are new, how many were there, and whose secret cannot be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Taken over by this run.
    pub new: usize,
    /// By an earlier run: it changes nothing, so run it as often as you like.
    pub there: usize,
    /// To be asked to enrol again.
    pub unreadable: Vec<i64>,
}

/// Run it while the old system still serves, and once more after the switch.
pub async fn import(engine: &TwoFactor, rows: &[OldRow]) -> Result<Taken, Fault> {
    let mut taken = Taken::default();
    let totp = Totp::default(); // SHA-1, 6 digits, 30 seconds: as the old system had it
    for row in rows {
        let Ok(secret) = Secret::import_short_base32(&row.base32) else {
            taken.unreadable.push(row.id);
            continue;
        };
        let (subject, name) = (Subject::new("", row.id.to_string())?, row.id.to_string());
        let existing = Existing::Totp(&totp, &secret);
        let mut import = Import::new(&subject, &name, "App", existing);
        if let Some(step) = row.last_step {
            import = import.last(step); // the code that was used before the move is used up
        }
        let counted = match engine.import("totp", &import).await? {
            Imported::New(_) => &mut taken.new,
            Imported::There(_) => &mut taken.there,
        };
        *counted = counted.saturating_add(1);
    }
    Ok(taken)
}
