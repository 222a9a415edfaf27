//! The queue of messages: parked in the store, each until it was sent.

use token_delivery::{DeliveryError, Message};
use token_store::{
    Found, Revoke, TokenStore,
    ott_core::{
        Binding, Destination, Handle, IssueOptions, KeyRing, Purpose, RecordId, Subject,
        chrono::{DateTime, Utc},
        rand::{TryRng as _, rngs::SysRng},
    },
};
use zeroize::Zeroizing;

use crate::{
    FlowError, Flows, Held, Parameters,
    flow::{Flow, UNREADABLE},
    packed::{Reader, Writer},
};

/// A token could not be handed over. Its entry waits for the next pass, where that may help.
pub const DELIVERY_FAILED: &str = "flow.delivery-failed";
/// A token was not made: the subject has as many live ones of its purpose as there may be.
pub const TOO_MANY_LIVE: &str = "flow.too-many-live";

const JOB: &str = "flow job";
const SENT: &str = "flow token";
const MADE_HERE: &str = "asking for it was counted";

/// What waits.
pub(crate) struct Job {
    pub(crate) handle: Zeroizing<String>,
    pub(crate) flow: RecordId,
    pub(crate) purpose: Purpose,
    pub(crate) destination: Destination,
    pub(crate) verified: bool,
    pub(crate) decoy: bool,
    pub(crate) parameters: Parameters,
}

/// What a token's record holds beside its flow and nonce.
pub(crate) struct Sent {
    pub(crate) destination: Destination,
    pub(crate) decoy: bool,
    pub(crate) parameters: Parameters,
}

impl<S: TokenStore + ?Sized> Flows<S> {
    pub(crate) async fn enqueue(
        &self,
        held: &Held<'_>,
        job: &Job,
        ends: DateTime<Utc>,
    ) -> Result<(), FlowError> {
        let queue = queue()?;
        let policy = self.settings.waiting();
        let waiting = self.tokens.list(&policy, &queue).await?;
        if waiting.len() >= self.settings.most_waiting() {
            return Err(FlowError::Full);
        }
        let keys = self.tokens.issuer().keys();
        let fields = Writer::default()
            .text(&job.handle)
            .text(held.tenant)
            .text(job.purpose.as_str());
        let fields = fields.destination(&job.destination);
        let fields = fields
            .number(job.verified.into())
            .number(job.decoy.into())
            .parameters(&job.parameters);
        let mut data = Vec::from(job.flow.as_bytes());
        data.extend(fields.seal(keys, "", JOB)?);
        // In the flow's own slot: what waited for it before is superseded.
        let options = IssueOptions {
            data: &data,
            resend: Some(held.handle),
            expires_at: Some(ends),
            ..IssueOptions::default()
        };
        self.tokens
            .park_opts(&policy, &Binding::subject(&queue), options)
            .await?;
        Ok(())
    }

