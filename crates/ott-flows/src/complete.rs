//! Presenting a token.

use token_store::{
    Charge, RedeemInTransaction, Revoke, TokenStore, TokensError,
    events::STORE_FAILED,
    ott_core::{Binding, Handle, Presented, RecordId, Rejected},
};

use crate::{
    Asked, FlowError, Flows, Held, Operation, Proof, Stage,
    begin::COUNTED,
    flow::Live,
    proof::Proven,
    queue::{Sent, bound_to, flow_of},
};

/// A try that was counted, and what it is compared with.
struct Tried<'r> {
    live: Live<'r>,
    token: Option<RecordId>,
    under: Handle,
    sent: Sent,
    /// It is refused, whatever was typed.
    doomed: bool,
}

impl<S: TokenStore + ?Sized> Flows<S> {
    /// Redeems the flow's newest token, once, and ends the flow.
    ///
    /// The try is counted first, against the flow: a newer token gives no new tries. Where a check refuses that is told
    /// ([`Rules::check`](crate::Rules::check)), nothing is counted and nothing spent. Where a silent one does, the answer
    /// is that of a wrong token, and a right one is spent.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn complete<O: Operation>(
        &self,
        held: &Held<'_>,
        typed: &str,
    ) -> Result<Proof<O>, FlowError> {
        let tried = self.attempt::<O>(held).await?;
        let policy = &tried.live.rules.policy;
        let spent = self.spend_allowance(&tried).await?;
        let redeemed = match self.presented(&tried, typed) {
            Ok(presented) => {
                self.tokens
                    .without_limits(COUNTED)
                    .redeem(policy, &presented)
                    .await
            }
            Err(rejected) => Err(rejected.into()),
        };
        match redeemed {
            Ok(_) if !tried.doomed => {}
            Ok(_) | Err(TokensError::Rejected(_)) => return Err(self.wrong(&tried).await?),
            Err(error) => return Err(error.into()),
        }
        let tries = self.tries(&tried.live.id).await?;
        self.tokens.revoke(&Revoke::Record(tried.live.id)).await?;
        self.give_back(spent, tries).await;
        Ok(Proof::new(tried.proven(held, tries, self)))
    }

    fn presented(&self, tried: &Tried<'_>, typed: &str) -> Result<Presented, Rejected> {
        let name = tried.live.id.to_string();
        let pairs = bound_to(&name, &tried.sent.parameters);
        let binding = Binding::subject(&tried.live.flow.subject)
            .destination(&tried.sent.destination)
            .epoch(tried.live.flow.epoch)
            .operation(&pairs);
        let (issuer, policy) = (self.tokens.issuer(), &tried.live.rules.policy);
        issuer.present_by_handle(policy, &tried.under, &binding, typed, self.tokens.now())
    }

    /// Spends the account's allowance, where the policy says that a try costs it.
    async fn spend_allowance(&self, tried: &Tried<'_>) -> Result<Option<Charge>, FlowError> {
        let charge = self
            .tokens
            .allowance_of(&Binding::subject(&tried.live.flow.subject));
        let Some(charge) = charge.filter(|_| tried.live.rules.policy.spends_allowance()) else {
            return Ok(None);
        };
        self.spend(&charge).await?;
        Ok(Some(charge))
    }

    /// A success gives back what its own flow spent. It stands whether or not this succeeds.
    async fn give_back(&self, spent: Option<Charge>, tries: u32) {
        if let Some(charge) = spent
            && self
                .tokens
                .limit_store()
                .refund(&[charge], tries.max(1))
                .await
                .is_err()
        {
            self.tokens
                .emit(self.tokens.event(STORE_FAILED).verb("refund"));
        }
    }

    /// The try's flow, its token and its checks; then it is counted.
    async fn attempt<O: Operation>(&self, held: &Held<'_>) -> Result<Tried<'_>, FlowError> {
        let live = self.live::<O>(held).await?;
        let listed = self
            .tokens
            .list(&live.rules.policy, &live.flow.subject)
            .await?;
        let newest = listed.iter().rfind(|found| flow_of(found) == Some(live.id));
        let (token, nonce, sent) = match newest {
            Some(found) => {
                let (nonce, sent) = Sent::read(found, self.tokens.issuer().keys())?;
                (Some(*found.id()), nonce, sent)
            }
            // Nothing was sent yet: it is compared with nothing, by the same calls.
            None => (None, [0; 16], Sent::nothing()?),
        };
        let asked = Asked {
            destination: token.map(|_| &sent.destination),
            ..self.asked(
                Stage::Step,
                &live.flow.subject,
                live.standing.as_ref(),
                &sent.parameters,
            )
        };
        let met = token.is_none() || self.checked(live.rules, &asked).await?;
        self.count(&live).await?;
        let doomed = live.decoy || sent.decoy || !met || token.is_none();
        let under = held.handle.sibling(&nonce);
        Ok(Tried {
            live,
            token,
            under,
            sent,
            doomed,
        })
    }

    /// How many tokens were tried in this flow.
    async fn tries(&self, flow: &RecordId) -> Result<u32, FlowError> {
        let stored = self.tokens.store().find(flow).await;
        Ok(stored
            .map_err(TokensError::from)?
            .map_or(0, |stored| stored.attempts))
    }

    /// The answer to a wrong token. The last one ends the flow.
    async fn wrong(&self, tried: &Tried<'_>) -> Result<FlowError, FlowError> {
        if self.tries(&tried.live.id).await? < self.settings.most_tries() {
            return Ok(FlowError::Wrong);
        }
        for record in core::iter::once(tried.live.id).chain(tried.token) {
            self.tokens.revoke(&Revoke::Record(record)).await?;
        }
        Ok(FlowError::Exhausted)
    }
}

