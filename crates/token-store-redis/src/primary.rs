//! Which primary this is, and what of it may be believed.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use token_store::{Clock, Event, StoreError, SystemClock, What};

use crate::{
    RedisStore, StartError,
    error::{Outage, outage},
    reply::{Reply, corrupt},
    scripts,
    store::{Kind, millis},
};

/// How keys are laid out: the crate page lists them. Another layout is refused.
pub(crate) const LAYOUT: u32 = 1;

/// What this process knows of the primary, beyond what the server says.
#[derive(Default)]
pub(crate) struct Watch {
    era: RwLock<Option<Era>>,
    /// Whether the server was looked at, so that what comes now is new.
    began: AtomicBool,
    /// Milliseconds after the start at which the server is asked again whether it evicts.
    recheck_at: AtomicU64,
    /// Whether it did when it was last asked.
    evicts: AtomicBool,
}

/// From when to when one primary's data is the whole. A process that has seen one never believes a server
/// that goes back behind it.
#[derive(Clone)]
struct Era {
    name: String,
    number: u64,
}

/// What a server says of itself, and what stands there.
pub(crate) struct Server {
    policy: String,
    appendonly: bool,
    role: String,
    /// Its replication id.
    primary: String,
    /// The one under which what stands here was written, nothing where nothing stands.
    seen: String,
    era: String,
    number: String,
    /// When it was last seen that a restart could lose what was answered.
    weak: String,
    layout: String,
}

impl Server {
    pub(crate) fn evicts(&self) -> Option<&str> {
        (self.policy != "noeviction").then_some(self.policy.as_str())
    }

    fn refuse_evicting(&self) -> Result<(), StoreError> {
        self.evicts().map_or(Ok(()), |_| Err(Outage::Evicts.into()))
    }
}

