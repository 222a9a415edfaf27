//! A flow's own record: whose it is, for which operation, and how many tokens were tried.

use token_store::{
    TokenStore, TokensError,
    ott_core::{
        Binding, Destination, Handle, Presented, Purpose, Reason, RecordId, State, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    Asked, FlowError, Flows, Operation, Parameters, Rules, Stage, Standing, Who,
    flows::unheard,
    packed::{Reader, Writer},
};

/// What names a flow, and who comes with it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// What [`Flows::open`] handed out: for a cookie, a session, or a process of the application's.
    pub handle: &'a Handle,
    /// The flow's tenant.
    pub tenant: &'a str,
    /// Who holds it: the session, the signed-in subject, the browser. The same text as when it was opened.
    pub holder: &'a str,
}

/// Whose a flow is, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Account,
    New,
    Nobody,
}

impl Kind {
    pub(crate) const fn code(self) -> u64 {
        match self {
            Self::Account => 0,
            Self::New => 1,
            Self::Nobody => 2,
        }
    }

    pub(crate) const fn read(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Account),
            1 => Some(Self::New),
            2 => Some(Self::Nobody),
            _ => None,
        }
    }
}

/// What a flow's record holds.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) kind: Kind,
    pub(crate) subject: Subject,
    pub(crate) epoch: u64,
    /// The parameters of the operation before.
    pub(crate) earlier: Parameters,
}

/// A flow that is live, and how its account stands.
pub(crate) struct Live<'r> {
    pub(crate) rules: &'r Rules,
    pub(crate) id: RecordId,
    /// What counts one try.
    pub(crate) count: Presented,
    pub(crate) ends: DateTime<Utc>,
    pub(crate) flow: Flow,
    pub(crate) standing: Option<Standing>,
    /// Nobody gets its token.
    pub(crate) decoy: bool,
}

pub(crate) const FLOW_KIND: &str = "flow";

impl<S: TokenStore + ?Sized> Flows<S> {
    /// The rules of an operation that is switched on.
    pub(crate) fn rules<O: Operation>(&self) -> Result<&Rules, FlowError> {
        self.rules_of(&O::PURPOSE)
    }

    pub(crate) fn rules_of(&self, purpose: &Purpose) -> Result<&Rules, FlowError> {
        let rules = self.rules.get(purpose);
        let rules = rules.ok_or(FlowError::Misuse(
            "an operation that was not given to the builder",
        ))?;
        rules.is_on().then_some(rules).ok_or(FlowError::Off)
    }

    /// Whose it is, and how the account stands. The same is asked for nobody.
    pub(crate) async fn whose(
        &self,
        who: Who<'_>,
    ) -> Result<(Kind, Subject, Option<Standing>), FlowError> {
        let (kind, subject) = match who {
            Who::Account(subject) => (Kind::Account, subject.clone()),
            Who::New(subject) => (Kind::New, subject.clone()),
            Who::Nobody { tenant, typed } => {
                let subject = Subject::new(tenant, self.nobody(typed));
                let bad = |_| FlowError::Misuse("a tenant that is no name");
                (Kind::Nobody, subject.map_err(bad)?)
            }
        };
        let standing = self.standing(&subject).await?;
        Ok((kind, subject, standing))
    }

    /// The id of the subject that a flow has where nobody has the address that was typed: what
    /// [`Accounts::standing`](crate::Accounts::standing) is asked about then. An application that finds no account by an
    /// address looks this one up in its place: so it reads as much.
    #[must_use]
    pub fn nobody(&self, typed: &Destination) -> String {
        let name = self.tokens.issuer().keys().pseudonym(typed);
        format!("nobody {name}")
    }

    pub(crate) async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, FlowError> {
        let standing = self.accounts.standing(subject).await;
        standing.map_err(FlowError::Account)
    }

