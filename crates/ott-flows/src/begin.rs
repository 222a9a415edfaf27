//! Opening a flow, and asking for its token.

use token_store::{
    Charge, Spent, StoreError, TokenStore, TokensError,
    ott_core::{
        Binding, Destination, Handle, IssueOptions, LimitKey, LimitScope, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    FlowError, Flows, Held, Operation, Parameters, Proof, Stage, To, Who,
    flow::{FLOW_KIND, Flow, Kind, Live, UNREADABLE, own},
    queue::Job,
};

pub(crate) const COUNTED: &str = "a flow counts its own tries and sends";

impl<S: TokenStore + ?Sized> Flows<S> {
    /// Opens a flow and asks for its first token: [`Flows::open`], then [`Flows::send`].
    ///
    /// # Errors
    /// As those two.
    pub async fn begin<O: Operation<After = ()>>(
        &self,
        who: Who<'_>,
        holder: &str,
        to: To<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<Handle, FlowError> {
        let tenant = match who {
            Who::Account(subject) | Who::New(subject) => subject.tenant(),
            Who::Nobody { tenant, .. } => tenant,
        };
        let handle = self.open::<O>(who, holder).await?;
        let held = Held {
            handle: &handle,
            tenant,
            holder,
        };
        self.send::<O>(&held, to, parameters).await?;
        Ok(handle)
    }

    /// Opens a flow. Nothing is sent yet. `holder` is who may go on with it: the session, the signed-in subject, the
    /// browser.
    ///
    /// For nobody, and where [`Rules::open`](crate::Rules::open) says so for an account that may not act, it is a
    /// decoy: every call on it does the same and answers the same, and no token reaches anybody.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn open<O: Operation<After = ()>>(
        &self,
        who: Who<'_>,
        holder: &str,
    ) -> Result<Handle, FlowError> {
        let rules = self.rules::<O>()?;
        let (mut kind, subject, standing) = self.whose(who).await?;
        if kind == Kind::Account && standing.is_none() {
            if !rules.open {
                return Err(FlowError::Ended);
            }
            kind = Kind::Nobody;
        }
        let epoch = standing.map_or(0, |standing| standing.epoch);
        let flow = Flow {
            kind,
            subject,
            epoch,
            earlier: Parameters::default(),
        };
        self.keep::<O>(&flow, holder, None).await
    }

    /// Opens the flow of an operation that comes after another, with the proof of that one: for its subject, with its
    /// parameters before the own ones, with the tries that it used up, and until it would have ended.
    ///
    /// # Errors
    /// [`FlowError`]; then the proof is gone.
    pub async fn open_after<O, P>(&self, proof: Proof<P>) -> Result<Handle, FlowError>
    where
        P: Operation,
        O: Operation<After = Proof<P>>,
    {
        self.rules::<O>()?;
        let proven = proof.proven;
        let flow = Flow {
            kind: proven.kind,
            subject: proven.subject,
            epoch: proven.epoch,
            earlier: proven.parameters,
        };
        let standing = self.standing(&flow.subject).await?;
        if flow.is_stale(standing.as_ref()) {
            return Err(FlowError::Ended);
        }
        let handle = self
            .keep::<O>(&flow, &proven.holder, Some(proven.ends))
            .await?;
        let held = Held {
            handle: &handle,
            tenant: flow.subject.tenant(),
            holder: &proven.holder,
        };
        for _ in 0..proven.wrong {
            let live = self.live::<O>(&held).await?;
            self.count(&live).await?;
        }
        Ok(handle)
    }

    async fn keep<O: Operation>(
        &self,
        flow: &Flow,
        holder: &str,
        ends: Option<DateTime<Utc>>,
    ) -> Result<Handle, FlowError> {
        let tenant = flow.subject.tenant();
        let keys = self.tokens.issuer().keys();
        let data = flow.write().seal(keys, tenant, FLOW_KIND)?;
        let operation = own(&O::PURPOSE, holder);
        let binding = Binding::tenant(tenant).operation(&operation);
        let options = IssueOptions {
            data: &data,
            expires_at: ends,
            ..IssueOptions::default()
        };
        let tokens = self.tokens.without_limits(COUNTED);
        // Its own token is dropped here: nobody ever presents it.
        let issued = tokens
            .issue_opts(&self.settings.flow(), &binding, options)
            .await?;
        let issued = issued.into_iter().next();
        Ok(issued
            .ok_or(FlowError::Misuse("a batch of one has one"))?
            .handle)
    }

    /// Asks for a token, bound to the operation and these parameters: what the person confirms, and what then happens.
    /// It takes the place of the flow's earlier one. The answer does not wait for it: [`Flows::work`] makes and sends it.
    ///
    /// # Errors
    /// [`FlowError`]; nothing will be sent.
    pub async fn send<O: Operation>(
        &self,
        held: &Held<'_>,
        to: To<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<(), FlowError> {
        let live = self.live::<O>(held).await?;
        let none = Destination::device("none").map_err(|_| UNREADABLE)?;
        let nowhere = matches!(to, To::Nowhere);
        let (destination, verified) = match to {
            To::Verified(destination) => (destination, true),
            To::New(destination) => (destination, false),
            To::Nowhere => (&none, false),
        };
        if let Some(channels) = &live.rules.channels
            && !nowhere
            && !channels.contains(&destination.channel())
        {
            return Err(FlowError::Channel);
        }
        let standing = live.standing.as_ref();
        if verified
            && !live.decoy
            && !standing.is_some_and(|standing| standing.verified.contains(destination))
        {
            return Err(FlowError::Misuse(
                "an address that is not one of the account's",
            ));
        }
        let parameters = Parameters::new(parameters).after(&live.flow.earlier);
        let parameters = parameters.ok_or(FlowError::Misuse("a parameter that is there twice"))?;
        let mut asked = self.asked(Stage::Begin, &live.flow.subject, standing, &parameters);
        asked.destination = Some(destination);
        let met = self.checked(live.rules, &asked).await?;
        self.spend_send::<O>(&live.flow.subject).await?;
        let job = Job {
            handle: held.handle.expose_secret(),
            flow: live.id,
            purpose: O::PURPOSE,
            destination: destination.clone(),
            verified,
            decoy: live.decoy || nowhere || !met,
            parameters,
        };
        self.enqueue(held, &job, live.ends).await
    }

    async fn spend_send<O: Operation>(&self, subject: &Subject) -> Result<(), FlowError> {
        let name = format!("{} flow sends", O::PURPOSE.as_str());
        let key = LimitKey::new(LimitScope::Engine, &name, &Binding::subject(subject));
        self.spend(&Charge {
            key,
            limit: *self.settings.limit(),
        })
        .await
    }

    pub(crate) async fn spend(&self, charge: &Charge) -> Result<(), FlowError> {
        let spent = self
            .tokens
            .limit_store()
            .spend(&[*charge], self.tokens.now())
            .await;
        match spent.map_err(TokensError::from)? {
            Spent::Allowed => Ok(()),
            Spent::RetryAt(_, at) => Err(FlowError::Throttled { retry_at: Some(at) }),
            Spent::Locked(_) => Err(FlowError::Throttled { retry_at: None }),
            Spent::Ahead(_) => Err(FlowError::Tokens(TokensError::Unavailable(
                StoreError::Corrupt("a limit's time lies beyond every clock"),
            ))),
        }
    }

    /// Counts one try; `Ended` where the flow has none left.
    pub(crate) async fn count(&self, live: &Live<'_>) -> Result<(), FlowError> {
        use token_store::ott_core::Reason;
        let counted = self
            .tokens
            .without_limits(COUNTED)
            .redeem(&self.settings.flow(), &live.count)
            .await;
        match counted {
            Err(error) if error.reason() == Some(Reason::Mismatch) => Ok(()),
            Err(error) => Err(error.into()),
            // Nobody can say a flow's own token.
            Ok(_) => Err(FlowError::Ended),
        }
    }
}
