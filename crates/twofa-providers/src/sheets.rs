//! Sheets of recovery codes: a row of their own, as a factor has one, so that a renewal is undone as a removal is.

use token_store::{
    FactorId, FactorState, Found, MAX_FACTORS, RemoveIf, Revoke, StoreError, StoredFactor,
    ott_core::{
        Policy, Reason, RecordId, Subject,
        chrono::{DateTime, Utc},
    },
};
use zeroize::Zeroizing;

use crate::{
    durations::UNDO_WITHIN,
    envelope::{Enrolled, Envelope},
    error::TwoFactorError,
    events::RECOVERY_RESTORED,
    rows::{Rows, is_sheet, new_id},
    sign_in::SignInId,
};

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// The id of the provider that takes the codes, which each sheet's row names.
pub(crate) const ID: &str = "recovery";

/// The first byte of what is sealed in a sheet's row, and of a code's data.
const VERSION: u8 = 1;

/// What "this was not me" did to the sheets of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disowned {
    /// Codes that were valid until now.
    pub(crate) voided: u64,
    /// Whether codes are valid again that the sign-in had replaced.
    pub(crate) restored: bool,
}

/// The data of each code of this sheet.
pub(crate) fn data_of(sheet: &FactorId) -> Vec<u8> {
    [&[VERSION][..], sheet.as_bytes()].concat()
}

/// The sheet of a code with this data. A code that was imported is of none.
fn sheet_of(data: &[u8]) -> Option<FactorId> {
    match data.split_first() {
        Some((&VERSION, id)) => Some(FactorId::from_bytes(id.try_into().ok()?)),
        _ => None,
    }
}

/// Whether a code with this data is one of those that are valid. Imported codes are until the first sheet is made.
fn stands(sheets: &[StoredFactor], data: &[u8]) -> bool {
    let mut standing = sheets.iter().filter(|sheet| is_standing(sheet));
    match sheet_of(data) {
        Some(id) => standing.any(|sheet| sheet.id == id),
        None => standing.next().is_none(),
    }
}

fn is_standing(sheet: &StoredFactor) -> bool {
    sheet.state == FactorState::Spare
}

/// The sheets and codes of an application's accounts.
#[derive(Clone)]
pub(crate) struct Sheets {
    pub(crate) rows: Rows,
    policy: Policy,
}