/// Redeeming and applying in one transaction of the application's database.
impl<S: RedeemInTransaction + ?Sized> Flows<S> {
    /// As [`Flows::complete`], and hands over the open transaction in which the token was redeemed. Dropped, the token
    /// stays good; the try stays counted.
    ///
    /// # Errors
    /// As [`Flows::complete`].
    pub async fn complete_in_transaction<O: Operation>(
        &self,
        held: &Held<'_>,
        typed: &str,
    ) -> Result<(S::Transaction, Unclosed<O>), FlowError> {
        let tried = self.attempt::<O>(held).await?;
        let tries = self.tries(&tried.live.id).await?;
        let policy = &tried.live.rules.policy;
        // A success gives nothing back: the limits may wait for the very writer that is open now.
        self.spend_allowance(&tried).await?;
        let redeemed = match self.presented(&tried, typed) {
            Ok(presented) => {
                self.tokens
                    .without_limits(COUNTED)
                    .redeem_in_transaction(policy, &presented)
                    .await
            }
            Err(rejected) => Err(rejected.into()),
        };
        match redeemed {
            Ok((transaction, _)) if !tried.doomed => {
                let flow = tried.live.id;
                let proof = Proof::new(tried.proven(held, tries, self));
                Ok((transaction, Unclosed { flow, proof }))
            }
            // The transaction is dropped first: the database may have one writer alone.
            Ok(opened) => {
                drop(opened);
                Err(self.wrong(&tried).await?)
            }
            Err(TokensError::Rejected(_)) => Err(self.wrong(&tried).await?),
            Err(error) => Err(error.into()),
        }
    }
}

/// A proof whose flow still has to end, in the same transaction.
#[must_use = "its flow ends where `close` says so"]
pub struct Unclosed<O: Operation> {
    flow: RecordId,
    proof: Proof<O>,
}

impl<O: Operation> Unclosed<O> {
    /// Ends the flow in the transaction, by the store's view of it (`store.on(&mut transaction)`), and hands out the
    /// proof.
    ///
    /// # Errors
    /// [`FlowError::Ended`] where somebody else ended the flow: roll back.
    pub async fn close(self, on: &(impl TokenStore + ?Sized)) -> Result<Proof<O>, FlowError> {
        let ended = on.revoke(&Revoke::Record(self.flow)).await;
        match ended.map_err(TokensError::from)? {
            0 => Err(FlowError::Ended),
            _ => Ok(self.proof),
        }
    }
}

impl<O: Operation> core::fmt::Debug for Unclosed<O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unclosed")
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

impl Tried<'_> {
    fn proven<S: TokenStore + ?Sized>(
        self,
        held: &Held<'_>,
        tries: u32,
        flows: &Flows<S>,
    ) -> Proven {
        Proven {
            kind: self.live.flow.kind,
            subject: self.live.flow.subject,
            epoch: self.live.flow.epoch,
            holder: held.holder.into(),
            parameters: self.sent.parameters,
            at: flows.tokens.now(),
            ends: self.live.ends,
            wrong: tries.saturating_sub(1),
        }
    }
}
