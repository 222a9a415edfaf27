//! Processes: what somebody who is not signed in began, by the id that they hold.

use core::fmt::Write as _;

use contract_server::Transaction;
use ott_flows::{
    Change, FlowError, Held, Operation, To,
    token_store::ott_core::{
        Destination,
        rand::{TryRng as _, rngs::SysRng},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    answer::ApiError,
    app::App,
    call::{handle, user_key},
    user::{Account, KeyKind},
};

const PROCESS: &str = "process";

/// What a process is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum For {
    SignUp,
    SignIn,
    RecoverPassword,
    /// The kind is the lost key's.
    RecoverKey(KeyKind),
}

/// A process as it rests, sealed.
#[derive(Deserialize, Serialize)]
pub(crate) struct Process {
    pub(crate) what: For,
    /// The key that was given.
    pub(crate) key: String,
    /// Whose it is; nobody's where there is no account.
    pub(crate) account: Option<String>,
    /// The flow's handle.
    pub(crate) handle: String,
    /// The handle of the flow after it.
    pub(crate) next: Option<String>,
}

/// An id of a process.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ProcessId(String);

impl TryFrom<String> for ProcessId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.to_ascii_lowercase();
        let mut lengths = text.split('-').map(str::len);
        let fits = [8, 4, 4, 4, 12]
            .into_iter()
            .all(|length| lengths.next() == Some(length));
        let hex = text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        (fits && hex && lengths.next().is_none())
            .then_some(Self(text))
            .ok_or("no UUID")
    }
}

impl ProcessId {
    /// A random one (RFC 9562 section 5.4).
    pub(crate) fn random() -> Result<Self, ApiError> {
        let mut bytes = [0u8; 16];
        let drawn = SysRng.try_fill_bytes(&mut bytes);
        drawn.map_err(|_| ApiError::of_status(503))?;
        let [.., sixth, _, eighth, _, _, _, _, _, _, _] = &mut bytes;
        *sixth = (*sixth & 0x0f) | 0x40;
        *eighth = (*eighth & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl App {
    fn process_name(&self, id: &ProcessId) -> String {
        self.given.name(&format!("process {}", id.0)).to_string()
    }

    pub(crate) async fn add_process(
        &self,
        id: &ProcessId,
        process: &Process,
    ) -> Result<(), ApiError> {
        Ok(self
            .documents
            .put(PROCESS, &self.process_name(id), process)
            .await?)
    }

    /// A process of this kind.
    pub(crate) async fn process(
        &self,
        id: &ProcessId,
        fits: impl Fn(For) -> bool,
    ) -> Result<Process, ApiError> {
        let found = self
            .documents
            .get::<Process>(PROCESS, &self.process_name(id))
            .await?;
        let process = found
            .map(|found| found.value)
            .filter(|process| fits(process.what));
        process.ok_or(ApiError::PROCESS)
    }

    pub(crate) async fn end_process(&self, id: &ProcessId) -> Result<(), ApiError> {
        self.documents
            .remove(PROCESS, &self.process_name(id))
            .await?;
        Ok(())
    }

    /// Removes processes that are over.
    pub(crate) async fn tidy_processes(&self) -> Result<(), contract_server::Fault> {
        let minutes = self.settings.processLifetimeMinutes.get().into();
        let life = ott_flows::token_store::ott_core::chrono::TimeDelta::minutes(minutes);
        let before = self.now().checked_sub_signed(life).unwrap_or_default();
        for id in self.documents.unchanged_since(PROCESS, before).await? {
            self.documents.remove(PROCESS, &id).await?;
        }
        Ok(())
    }

    /// Whose process it is.
    pub(crate) async fn process_account(
        &self,
        process: &Process,
    ) -> Result<Option<Account>, ApiError> {
        let nobody = self.flows.nobody(&user_key(&process.key)?);
        let id = process.account.as_deref().unwrap_or(&nobody);
        Ok(self.account(id).await?)
    }

    /// Asks for a token in a process.
    pub(crate) async fn send_in<O: Operation>(
        &self,
        id: &ProcessId,
        text: &str,
        to: To<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<(), ApiError> {
        let handle = handle(text)?;
        let sent = self
            .flows
            .send::<O>(&held(&handle, id), to, parameters)
            .await;
        self.asked.notify_one();
        sent.map_err(|error| self.told_process(error))
    }

    /// Presents a token in a process: what may now change, in the transaction in which it was redeemed. The process
    /// ends with it, and with the last wrong token.
    pub(crate) async fn complete_in<O: Operation>(
        &self,
        id: &ProcessId,
        text: &str,
        typed: &str,
    ) -> Result<(Change<O>, Transaction), ApiError> {
        let handle = handle(text)?;
        let changing = self.changing::<O>(&held(&handle, id), typed).await;
        let (change, mut open) = self.or_over(id, changing).await?;
        let mut documents = self.documents.within(&mut open);
        documents.remove(PROCESS, &self.process_name(id)).await?;
        Ok((change, open))
    }

    /// Presents a token in a process that goes on. The last wrong one ends it.
    pub(crate) async fn prove_in<O: Operation>(
        &self,
        id: &ProcessId,
        text: &str,
        typed: &str,
    ) -> Result<ott_flows::Proof<O>, ApiError> {
        let handle = handle(text)?;
        let completed = self.flows.complete::<O>(&held(&handle, id), typed).await;
        self.or_over(id, completed).await
    }

    async fn or_over<T>(
        &self,
        id: &ProcessId,
        completed: Result<T, FlowError>,
    ) -> Result<T, ApiError> {
        if matches!(completed, Err(FlowError::Exhausted)) {
            self.end_process(id).await?;
        }
        completed.map_err(|error| self.told_process(error))
    }

    pub(crate) fn told_process(&self, error: FlowError) -> ApiError {
        ApiError::of_flow(error, false, self.now())
    }
}

/// Whoever knows a process's id holds it.
pub(crate) fn held<'a>(
    handle: &'a ott_flows::token_store::ott_core::Handle,
    id: &'a ProcessId,
) -> Held<'a> {
    Held {
        handle,
        tenant: "",
        holder: &id.0,
    }
}

impl Process {
    /// Where a token of this kind goes, and what is told of it without sign-in: the key that was given itself, and
    /// of any other its kind alone, whether there is one or not.
    pub(crate) fn destination(
        &self,
        account: Option<&Account>,
        kind: KeyKind,
    ) -> Result<(Option<Destination>, String), ApiError> {
        let given = user_key(&self.key)?;
        let own = account.and_then(|account| account.user.key(kind));
        let shown = match KeyKind::of(&given) == kind {
            true => given.address().into(),
            false => kind.masked().into(),
        };
        Ok((own, shown))
    }
}

/// To this address of the account, or nowhere.
pub(crate) const fn to(own: Option<&Destination>) -> To<'_> {
    match own {
        Some(own) => To::Verified(own),
        None => To::Nowhere,
    }
}
