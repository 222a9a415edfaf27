//! The provider `recovery`: takes codes from a sheet.

use async_trait::async_trait;
use token_store::{
    TokensError,
    ott_core::{Presented, State},
};

use crate::{
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    error::TwoFactorError,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
    sheets::{ID, RECOVERY_CODES, Sheets},
};

/// Codes from a sheet. No factor is named: each code is a record, found within its subject, and says which sheet it is on.
pub(crate) struct RecoveryProvider {
    descriptor: Descriptor,
    sheets: Sheets,
}

impl RecoveryProvider {
    pub(super) fn new(sheets: &Sheets) -> Self {
        let odds = Odds {
            valid: RECOVERY_CODES as u64,
            ..Odds::of_policy(sheets.policy())
        };
        let descriptor = Descriptor::new(
            Kind::UserToken,
            ID,
            "Recovery code",
            "One of the codes that you printed or saved",
            odds,
        );
        Self {
            descriptor: descriptor.of_subject().policy(sheets.policy()),
            sheets: sheets.clone(),
        }
    }

    fn verify_line(&self, context: &Context<'_>, line: &str) -> Result<Presented, VerifyError> {
        // As it stands first: an application's own alphabet may have brackets or a stop.
        let policy = self.sheets.policy();
        context
            .presented_own(policy, line)
            .or_else(|_| context.presented_own(policy, without_marker(line)))
    }
}

/// A line of a printed or saved sheet without the box, the bullet or the number in front of its code.
fn without_marker(line: &str) -> &str {
    let line = line.trim_start();
    let boxed = line.strip_prefix('[').and_then(|rest| {
        let (tick, rest) = rest.split_once(']')?;
        matches!(tick, "" | " " | "x" | "X" | "✓").then_some(rest)
    });
    let bullet = || line.strip_prefix(['•', '·', '◦', '‣', '▪', '*', '☐', '☑', '☒']);
    let number = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = line.len().saturating_sub(rest.len());
        let rest = rest.strip_prefix(['.', ')', ':'])?;
        (1..=2).contains(&digits).then_some(rest)
    };
    boxed.or_else(bullet).or_else(number).unwrap_or(line)
}

#[async_trait]
impl Provider for RecoveryProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        self.verify_line(context, response.one()?).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let presented = self.verify_line(context, response.one()?)?;
        let (sheets, id) = (self.sheets.clone(), *presented.id());
        let claim = Claim::redeem(sheets.policy(), presented);
        let found = sheets.rows.tokens.find(sheets.policy(), &id).await?;
        // Why another one is refused, the redeem says.
        let Some(found) = found.filter(|found| found.stored().state == State::Ready) else {
            return Ok(claim);
        };
        // Before the code is burnt: its sheet may come back.
        let (subject, data) = (context.subject().clone(), found.stored().data.clone());
        sheets.check(&subject, &data).await.map_err(refusal)?;
        // And afterwards: of a renewal and a code at once, one is first.
        let still = async move { sheets.check(&subject, &data).await.map_err(refusal) };
        Ok(claim.and_elsewhere(still))
    }

    async fn available(&self, context: &Context<'_>) -> Result<bool, ProviderError> {
        let live = self.sheets.live(context.subject()).await;
        Ok(!live.map_err(outage)?.is_empty())
    }
}

fn refusal(error: TwoFactorError) -> VerifyError {
    match error {
        TwoFactorError::Rejected(rejected) => rejected.into(),
        other => VerifyError::Provider(outage(other)),
    }
}

fn outage(error: TwoFactorError) -> ProviderError {
    match error {
        TwoFactorError::KeyMissing(key) => TokensError::KeyMissing(key).into(),
        other => ProviderError::Unavailable(other.into()),
    }
}
