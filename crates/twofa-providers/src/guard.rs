//! What guards an account: its active factors and the recovery codes that can be used.

use token_store::{FactorId, FactorState, ott_core::Subject};

use crate::{device_tokens::DeviceTokens, error::TwoFactorError, rows::Rows, sheets::Sheets};

/// Where an engine has what guards accounts.
#[derive(Clone, Copy)]
pub(crate) struct Guarded<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) sheets: Option<&'a Sheets>,
    /// The devices whose trust ends with each change of what guards the account.
    pub(crate) trusted: Option<&'a DeviceTokens>,
}

/// What guards an account, as a binding has it: another text after each change of that.
pub(crate) struct Guard {
    pub(crate) active: Vec<FactorId>,
    text: String,
}

impl Guard {
    /// The active factors and the live recovery codes, always in one order.
    pub(crate) async fn of(
        guarded: Guarded<'_>,
        subject: &Subject,
    ) -> Result<Self, TwoFactorError> {
        let mut factors = guarded.rows.of(subject).await?;
        factors.retain(|factor| factor.state == FactorState::Active);
        let active: Vec<_> = factors.iter().map(|factor| factor.id).collect();
        let codes = match guarded.sheets {
            Some(sheets) => sheets.live(subject).await?,
            None => Vec::new(),
        };
        let factors = active.iter().map(|factor| format!("factor {factor}"));
        let codes = codes.iter().map(|code| format!("code {code}"));
        let mut parts: Vec<_> = factors.chain(codes).collect();
        parts.sort();
        let text = parts.join("\n");
        Ok(Self { active, text })
    }

    pub(crate) fn operation(&self) -> [(&'static str, &str); 1] {
        [("guard", &self.text)]
    }
}
