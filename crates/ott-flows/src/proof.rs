//! What a completed step hands out, how it waits, and how it becomes a change.

use core::{fmt, marker::PhantomData};

use token_store::{
    TokenStore,
    ott_core::{
        Binding, Handle, IssueOptions, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    FlowError, Flows, Held, Operation, Parameters, Stage,
    flow::{Flow, Kind, UNREADABLE, own},
    operation::After,
    packed::{Reader, Writer},
};

const PARKED: &str = "flow proof";

/// That a person completed this operation. It comes from [`Flows::complete`] alone, cannot be copied, and is used up
/// by what it allows: [`Flows::apply`], [`Flows::open_after`] or [`Flows::park`].
///
/// A proof of one operation is no good for another:
///
/// ```compile_fail,E0308
/// # use ott_flows::{Operation, Proof, Change, token_store::ott_core::Purpose};
/// # struct Recover; impl Operation for Recover { const PURPOSE: Purpose = Purpose::new("a"); type After = (); }
/// # struct Delete; impl Operation for Delete { const PURPOSE: Purpose = Purpose::new("b"); type After = (); }
/// fn delete_account(_: Change<Delete>) {}
/// fn recovered(change: Change<Recover>) {
///     delete_account(change);
/// }
/// ```
///
/// Nor is it used twice:
///
/// ```compile_fail,E0382
/// # use ott_flows::{Operation, Proof, Flows, FlowError, token_store::ott_core::Purpose};
/// # struct Recover; impl Operation for Recover { const PURPOSE: Purpose = Purpose::new("a"); type After = (); }
/// async fn twice(flows: &Flows, proof: Proof<Recover>) -> Result<(), FlowError> {
///     flows.apply(proof).await?;
///     flows.apply(proof).await?;
///     Ok(())
/// }
/// ```
///
/// And the second operation of a chain cannot be begun without the first one's:
///
/// ```compile_fail,E0271
/// # use ott_flows::{Operation, Proof, Flows, FlowError, Who, token_store::ott_core::Purpose};
/// # struct Old; impl Operation for Old { const PURPOSE: Purpose = Purpose::new("a"); type After = (); }
/// # struct New; impl Operation for New { const PURPOSE: Purpose = Purpose::new("b"); type After = Proof<Old>; }
/// async fn skip(flows: &Flows, who: Who<'_>) -> Result<(), FlowError> {
///     flows.open::<New>(who, "session").await?;
///     Ok(())
/// }
/// ```
#[must_use]
pub struct Proof<O: Operation> {
    pub(crate) proven: Proven,
    operation: PhantomData<fn() -> O>,
}

/// What may now happen: taken by value, once, by the code that makes it happen.
#[must_use]
pub struct Change<O: Operation> {
    proven: Proven,
    operation: PhantomData<fn() -> O>,
}

/// What was proved.
pub(crate) struct Proven {
    pub(crate) kind: Kind,
    pub(crate) subject: Subject,
    pub(crate) epoch: u64,
    pub(crate) holder: String,
    pub(crate) parameters: Parameters,
    pub(crate) at: DateTime<Utc>,
    pub(crate) ends: DateTime<Utc>,
    /// Wrong tokens on the way.
    pub(crate) wrong: u32,
}

impl<O: Operation> After for Proof<O> {}

impl<O: Operation> Proof<O> {
    pub(crate) const fn new(proven: Proven) -> Self {
        Self {
            proven,
            operation: PhantomData,
        }
    }
}

impl<O: Operation> Change<O> {
    pub(crate) const fn new(proven: Proven) -> Self {
        Self {
            proven,
            operation: PhantomData,
        }
    }

    /// Whose account changes; for a registration the name under which it was begun.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.proven.subject
    }

    /// What changes: what the token was bound to, and nothing of the request.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.proven.parameters
    }

    /// The account's epoch when the flow began, for the condition of the application's own statement; 0 where a change
    /// is taken back, which holds whatever was changed since.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.proven.epoch
    }

    /// When it was proved.
    #[must_use]
    pub const fn at(&self) -> DateTime<Utc> {
        self.proven.at
    }
}

