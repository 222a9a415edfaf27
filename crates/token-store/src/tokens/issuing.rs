//! Issuing, adopting and parking: limits first, then the store's one step.

use ott_core::{Binding, IssueOptions, Issued, Parked, Policy, Record, rand::rngs::SysRng};

use super::spending::request;
use crate::{Charge, Charged, Inserted, StoreError, TokenStore, Tokens, TokensError, events};

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
        let charges = self.asked(policy, binding)?;
        self.issue_charged(policy, binding, options, &charges).await
    }

    /// What an issue under this policy costs, where one may be asked for.
    pub(super) fn asked(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Vec<Charge>, TokensError> {
        self.known(policy)?;
        self.countable(policy, binding)?;
        request(policy, binding)
    }

    /// Adopts tokens whose texts exist already: printed codes, app tokens or API keys of a system that
    /// is replaced. All or none; done again, nothing changes, also where they were used, revoked or
    /// [purged](Tokens::purge) since.
    ///
    /// The texts are found again by themselves or by their subject, so a handle is of no use for them.
    ///
    /// # Security
    /// The policy's rule of length holds: [`Policy::accepting_short_tokens`] names what is shorter.
    ///
    /// Beside each token that is found without a handle a tombstone is kept, which no purge takes: a row of its own.
    /// A store that may lose rows, such as Redis after a failure, may lose it too.
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
        let given: Vec<_> = batch.iter().map(|issued| issued.record.clone()).collect();
        let kept = self.issuer.tombstones(policy, binding, texts, self.now())?;
        let inserted = self
            .insert(policy, &given, &kept, events::TOKEN_ISSUED)
            .await?;
        match inserted {
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
        let charges = request(policy, binding)?;
        self.park_charged(policy, binding, options, &charges).await
    }

    pub(super) async fn issue_charged(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        charges: &[Charge],
    ) -> Result<Vec<Issued>, TokensError> {
        self.known(policy)?;
        let batch = self.make(policy, binding, options)?;
        let records: Vec<_> = batch.iter().map(|issued| issued.record.clone()).collect();
        self.insert_new(policy, binding, &records, charges, events::TOKEN_ISSUED)
            .await?;
        Ok(batch)
    }

    /// Makes tokens. Nothing is asked of the store.
    pub(super) fn make(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Vec<Issued>, TokensError> {
        let now = self.now();
        let issuer = &self.issuer;
        Ok(issuer.issue_from_rng(policy, binding, options, now, &mut SysRng)?)
    }

    pub(super) async fn park_charged(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        charges: &[Charge],
    ) -> Result<Parked, TokensError> {
        self.known(policy)?;
        let now = self.now();
        let parked = self
            .issuer
            .park_from_rng(policy, binding, options, now, &mut SysRng)?;
        let record = core::slice::from_ref(&parked.record);
        self.insert_new(policy, binding, record, charges, events::TOKEN_PARKED)
            .await?;
        Ok(parked)
    }

    /// Charges and inserts: in one step, or one after another. What was not inserted costs nothing.
    pub(super) async fn insert_new(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        records: &[Record],
        charges: &[Charge],
        name: &'static str,
    ) -> Result<(), TokensError> {
        let inserted = match self.charged().filter(|_| !charges.is_empty()) {
            Some(store) => {
                let now = self.now();
                let told = store.insert_charged(records, charges, now).await;
                match told.map_err(|error| self.outage("insert", error))? {
                    Charged::Refused(spent) => {
                        return Err(self.limited(policy, binding, spent, now));
                    }
                    Charged::Answered(inserted) => {
                        self.tell_inserted(policy, records, inserted, name);
                        Ok(inserted)
                    }
                }
            }
            None => {
                self.spend(policy, binding, charges).await?;
                let inserted = self.insert(policy, records, &[], name).await;
                if !matches!(inserted, Ok(Inserted::Done)) {
                    self.give_back(charges, 1).await;
                }
                inserted
            }
        };
        match inserted? {
            Inserted::Done => Ok(()),
            Inserted::Collision => Err(self.outage("insert", StoreError::ID_TWICE)),
        }
    }

    /// Inserts the records, and with them what nobody is told of.
    async fn insert(
        &self,
        policy: &Policy,
        records: &[Record],
        silent: &[Record],
        name: &'static str,
    ) -> Result<Inserted, TokensError> {
        let inserted = match silent {
            [] => self.store.insert(records).await,
            _ => self.store.insert(&[records, silent].concat()).await,
        };
        let inserted = inserted.map_err(|error| self.outage("insert", error))?;
        self.tell_inserted(policy, records, inserted, name);
        Ok(inserted)
    }

    fn tell_inserted(
        &self,
        policy: &Policy,
        records: &[Record],
        inserted: Inserted,
        name: &'static str,
    ) {
        if inserted == Inserted::Done {
            for record in records {
                self.tell(name, policy, record.stored());
            }
        }
    }
}