impl Sheets {
    /// Under a policy that was checked.
    pub(crate) const fn new(rows: Rows, policy: &Policy) -> Self {
        Self {
            rows,
            policy: *policy,
        }
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The row of a new sheet, in the store. It stands beside the older one until [`Self::replace_by`].
    pub(crate) async fn add(
        &self,
        subject: &Subject,
        sign_in: Option<&SignInId>,
    ) -> Result<StoredFactor, TwoFactorError> {
        let id = new_id()?;
        let envelope = envelope(sign_in, &[VERSION]);
        let sheet = StoredFactor {
            id,
            subject: subject.clone(),
            provider: ID.into(),
            label: String::new(),
            state: FactorState::Spare,
            sealed: self.rows.seal(subject, &id, ID, &envelope)?,
            last: None,
            created_at: self.rows.now(),
            used_at: None,
            removal: None,
        };
        if !self.rows.insert(&sheet).await? {
            let twice = StoreError::Corrupt("a factor id came up twice");
            return Err(self.rows.outage("insert", twice));
        }
        Ok(sheet)
    }

    /// Ends every sheet beside this one, each in a step in which this one stands: of those that replace each other
    /// at once, one stays.
    pub(crate) async fn replace_by(
        &self,
        new: &StoredFactor,
        sign_in: Option<&SignInId>,
    ) -> Result<(), TwoFactorError> {
        for older in self.rows.sheets(&new.subject).await? {
            if is_standing(&older) && older.id != new.id {
                let only = RemoveIf::Beside(new.id);
                self.take_off(&older.id, only, sign_in).await?;
            }
        }
        let left = self.rows.sheets(&new.subject).await?;
        if !left.iter().any(|it| it.id == new.id && is_standing(it)) {
            // Another one took its place meanwhile.
            return Err(Reason::Superseded.into());
        }
        // The next renewal does what an outage keeps this one from.
        let _ = self.revoke_forgotten(&new.subject).await;
        Ok(())
    }

    /// Revokes codes of sheets that nothing can bring back any more. They prove nothing either way.
    async fn revoke_forgotten(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let codes = self.rows.tokens.list(self.policy(), subject).await?;
        // After the codes: a sheet has its row before it has its codes.
        let rows = self.rows.all(subject).await?;
        if rows.len() >= MAX_FACTORS {
            // Not every row is listed: a sheet that is not seen may be there.
            return Ok(0);
        }
        let sheets: Vec<_> = rows.into_iter().filter(is_sheet).collect();
        let forgotten = |code: &Found| {
            let sheet = sheet_of(&code.stored().data);
            sheet.is_some_and(|id| sheets.iter().all(|it| it.id != id))
        };
        self.revoke_codes(subject, codes, forgotten).await
    }

    pub(crate) async fn take_off(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        let by = by.map_or(&[][..], SignInId::as_bytes);
        let removed = self.rows.store.remove(id, only, by, self.rows.now()).await;
        removed.map_err(|error| self.rows.outage("remove", error))
    }

    /// The codes that the subject can still use, oldest first.
    pub(crate) async fn list(&self, subject: &Subject) -> Result<Vec<Found>, TwoFactorError> {
        let sheets = self.rows.sheets(subject).await?;
        let mut live = self.rows.tokens.list(self.policy(), subject).await?;
        live.retain(|code| stands(&sheets, &code.stored().data));
        Ok(live)
    }

    /// Whether another sign-in made the present sheet, after this time.
    pub(crate) async fn were_renewed(
        &self,
        subject: &Subject,
        since: DateTime<Utc>,
        sign_in: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        for sheet in self.rows.sheets(subject).await? {
            let newer = sheet.state == FactorState::Spare && sheet.created_at > since;
            if newer && self.rows.open(sheet)?.enrolled.sign_in.as_ref() != sign_in {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many codes the subject can still use.
    pub(crate) async fn left(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        Ok(self.live(subject).await?.len())
    }

    /// The names of the codes that can be used.
    pub(crate) async fn live(&self, subject: &Subject) -> Result<Vec<RecordId>, TwoFactorError> {
        let live = self.list(subject).await?;
        Ok(live.iter().map(|code| *code.id()).collect())
    }

    /// Whether a code with this data can be used.
    ///
    /// # Errors
    /// [`TwoFactorError::Rejected`] where another sheet took the place of its own.
    pub(crate) async fn check(&self, subject: &Subject, data: &[u8]) -> Result<(), TwoFactorError> {
        let sheets = self.rows.sheets(subject).await?;
        if stands(&sheets, data) {
            Ok(())
        } else {
            Err(Reason::Superseded.into())
        }
    }

    /// What "this was not me" does: the sheets that this sign-in made are void for good, and the one that they had
    /// replaced is back, unless a sheet stands that somebody else made.
    pub(crate) async fn disown(
        &self,
        subject: &Subject,
        sign_in: &SignInId,
    ) -> Result<Disowned, TwoFactorError> {
        let mut voided = 0_u64;
        let mut disowned = vec![sign_in.as_bytes().to_vec()];
        for sheet in self.rows.sheets(subject).await? {
            // One that does not open says nothing of who made it.
            let Ok(open) = self.rows.open(sheet.clone()) else {
                continue;
            };
            let made_in = open.enrolled.sign_in.as_ref();
            if made_in == Some(sign_in) {
                voided = voided.saturating_add(self.void_sheet(&sheet).await?);
            } else if open.secret.is_empty() {
                // An earlier link disowned its sign-in.
                disowned.extend(made_in.map(|name| name.as_bytes().to_vec()));
            }
        }
        if self.rows.sheets(subject).await?.iter().any(is_standing) {
            return Ok(Disowned {
                voided,
                restored: false,
            });
        }
        // Imported ones, where no sheet stands.
        let imported = voided > 0 && !self.live(subject).await?.is_empty();
        let restored = self.restore_last(subject, &disowned).await?;
        Ok(Disowned {
            voided,
            restored: restored || imported,
        })
    }

    /// Ends a sheet and its codes for good, and says how many of them were valid.
    async fn void_sheet(&self, sheet: &StoredFactor) -> Result<u64, TwoFactorError> {
        let (id, subject) = (sheet.id, &sheet.subject);
        let own = |code: &Found| sheet_of(&code.stored().data) == Some(id);
        let codes = self.rows.tokens.list(self.policy(), subject).await?;
        let age = self.rows.now().signed_duration_since(sheet.created_at);
        if age >= UNDO_WITHIN {
            // As a sheet that was replaced so long ago, imported codes do not come back.
            let imported = |code: &Found| sheet_of(&code.stored().data).is_none();
            self.revoke_codes(subject, codes.clone(), imported).await?;
        }
        let revoked = self.revoke_codes(subject, codes, own).await?;
        self.wipe_sheet(sheet).await?;
        self.take_off(&id, RemoveIf::Always, None).await?;
        Ok(if is_standing(sheet) { revoked } else { 0 })
    }

    /// Wipes what says that a sheet can come back. What stays says who made it.
    async fn wipe_sheet(&self, sheet: &StoredFactor) -> Result<(), TwoFactorError> {
        // Another process may rewrite the seal meanwhile: under a newer key once, or wipe it too.
        for _ in 0..3 {
            let sheets = self.rows.sheets(&sheet.subject).await?;
            let Some(own) = sheets.into_iter().find(|own| own.id == sheet.id) else {
                return Ok(());
            };
            let sealed = own.sealed.clone();
            let open = self.rows.open(own)?;
            if open.secret.is_empty() {
                return Ok(());
            }
            let wiped = envelope(open.enrolled.sign_in.as_ref(), &[]);
            let replaced = self
                .rows
                .replace(&sheet.subject, ID, &sheet.id, sealed, &wiped);
            if replaced.await? {
                return Ok(());
            }
        }
        let busy = StoreError::unavailable("a seal was rewritten again and again");
        Err(self.rows.outage("update", busy))
    }

    /// Brings back the youngest sheet that one of these sign-ins replaced; whether it did.
    async fn restore_last(
        &self,
        subject: &Subject,
        disowned: &[Vec<u8>],
    ) -> Result<bool, TwoFactorError> {
        let sheets = self.rows.sheets(subject).await?;
        let replaced: Vec<_> = sheets
            .into_iter()
            .filter_map(|sheet| Some((sheet.removal.clone()?, sheet)))
            .filter(|(removal, _)| {
                let age = self.rows.now().signed_duration_since(removal.at);
                disowned.contains(&removal.by) && age < UNDO_WITHIN
            })
            .map(|(_, sheet)| sheet)
            .collect();
        for sheet in replaced.into_iter().rev() {
            let open = self.rows.open(sheet.clone());
            if !open.is_ok_and(|open| !open.secret.is_empty()) {
                continue;
            }
            let restored = self.rows.store.restore(&sheet.id).await;
            let restored = restored.map_err(|error| self.rows.outage("restore", error))?;
            if restored {
                self.rows.emit(self.rows.event(RECOVERY_RESTORED, subject));
            }
            return Ok(restored);
        }
        Ok(false)
    }

    /// Takes every sheet and code off an account for good, and says how many codes were valid.
    pub(crate) async fn void(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let live = self.live(subject).await?.len();
        for sheet in self.rows.sheets(subject).await? {
            if is_standing(&sheet) {
                self.take_off(&sheet.id, RemoveIf::Always, None).await?;
            }
            // One that does not open does not come back either.
            if self.rows.open(sheet.clone()).is_ok() {
                self.wipe_sheet(&sheet).await?;
            }
        }
        let all = Revoke::purpose(subject, self.policy().purpose());
        self.rows.tokens.revoke(&all).await?;
        Ok(u64::try_from(live).unwrap_or(u64::MAX))
    }

    async fn revoke_codes(
        &self,
        subject: &Subject,
        codes: Vec<Found>,
        which: impl Fn(&Found) -> bool,
    ) -> Result<u64, TwoFactorError> {
        let mut revoked = 0_u64;
        for code in codes.iter().filter(|code| which(code)) {
            let own = Revoke::own(subject, *code.id());
            revoked = revoked.saturating_add(self.rows.tokens.revoke(&own).await?);
        }
        Ok(revoked)
    }
}

fn envelope(sign_in: Option<&SignInId>, secret: &[u8]) -> Envelope {
    Envelope {
        enrolled: Enrolled {
            sign_in: sign_in.cloned(),
            ..Enrolled::default()
        },
        secret: Zeroizing::new(secret.to_vec()),
        ..Envelope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/formats.md` has these bytes.
    #[test]
    fn data_of_a_code_is_as_the_page_says() {
        let sheet = FactorId::from_bytes([7; 16]);
        let data = data_of(&sheet);
        assert_eq!(sheet_of(&data), Some(sheet));
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        let page = include_str!("../docs/formats.md");
        assert!(page.contains(&format!("`{hex}`")), "{hex}");
        for none in [&[][..], &data[1..], &data[..16], &[2; 17], &[1; 18]] {
            assert_eq!(sheet_of(none), None, "{none:?}");
        }
    }
}