impl RedisStore {
    /// Refuses a server that will not do. Nothing is written: one on which nothing stands may be new, or
    /// have lost everything, and whoever asks the first verb of it assumes the latter.
    pub(crate) async fn check(&self) -> Result<(), StartError> {
        let server = self.server().await?;
        if let Some(policy) = server.evicts() {
            let policy = policy.to_owned();
            return Err(StartError::Evicts { policy });
        }
        if server.role != "master" {
            return Err(StartError::Store(Outage::NotPrimary.into()));
        }
        if !server.layout.is_empty() && server.layout != LAYOUT.to_string() {
            return Err(StartError::Store(other_layout(&server.layout).into()));
        }
        if self.inner.keeps_across_restarts
            && let Some(weak) = self.loses_nothing(&server).await?
        {
            return Err(weak);
        }
        if !server.era.is_empty() {
            self.learn(server.era, number(&server.number)?);
        }
        self.inner.watch.began.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What the server says of itself now.
    async fn server(&self) -> Result<Server, StoreError> {
        let call = self.call(&scripts::SERVER, Kind::Reads);
        let mut reply = self.ask(&call).await?;
        let mut text = || reply.rest().text();
        Ok(Server {
            policy: text()?,
            appendonly: text()? == "1",
            role: text()?,
            primary: text()?,
            seen: text()?,
            era: text()?,
            number: text()?,
            weak: text()?,
            layout: text()?,
        })
    }

    /// Nothing, if everything that this server answers is on its disk before.
    async fn loses_nothing(&self, server: &Server) -> Result<Option<StartError>, StoreError> {
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg("*appendfsync*");
        let settings = match self.inner.link.send(&ask).await {
            Ok(answer) => redis::from_redis_value::<Vec<String>>(answer).unwrap_or_default(),
            // Forbidden, or renamed: then nobody knows.
            Err(error) if matches!(error.kind(), redis::ErrorKind::Server(_)) => Vec::new(),
            Err(error) => return Err(outage(error)),
        };
        let setting = |name: &str| {
            let mut found = settings.iter().skip_while(|word| *word != name);
            found.nth(1).cloned().unwrap_or_default()
        };
        let (appendfsync, pauses) = (setting("appendfsync"), setting("no-appendfsync-on-rewrite"));
        let strong = server.appendonly && appendfsync == "always" && pauses == "no";
        Ok((!strong).then_some(StartError::WeakDurability {
            appendonly: server.appendonly,
            appendfsync,
            no_appendfsync_on_rewrite: pauses,
        }))
    }

    /// Asks now and then whether the server evicts, and whether a restart would lose what it answers; as
    /// long as it evicts, before every verb.
    pub(crate) async fn recheck(&self) -> Result<(), StoreError> {
        let Watch {
            recheck_at, evicts, ..
        } = &self.inner.watch;
        let passed = millis(self.inner.started.elapsed());
        let due = recheck_at.load(Ordering::Relaxed);
        let next = passed.saturating_add(millis(self.inner.recheck_every));
        // One of those who find it due asks.
        let claim = || recheck_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
        if !evicts.load(Ordering::Relaxed) && (passed < due || claim().is_err()) {
            return Ok(());
        }
        let asked = async {
            let server = self.server().await?;
            if self.inner.keeps_across_restarts {
                self.remember_weakness(&server).await?;
            }
            Ok(server)
        };
        let server: Server = asked.await.inspect_err(|_: &StoreError| {
            recheck_at.store(0, Ordering::Relaxed);
        })?;
        evicts.store(server.evicts().is_some(), Ordering::Relaxed);
        server.refuse_evicting()
    }

    /// A setting that was changed while the server ran is changed back by the restart that loses writes, so
    /// it is remembered beside the data.
    async fn remember_weakness(&self, server: &Server) -> Result<(), StoreError> {
        let weak = self.loses_nothing(server).await?.is_some();
        if weak != server.weak.is_empty() {
            return Ok(());
        }
        let call = self.call(&scripts::WEAK, Kind::Writes);
        let call = call.arg(&server.weak).number(u8::from(weak));
        if self.ask(&call).await?.status() == "done" && weak {
            self.emit(What::DurabilityWeak);
        }
        Ok(())
    }

    /// What a script that did nothing said of the primary: the caller asks again, unless this is an error.
    pub(crate) async fn heed(&self, reply: &mut Reply) -> Result<(), StoreError> {
        match reply.status() {
            "primary" => {
                let before = reply.rest().text()?;
                self.take_note(&before).await
            }
            "era" => {
                let (name, number) = (reply.rest().text()?, number(&reply.rest().text()?)?);
                if self.learn(name.clone(), number) {
                    return Ok(());
                }
                // It stands behind what this process has seen: a server that was made anew, or one that
                // never heard that it is not the primary any more.
                let server = self.server().await?;
                if server.era == name {
                    self.adopt(&server, "lost").await?;
                }
                Ok(())
            }
            "replica" => Err(Outage::NotPrimary.into()),
            "layout" => Err(other_layout(&reply.rest().text()?).into()),
            "lost" => Err(Outage::Lost {
                number: number(&reply.rest().text()?)?,
            }
            .into()),
            "corrupt" => Err(corrupt(&reply.rest().text()?)),
            _ => Err(Outage::Unexpected.into()),
        }
    }

    /// Takes note of a primary that did not write what stands here, so that none of it is believed.
    async fn take_note(&self, before: &str) -> Result<(), StoreError> {
        let server = self.server().await?;
        server.refuse_evicting()?;
        // A process that was promoted says whose replica it was. One that began with its own
        // append-only file, every write of it on the disk before it was answered, lost nothing.
        let began_alone = !before.is_empty() && before.bytes().all(|digit| digit == b'0');
        let same = self.inner.keeps_across_restarts
            && began_alone
            && !server.seen.is_empty()
            && self.loses_nothing(&server).await?.is_none();
        self.adopt(&server, if same { "same" } else { "lost" })
            .await?;
        self.inner.watch.recheck_at.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the primary's id down, unless somebody else did or it changed again: the caller looks again.
    async fn adopt(&self, server: &Server, how: &str) -> Result<(), StoreError> {
        let known = self.known().map_or(0, |era| era.number);
        let call = self.call(&scripts::ADOPT, Kind::Writes);
        let call = call.arg(&server.primary).arg(&server.seen).arg(&server.era);
        self.ask(&call.arg(how).number(known)).await.map(drop)
    }

    /// Remembers an era that is the first or a later one than is known, and tells of it; false if it stands
    /// behind that.
    fn learn(&self, name: String, number: u64) -> bool {
        let era = &self.inner.watch.era;
        let mut known = era.write().unwrap_or_else(PoisonError::into_inner);
        let (later, new) = match &*known {
            // Found at the start, or initialized since: nothing of this process's is lost.
            None => (
                true,
                number > 1 && self.inner.watch.began.load(Ordering::Relaxed),
            ),
            Some(era) if era.name == name => (true, false),
            Some(era) => (number > era.number, number > era.number),
        };
        if later {
            *known = Some(Era { name, number });
        }
        drop(known);
        if new {
            self.emit(What::PrimaryChanged(number));
        }
        later
    }

    fn known(&self) -> Option<Era> {
        let era = self.inner.watch.era.read();
        era.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The era that scripts compare with the one that stands there.
    pub(crate) fn era(&self) -> String {
        self.known().map(|era| era.name).unwrap_or_default()
    }

    fn emit(&self, what: What) {
        self.inner.events.emit(Event {
            at: SystemClock.now(),
            subject: None,
            what,
        });
    }

    /// Marks this store as new, where nothing of it stands: then nothing was lost, paces are full, and
    /// factors, ceilings and allowances count at once. Says whether it did.
    ///
    /// Call it once, by hand or from whatever sets an installation up, **never at every start**: a server that
    /// came back empty looks like a new one. Without it the first verb takes an empty server for one that
    /// has lost everything. A store of tokens and paces alone needs it only to have paces that are full from
    /// the first minute.
    ///
    /// # Errors
    /// [`StoreError`] if the server did not answer, or is a replica.
    pub async fn initialize(&self) -> Result<bool, StoreError> {
        // A process that knows of data has not found a new server, whatever stands there now.
        if self.known().is_some() {
            return Ok(false);
        }
        let call = self.call(&scripts::INITIALIZE, Kind::Writes);
        let mut reply = self.within(self.ask(&call)).await?;
        match reply.status() {
            "done" => Ok(reply.rest().number()? == 1),
            _ => Err(Outage::NotPrimary.into()),
        }
    }

    /// Accepts that factors, ceilings and allowances may lack what was told before the primary with this
    /// number, which [`Outage::Lost`] and [`What::PrimaryChanged`] name. If it changed again since, that is
    /// [`Outage::Lost`] with the number of now.
    ///
    /// Until this is called after the primary changed, every verb of [`FactorStore`] and every spend of
    /// a ceiling or allowance is an outage: a code that was burnt could pass again, a removed factor prove
    /// again, a ceiling begin anew. Afterwards they count as they stand there. A counter that was burnt and
    /// lost passes once more, for as long as its code is accepted: wait for that long before you call this
    /// (two minutes for TOTP), and compare the factors with your own records where you can.
    ///
    /// # Errors
    /// [`StoreError`] if the server did not answer, or the primary is another one.
    ///
    /// [`FactorStore`]: token_store::FactorStore
    pub async fn accept_lost_writes(&self, number: u64) -> Result<(), StoreError> {
        let call = self.call(&scripts::ACCEPT, Kind::Writes).number(number);
        self.within(self.run(&call)).await.map(drop)
    }
}

fn number(text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("epoch"))
}

fn other_layout(found: &str) -> Outage {
    Outage::Layout {
        found: found.parse().unwrap_or(0),
        known: LAYOUT,
    }
}