    /// Makes and sends what waits, oldest first, and says how many entries are done. One task of the application
    /// calls it whenever something was asked for, and every few seconds.
    ///
    /// An entry goes once its token was handed over: after a crash, or beside another worker, it may be sent twice.
    /// Then the newer token has taken the place of the older.
    ///
    /// An entry that fails by itself, since its account cannot be loaded or its record cannot be read, waits and holds up
    /// nobody: the others are gone through, and its error is told then.
    ///
    /// # Errors
    /// [`FlowError`]: an outage of the store, at which the pass ends, or the first entry's that failed. What was not done
    /// waits.
    pub async fn work(&self) -> Result<usize, FlowError> {
        let (mut done, mut failed) = (0_usize, None);
        let entries = self
            .tokens
            .list(&self.settings.waiting(), &queue()?)
            .await?;
        for entry in entries {
            match self.work_on(&entry).await {
                Ok(true) => {
                    self.tokens.revoke(&Revoke::Record(*entry.id())).await?;
                    done = done.saturating_add(1);
                }
                Ok(false) => {}
                Err(error) if error.is_of_the_store() => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// Says whether the entry is done.
    async fn work_on(&self, entry: &Found) -> Result<bool, FlowError> {
        let Some((tenant, job)) = self.read(entry)? else {
            return Ok(true);
        };
        let Ok(rules) = self.rules_of(&job.purpose) else {
            return Ok(true);
        };
        let Some((flow, ends)) = self.live_record(&job.flow, None).await? else {
            return Ok(true);
        };
        let standing = self.standing(&flow.subject).await?;
        let known = standing
            .as_ref()
            .is_some_and(|standing| standing.verified.contains(&job.destination));
        let decoy = job.decoy || flow.is_stale(standing.as_ref()) || (job.verified && !known);
        if self.others_live(&flow, &job, None).await? >= self.settings.most_live() {
            self.tell(TOO_MANY_LIVE, &flow, &job);
            return Ok(true);
        }
        let mut nonce = [0; 16];
        SysRng
            .try_fill_bytes(&mut nonce)
            .map_err(|error| FlowError::Account(error.into()))?;
        let held = Handle::parse(&job.handle).map_err(|_| UNREADABLE)?;
        let under = held.sibling(&nonce);
        let keys = self.tokens.issuer().keys();
        let fields = Writer::default()
            .destination(&job.destination)
            .number(decoy.into());
        let mut data = [*job.flow.as_bytes(), nonce].concat();
        data.extend(
            fields
                .parameters(&job.parameters)
                .seal(keys, &tenant, SENT)?,
        );
        let now = self.tokens.now();
        let own_end = rules
            .policy
            .token_lifetime()
            .and_then(|life| now.checked_add_signed(life));
        let options = IssueOptions {
            data: &data,
            under: Some(&under),
            expires_at: Some(own_end.map_or(ends, |end| end.min(ends))),
            ..IssueOptions::default()
        };
        let name = job.flow.to_string();
        let pairs = bound_to(&name, &job.parameters);
        let binding = Binding::subject(&flow.subject).destination(&job.destination);
        let binding = binding.epoch(flow.epoch).operation(&pairs);
        let tokens = self.tokens.without_limits(MADE_HERE);
        let issued = tokens.issue_opts(&rules.policy, &binding, options).await?;
        let issued = issued.into_iter().next();
        let issued = issued.ok_or(FlowError::Misuse("a batch of one has one"))?;
        let id = *issued.record.id();
        // Two workers may have counted at the same moment: whoever came later gives way.
        if self.others_live(&flow, &job, Some(&id)).await? >= self.settings.most_live() {
            self.tokens.revoke(&Revoke::Record(id)).await?;
            self.tell(TOO_MANY_LIVE, &flow, &job);
            return Ok(true);
        }
        if decoy {
            return Ok(true);
        }
        let phrase = standing
            .as_ref()
            .and_then(|standing| standing.phrase.as_ref());
        let message = Message::new(&job.purpose, &job.destination, &issued.token);
        let message = message
            .with_phrase(phrase.filter(|_| job.verified))
            .of(&flow.subject);
        match self.delivery.deliver(&message).await {
            Ok(()) => Ok(true),
            Err(error) => {
                self.tell(DELIVERY_FAILED, &flow, &job);
                let waits = matches!(
                    error,
                    DeliveryError::QueueFull | DeliveryError::Unavailable(_)
                );
                Ok(!waits)
            }
        }
    }

    /// Live tokens of this subject and purpose that are other flows'; with an id, those that are older than it.
    async fn others_live(
        &self,
        flow: &Flow,
        job: &Job,
        before: Option<&RecordId>,
    ) -> Result<usize, FlowError> {
        let policy = &self.rules_of(&job.purpose)?.policy;
        let live = self.tokens.list(policy, &flow.subject).await?;
        let older = live.iter().take_while(|found| Some(found.id()) != before);
        Ok(older
            .filter(|found| flow_of(found) != Some(job.flow))
            .count())
    }

    fn read(&self, entry: &Found) -> Result<Option<(String, Job)>, FlowError> {
        let Some((flow, sealed)) = entry.stored().data.split_first_chunk::<16>() else {
            return Err(UNREADABLE);
        };
        let mut fields = Reader::open(self.tokens.issuer().keys(), "", JOB, sealed)?;
        let handle = Zeroizing::new(fields.text().ok_or(UNREADABLE)?);
        let tenant = fields.text().ok_or(UNREADABLE)?;
        let name = fields.text().ok_or(UNREADABLE)?;
        // An operation that is no more.
        let Some(purpose) = self.rules.keys().find(|known| known.as_str() == name) else {
            return Ok(None);
        };
        let mut rest = || {
            Some(Job {
                handle: handle.clone(),
                flow: RecordId::from_bytes(*flow),
                purpose: *purpose,
                destination: fields.destination()?,
                verified: fields.number()? == 1,
                decoy: fields.number()? == 1,
                parameters: fields.parameters()?,
            })
        };
        Ok(Some((tenant, rest().ok_or(UNREADABLE)?)))
    }

    fn tell(&self, name: &'static str, flow: &Flow, job: &Job) {
        let event = self.tokens.event(name).of(&flow.subject);
        self.tokens.emit(event.purpose(&job.purpose));
    }
}

fn queue() -> Result<Subject, FlowError> {
    Subject::new("", "ott-flows").map_err(|_| UNREADABLE)
}

/// What a token is bound to beside subject, address and epoch: its flow, then the parameters.
pub(crate) fn bound_to<'a>(flow: &'a str, parameters: &'a Parameters) -> Vec<(&'a str, &'a str)> {
    core::iter::once(("flow", flow))
        .chain(parameters.iter())
        .collect()
}

/// The flow of a token.
pub(crate) fn flow_of(found: &Found) -> Option<RecordId> {
    let (flow, _) = found.stored().data.split_first_chunk::<16>()?;
    Some(RecordId::from_bytes(*flow))
}

impl Sent {
    /// For a try before anything was sent.
    pub(crate) fn nothing() -> Result<Self, FlowError> {
        Ok(Self {
            destination: Destination::device("none").map_err(|_| UNREADABLE)?,
            decoy: true,
            parameters: Parameters::default(),
        })
    }

    /// The nonce of a token's handle, and what was sealed beside it.
    pub(crate) fn read(found: &Found, keys: &KeyRing) -> Result<([u8; 16], Self), FlowError> {
        let stored = found.stored();
        let rest = stored.data.split_first_chunk::<16>().map(|(_, rest)| rest);
        let (nonce, sealed) = rest
            .and_then(<[u8]>::split_first_chunk::<16>)
            .ok_or(UNREADABLE)?;
        let mut fields = Reader::open(keys, &stored.tenant, SENT, sealed)?;
        let mut rest = || {
            Some(Self {
                destination: fields.destination()?,
                decoy: fields.number()? == 1,
                parameters: fields.parameters()?,
            })
        };
        Ok((*nonce, rest().ok_or(UNREADABLE)?))
    }
}
