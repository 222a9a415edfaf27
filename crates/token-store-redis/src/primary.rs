//! Which primary this is, and what of it may be believed.

use token_store::{Clock, Event, StoreError, SystemClock};

use crate::{
    call::{Call, Kind},
    era::Learnt,
    error::{Outage, StartError},
    events,
    reply::{Reply, corrupt},
    scripts,
    store::RedisStore,
};

/// How keys are laid out: `docs/redis.md` lists them. Another layout is refused.
const LAYOUT: u32 = 1;

/// What a server says of itself, and what stands there.
struct Server {
    policy: String,
    role: String,
    /// Its replication id.
    primary: String,
    /// The one under which what stands here was written, nothing where nothing stands.
    seen: String,
    era: String,
    number: String,
    layout: String,
}

impl Server {
    fn evicts(&self) -> Option<&str> {
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
        if !server.era.is_empty() {
            self.learn(server.era, number(&server.number)?);
        }
        self.inner.watch.begin();
        Ok(())
    }

    /// What the server says of itself now.
    async fn server(&self) -> Result<Server, StoreError> {
        let call = self.call(&scripts::SERVER, Kind::Reads);
        let mut reply = self.ask(&call).await?;
        let mut text = || reply.rest().text();
        Ok(Server {
            policy: text()?,
            role: text()?,
            primary: text()?,
            seen: text()?,
            era: text()?,
            number: text()?,
            layout: text()?,
        })
    }

    /// Runs a verb's script. A primary that is new is taken note of first.
    pub(crate) async fn run(&self, call: &Call) -> Result<Reply, StoreError> {
        self.recheck().await?;
        loop {
            let mut reply = self.ask(call).await?;
            match reply.status() {
                "primary" | "era" | "layout" | "lost" | "corrupt" => {
                    self.heed(&mut reply).await?;
                }
                _ => return Ok(reply),
            }
        }
    }

    /// Asks now and then whether the server evicts; as long as it does, before every verb.
    async fn recheck(&self) -> Result<(), StoreError> {
        let watch = &self.inner.watch;
        if !watch.is_due() {
            return Ok(());
        }
        let asked = self.server().await;
        let server = asked.inspect_err(|_| watch.look_soon())?;
        watch.looked(server.evicts().is_some());
        server.refuse_evicting()
    }

    /// What a script that did nothing said of the primary: the caller asks again, unless this is an error.
    async fn heed(&self, reply: &mut Reply) -> Result<(), StoreError> {
        match reply.status() {
            "primary" => self.take_note().await,
            "era" => {
                let (name, number) = (reply.rest().text()?, number(&reply.rest().text()?)?);
                if self.learn(name.clone(), number) {
                    return Ok(());
                }
                // It stands behind what this process has seen: a server that was made anew, or one that
                // never heard that it is not the primary any more.
                let server = self.server().await?;
                if server.era == name {
                    self.adopt(&server).await?;
                }
                Ok(())
            }
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
    async fn take_note(&self) -> Result<(), StoreError> {
        let server = self.server().await?;
        server.refuse_evicting()?;
        // Somebody else did meanwhile: one change has one number.
        if server.seen != server.primary {
            self.adopt(&server).await?;
        }
        self.inner.watch.look_soon();
        Ok(())
    }

    /// Writes the primary's id down, unless somebody else did or it changed again: the caller looks again.
    async fn adopt(&self, server: &Server) -> Result<(), StoreError> {
        let known = self.inner.watch.era().map_or(0, |era| era.number);
        let call = self.call(&scripts::ADOPT, Kind::Writes);
        let call = call.key(self.keys().limits()).key(self.keys().owners());
        let call = call.arg(&server.primary).arg(&server.seen).arg(&server.era);
        self.ask(&call.number(known)).await.map(drop)
    }

    /// Remembers an era and tells of one that is new; false if it is behind the known one.
    fn learn(&self, name: String, number: u64) -> bool {
        let learnt = self.inner.watch.learn(name, number);
        if learnt == Learnt::New {
            self.emit(events::PRIMARY_CHANGED, Some(number));
        }
        learnt != Learnt::Behind
    }

    fn emit(&self, name: &'static str, number: Option<u64>) {
        let event = Event::new(SystemClock.now(), name).count(number);
        self.inner.events.emit(event);
    }

    /// Marks the store on an empty server as new, so that nothing counts as lost: paces are full, and factors,
    /// ceilings and allowances count at once. Returns whether it did: `false` if the server holds data of this store,
    /// or if this process has seen some.
    ///
    /// Call it once, by hand or from the program that sets an installation up, **never at every start**: a server
    /// that came back empty looks like a new one. Without this call, the first verb treats an empty server as one
    /// that lost everything. A store of tokens and paces alone works without it; its paces then begin with one try.
    ///
    /// # Errors
    /// [`StoreError`] if the server did not answer, or is a replica.
    pub async fn initialize(&self) -> Result<bool, StoreError> {
        // A process that knows of data has not found a new server, whatever stands there now.
        if self.inner.watch.era().is_some() {
            return Ok(false);
        }
        let call = self.call(&scripts::INITIALIZE, Kind::Writes);
        let mut reply = self.within(self.ask(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }

    /// Accepts that factors, ceilings and allowances may lack the last writes before this primary. `number` is the one
    /// that [`Outage::Lost`] and [`PRIMARY_CHANGED`](events::PRIMARY_CHANGED) name. Only this change is accepted: if the primary changed
    /// again, the answer is [`Outage::Lost`] with the present number.
    ///
    /// After the primary changed and until this call, every verb of [`FactorStore`] and every spend of a ceiling or
    /// allowance is an outage. Otherwise a used code could pass again, a removed factor could prove again, and a
    /// ceiling would begin anew. After this call they count as they stand there.
    ///
    /// Before the call, wait until every app code from before the change has expired: two minutes for TOTP. A counter
    /// whose use was lost passes once more while its code is valid; an HOTP code stays valid. Compare the factors with
    /// your own records where you can.
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