impl<S: TokenStore + ?Sized> Flows<S> {
    /// Asks every check once more, and turns the proof into the change that it allows.
    ///
    /// # Errors
    /// [`FlowError`]; then the proof is gone: a token does not come back.
    pub async fn apply<O: Operation>(&self, proof: Proof<O>) -> Result<Change<O>, FlowError> {
        self.still::<O>(&proof.proven, Stage::Apply).await?;
        Ok(Change::new(proof.proven))
    }

    /// Parks a proof until its holder's next request.
    ///
    /// # Errors
    /// [`FlowError`]; then the proof is gone.
    pub async fn park<O: Operation>(&self, proof: Proof<O>) -> Result<Handle, FlowError> {
        let proven = proof.proven;
        let tenant = proven.subject.tenant();
        let data = proven
            .write()
            .seal(self.tokens.issuer().keys(), tenant, PARKED)?;
        let operation = own(&O::PURPOSE, &proven.holder);
        let binding = Binding::tenant(tenant).operation(&operation);
        let options = IssueOptions {
            data: &data,
            expires_at: Some(proven.ends),
            ..IssueOptions::default()
        };
        let parked = self
            .tokens
            .park_opts(&self.settings.proof(), &binding, options)
            .await?;
        Ok(parked.handle)
    }

    /// Takes up a proof that its holder parked, once.
    ///
    /// # Errors
    /// [`FlowError::Ended`] for another holder or operation, a second time, or where the account changed since.
    pub async fn resume<O: Operation>(&self, held: &Held<'_>) -> Result<Proof<O>, FlowError> {
        self.rules::<O>()?;
        let operation = own(&O::PURPOSE, held.holder);
        let binding = Binding::tenant(held.tenant).operation(&operation);
        let record = self
            .tokens
            .resume(&self.settings.proof(), held.handle, &binding)
            .await?;
        let stored = record.stored();
        let keys = self.tokens.issuer().keys();
        let mut fields = Reader::open(keys, held.tenant, PARKED, &stored.data)?;
        let proven = Proven::read(&mut fields, held).ok_or(UNREADABLE)?;
        self.still::<O>(&proven, Stage::Step).await?;
        Ok(Proof::new(proven))
    }

    /// Whether what was proved still counts.
    async fn still<O: Operation>(&self, proven: &Proven, stage: Stage) -> Result<(), FlowError> {
        let rules = self.rules::<O>()?;
        let standing = self.standing(&proven.subject).await?;
        let flow = Flow {
            kind: proven.kind,
            subject: proven.subject.clone(),
            epoch: proven.epoch,
            earlier: Parameters::default(),
        };
        if flow.is_stale(standing.as_ref()) {
            return Err(FlowError::Ended);
        }
        let asked = self.asked(
            stage,
            &proven.subject,
            standing.as_ref(),
            &proven.parameters,
        );
        match self.checked(rules, &asked).await? {
            true => Ok(()),
            false => Err(FlowError::Ended),
        }
    }
}

impl Proven {
    fn write(&self) -> Writer {
        Writer::default()
            .number(self.kind.code())
            .text(self.subject.id())
            .number(self.epoch)
            .parameters(&self.parameters)
            .time(self.at)
            .time(self.ends)
            .number(self.wrong.into())
    }

    fn read(fields: &mut Reader, held: &Held<'_>) -> Option<Self> {
        Some(Self {
            kind: Kind::read(fields.number()?)?,
            subject: Subject::new(held.tenant, fields.text()?).ok()?,
            epoch: fields.number()?,
            holder: held.holder.into(),
            parameters: fields.parameters()?,
            at: fields.time()?,
            ends: fields.time()?,
            wrong: u32::try_from(fields.number()?).ok()?,
        })
    }
}

impl<O: Operation> fmt::Debug for Proof<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Proof", &O::PURPOSE, &self.proven)
    }
}

impl<O: Operation> fmt::Debug for Change<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Change", &O::PURPOSE, &self.proven)
    }
}

fn debug(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    purpose: &token_store::ott_core::Purpose,
    proven: &Proven,
) -> fmt::Result {
    f.debug_struct(name)
        .field("operation", &purpose.as_str())
        .field("subject", &proven.subject)
        .field("parameters", &proven.parameters)
        .field("at", &proven.at)
        .finish_non_exhaustive()
}
