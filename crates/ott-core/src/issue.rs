//! Making tokens and their records.

use alloc::{collections::BTreeSet, vec::Vec};

use chrono::{DateTime, Utc};
use rand::TryCryptoRng;

use crate::{
    Binding, IssueError, IssueOptions, Issued, Issuer, Lookup, MAX_DATA, Parked, Policy, Record,
    making::{Making, check_binding, end},
    whole_micros,
};

impl Issuer {
    /// Makes a token, its handle and its record, with randomness from the operating system.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    #[cfg(feature = "std")]
    pub fn issue(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        now: DateTime<Utc>,
    ) -> Result<Issued, IssueError> {
        self.making(policy, binding, IssueOptions::default(), now)?
            .issue(&mut rand::rngs::SysRng)
    }

    /// Makes [`IssueOptions::count`] tokens, their handles and records, with randomness from `rng`.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    pub fn issue_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Vec<Issued>, IssueError> {
        let making = self.making(policy, binding, options, now)?;
        if options.count == 0 {
            return Err(IssueError::NoneAsked);
        }
        (0..options.count).map(|_| making.issue(rng)).collect()
    }

    /// Makes handles and records of tokens that exist already: printed codes, app tokens or keys of a
    /// system that is replaced. [`IssueOptions::count`] is not asked.
    ///
    /// The texts are read as typed ones are, and the policy's rule of length holds for them: a
    /// shorter one than 112 bits that is found without a handle needs a policy that accepts it by name.
    ///
    /// # Security
    /// Nothing here knows how a text was drawn: the format says how long it is, and not how random.
    ///
    /// # Errors
    /// [`IssueError`], [`IssueError::Malformed`] if a text is none of the format, [`IssueError::Twice`] if
    /// two find the same record; nothing was made.
    pub fn issue_given_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        texts: &[&str],
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Vec<Issued>, IssueError> {
        let making = self.making(policy, binding, options, now)?;
        if texts.is_empty() {
            return Err(IssueError::NoneAsked);
        }
        let issued: Vec<_> = texts
            .iter()
            .map(|text| making.adopt(text, rng))
            .collect::<Result<_, _>>()?;
        let ids: BTreeSet<_> = issued.iter().map(|one| one.record.id()).collect();
        if ids.len() < issued.len() {
            return Err(IssueError::Twice);
        }
        Ok(issued)
    }

    /// The tombstones of tokens that exist already, one for each text that is found without a handle. Insert them in
    /// the same step as the records of [`Issuer::issue_given_from_rng`]: no purge takes a tombstone, so the same
    /// texts collide for ever, also once their records are gone.
    ///
    /// A tombstone is a record without subject, slot and end. Nothing that is presented leads to it.
    ///
    /// # Errors
    /// As [`Issuer::issue_given_from_rng`].
    pub fn tombstones(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        texts: &[&str],
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>, IssueError> {
        let making = self.making(policy, binding, IssueOptions::default(), now)?;
        // A handle is drawn anew each time: no text is found again by it.
        if matches!(policy.token_lookup(), Lookup::ByHandle { .. }) {
            return Ok(Vec::new());
        }
        texts.iter().map(|text| making.tombstone(text)).collect()
    }

    /// Makes a handle and its record, with randomness from `rng`, of what a flow keeps between two
    /// requests.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    pub fn park_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Parked, IssueError> {
        let making = self.prepared(policy, binding, options, now)?;
        if policy.token_lookup() != Lookup::Parked {
            return Err(IssueError::Verb);
        }
        let handle = making.handle(rng)?;
        let record = making.record(&handle, "", rng)?;
        Ok(Parked { handle, record })
    }

    /// As [`Issuer::park_from_rng`], with randomness from the operating system.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    #[cfg(feature = "std")]
    pub fn park(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
    ) -> Result<Parked, IssueError> {
        self.park_from_rng(policy, binding, options, now, &mut rand::rngs::SysRng)
    }

    fn making<'i>(
        &'i self,
        policy: &'i Policy,
        binding: &'i Binding<'i>,
        options: IssueOptions<'i>,
        now: DateTime<Utc>,
    ) -> Result<Making<'i>, IssueError> {
        let making = self.prepared(policy, binding, options, now)?;
        if policy.token_lookup() == Lookup::Parked {
            return Err(IssueError::Verb);
        }
        Ok(making)
    }

    fn prepared<'i>(
        &'i self,
        policy: &'i Policy,
        binding: &'i Binding<'i>,
        options: IssueOptions<'i>,
        now: DateTime<Utc>,
    ) -> Result<Making<'i>, IssueError> {
        policy.check()?;
        check_binding(policy, binding)?;
        if options.data.len() > MAX_DATA {
            return Err(IssueError::TooMuchData);
        }
        let issued_at = whole_micros(now);
        Ok(Making {
            key: self.keys().first().ok_or(IssueError::NoKey)?,
            policy,
            binding,
            options,
            issued_at,
            expires_at: end(policy, issued_at, options.expires_at)?,
        })
    }
}