    /// The flow that is held, if it is live and of this operation and holder.
    pub(crate) async fn live<O: Operation>(&self, held: &Held<'_>) -> Result<Live<'_>, FlowError> {
        let rules = self.rules::<O>()?;
        let policy = self.settings.flow();
        let operation = own(&O::PURPOSE, held.holder);
        let binding = Binding::tenant(held.tenant).operation(&operation);
        let issuer = self.tokens.issuer();
        let count = issuer
            .present_by_handle(
                &policy,
                held.handle,
                &binding,
                &unheard(),
                self.tokens.now(),
            )
            .map_err(TokensError::from)?;
        let live = self.live_record(count.id(), Some(&binding)).await?;
        let (flow, ends) = live.ok_or(FlowError::Ended)?;
        let standing = self.standing(&flow.subject).await?;
        let changed = flow.is_stale(standing.as_ref());
        if changed && !rules.open {
            return Err(FlowError::Ended);
        }
        let decoy = changed || flow.kind == Kind::Nobody;
        let id = *count.id();
        Ok(Live {
            rules,
            id,
            count,
            ends,
            flow,
            standing,
            decoy,
        })
    }

    /// What the record of a flow holds, and when it ends; `None` where it is over, or not bound like this.
    pub(crate) async fn live_record(
        &self,
        id: &RecordId,
        binding: Option<&Binding<'_>>,
    ) -> Result<Option<(Flow, DateTime<Utc>)>, FlowError> {
        let stored = self.tokens.store().find(id).await;
        let Some(stored) = stored.map_err(TokensError::from)? else {
            return Ok(None);
        };
        let issuer = self.tokens.issuer();
        let record = match issuer.open(&self.settings.flow(), stored) {
            Ok(record) => record,
            Err(why) if why.reason() == Reason::KeyMissing => return Err(key_missing()),
            Err(_) => return Ok(None),
        };
        let stored = record.stored();
        let bound = binding.is_none_or(|binding| issuer.check(&record, binding).is_ok());
        let live = stored.state == State::Ready && stored.is_live(self.tokens.now());
        if !bound || !live {
            return Ok(None);
        }
        let mut fields = Reader::open(issuer.keys(), &stored.tenant, FLOW_KIND, &stored.data)?;
        let flow = Flow::read(&mut fields, &stored.tenant).ok_or(UNREADABLE)?;
        Ok(Some((
            flow,
            stored.expires_at.unwrap_or_else(|| self.tokens.now()),
        )))
    }

    /// Asks every check. What a silent one refuses is `false`.
    pub(crate) async fn checked(
        &self,
        rules: &Rules,
        asked: &Asked<'_>,
    ) -> Result<bool, FlowError> {
        let mut told = None;
        let mut silent = false;
        for named in &rules.checks {
            let met = named.check.met(asked).await.map_err(FlowError::Account)?;
            match (met, named.silent) {
                (true, _) => {}
                (false, true) => silent = true,
                (false, false) => told = told.or(Some(named.name)),
            }
        }
        match told {
            Some(name) => Err(FlowError::Unmet(name)),
            None => Ok(!silent),
        }
    }

    pub(crate) fn asked<'a>(
        &self,
        stage: Stage,
        subject: &'a Subject,
        standing: Option<&'a Standing>,
        parameters: &'a Parameters,
    ) -> Asked<'a> {
        Asked {
            stage,
            subject,
            standing,
            parameters,
            destination: None,
            now: self.tokens.now(),
        }
    }
}

impl Flow {
    /// Whether its account is not what it was when the flow was opened.
    pub(crate) fn is_stale(&self, standing: Option<&Standing>) -> bool {
        let epoch = standing.map(|standing| standing.epoch);
        self.kind == Kind::Account && epoch != Some(self.epoch)
    }

    pub(crate) fn write(&self) -> Writer {
        Writer::default()
            .number(self.kind.code())
            .text(self.subject.id())
            .number(self.epoch)
            .parameters(&self.earlier)
    }

    fn read(fields: &mut Reader, tenant: &str) -> Option<Self> {
        Some(Self {
            kind: Kind::read(fields.number()?)?,
            subject: Subject::new(tenant, fields.text()?).ok()?,
            epoch: fields.number()?,
            earlier: fields.parameters()?,
        })
    }
}

/// What a flow's records are bound to beside the tenant.
pub(crate) fn own<'a>(purpose: &'a Purpose, holder: &'a str) -> [(&'a str, &'a str); 2] {
    [("operation", purpose.as_str()), ("holder", holder)]
}

/// A record of ours, its tag right, that cannot be read: another version wrote it.
pub(crate) const UNREADABLE: FlowError = FlowError::Misuse("a record of another version");

pub(crate) fn key_missing() -> FlowError {
    FlowError::Account("the key ring lacks a key that a flow's record names".into())
}
