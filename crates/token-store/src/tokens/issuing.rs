//! Issuing, adopting and parking: limits first, then the store's one step.

use ott_core::{Binding, IssueOptions, Issued, Parked, Policy, Record, rand::rngs::SysRng};

use crate::{Inserted, StoreError, TokenStore, Tokens, TokensError, events};

/// The answer of [`Tokens::issue_given`].
#[derive(Debug)]
pub enum Given {
    /// They were adopted just now.
    New(Vec<Issued>),
    /// One of them was adopted before: nothing changed.
    There,
}

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Issues a token: `token` for the message, `handle` for the flow.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued, and nothing may be sent.
    pub async fn issue(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Issued, TokensError> {
        let mut one = self
            .issue_opts(policy, binding, IssueOptions::default())
            .await?;
        one.pop()
            .ok_or(TokensError::Misuse("a batch of one has one"))
    }

    /// Issues [`IssueOptions::count`] tokens in one step, all or none: with data, again in the same
    /// flow (whose earlier token is superseded), as a set, or with an earlier end.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued, and what was issued before lives on.
    pub async fn issue_opts(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Vec<Issued>, TokensError> {
        self.known(policy)?;
        self.countable(policy, binding)?;
        let spent = self.spend_request(policy, binding).await?;
        let issued = self.issue_unlimited(policy, binding, options).await;
        if issued.is_err() {
            self.give_back(&spent, 1).await;
        }
        issued
    }

    /// Adopts tokens whose texts exist already: printed codes, app tokens or API keys of a system that
    /// is replaced. All or none; done again before the first [purge](Tokens::purge), nothing changes.
    ///
    /// The texts are found again by themselves or by their subject, so a handle is of no use for them.
    ///
    /// # Security
    /// The policy's rule of length holds: [`Policy::accepting_short_tokens`] names what is shorter.
    ///
    /// Never run it again for the same given tokens after the first purge. A purged record is forgotten, so an
    /// old code that was used or revoked would be taken over as new. Run it once before the first purge, or keep the
    /// ids that were adopted in a table of your own and leave those out.
    ///
    /// # Errors
    /// [`TokensError`], [`TokensError::Issue`] where a text is no token of the policy's format; then
    /// nothing was adopted.
    pub async fn issue_given(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        texts: &[&str],
        options: IssueOptions<'_>,
    ) -> Result<Given, TokensError> {
        self.known(policy)?;
        self.countable(policy, binding)?;
        let batch = self.issuer.issue_given_from_rng(
            policy,
            binding,
            texts,
            options,
            self.now(),
            &mut SysRng,
        )?;
        let records: Vec<_> = batch.iter().map(|issued| issued.record.clone()).collect();
        match self.insert(policy, &records, events::TOKEN_ISSUED).await? {
            Inserted::Done => Ok(Given::New(batch)),
            Inserted::Collision => Ok(Given::There),
        }
    }

    /// Parks what a flow keeps until its next request, with this data, for whoever comes back with
    /// the handle and the same binding: [`Tokens::resume`].
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was parked.
    pub async fn park(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        data: &[u8],
    ) -> Result<Parked, TokensError> {
        let options = IssueOptions {
            data,
            ..IssueOptions::default()
        };
        self.park_opts(policy, binding, options).await
    }

    /// As [`Tokens::park`]: again in the same flow (what it parked before is superseded), or with an
    /// earlier end. [`IssueOptions::count`] is not asked.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was parked.
    pub async fn park_opts(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Parked, TokensError> {
        self.known(policy)?;
        let spent = self.spend_request(policy, binding).await?;
        let parked = self.park_unlimited(policy, binding, options).await;
        if parked.is_err() {
            self.give_back(&spent, 1).await;
        }
        parked
    }

    pub(super) async fn issue_unlimited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Vec<Issued>, TokensError> {
        self.known(policy)?;
        let now = self.now();
        let batch = self
            .issuer
            .issue_from_rng(policy, binding, options, now, &mut SysRng)?;
        let records: Vec<_> = batch.iter().map(|issued| issued.record.clone()).collect();
        self.insert_new(policy, &records, events::TOKEN_ISSUED)
            .await?;
        Ok(batch)
    }

    pub(super) async fn park_unlimited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Parked, TokensError> {
        self.known(policy)?;
        let now = self.now();
        let parked = self
            .issuer
            .park_from_rng(policy, binding, options, now, &mut SysRng)?;
        let record = core::slice::from_ref(&parked.record);
        self.insert_new(policy, record, events::TOKEN_PARKED)
            .await?;
        Ok(parked)
    }

    async fn insert_new(
        &self,
        policy: &Policy,
        records: &[Record],
        name: &'static str,
    ) -> Result<(), TokensError> {
        match self.insert(policy, records, name).await? {
            Inserted::Done => Ok(()),
            // 128 bits never collide by chance: the store or the random source is broken.
            Inserted::Collision => {
                Err(self.outage("insert", StoreError::Corrupt("an id came up twice")))
            }
        }
    }

    async fn insert(
        &self,
        policy: &Policy,
        records: &[Record],
        name: &'static str,
    ) -> Result<Inserted, TokensError> {
        let inserted = self.store.insert(records).await;
        let inserted = inserted.map_err(|error| self.outage("insert", error))?;
        if inserted == Inserted::Done {
            for record in records {
                self.tell(name, policy, record.stored());
            }
        }
        Ok(inserted)
    }
}
