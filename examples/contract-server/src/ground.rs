//! What stands before a server's own part begins: its folder, keys, database, clock and messages.

use core::fmt;
use std::{
    fs::{DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use token_delivery::SmtpDelivery;
use twofa_providers::{
    token_delivery::{self, Delivery, Templates},
    token_store::{
        Clock, key_file,
        ott_core::{
            Limit, Policy,
            rand::{TryRng as _, rngs::SysRng},
        },
    },
};

#[cfg(any(debug_assertions, feature = "development"))]
use crate::outbox::NO_WAY;
#[cfg(not(any(debug_assertions, feature = "development")))]
use crate::released::NO_WAY;
use crate::{
    Documents, Engine, Fault, FileClock, GivenTexts, Options, Outbox, Passwords, database::Database,
};

/// What stands before a server's own part begins.
pub struct Ground {
    /// The folder of the keys.
    pub data: PathBuf,
    /// The clock that everything asks.
    pub clock: Arc<FileClock>,
    /// Sealed documents of the server.
    pub documents: Documents,
    /// How mail leaves.
    pub delivery: Arc<dyn Delivery>,
    /// The development outbox, where messages stay in it.
    pub outbox: Option<Outbox>,
    database: Database,
}

impl Ground {
    /// Opens everything; makes what is missing. `name` is the server's, for its folder where no option says one.
    ///
    /// # Errors
    /// A sentence for the person who started it.
    pub async fn open(name: &str, options: &Options, words: Templates) -> Result<Self, Fault> {
        let data = match &options.data {
            Some(data) => {
                private_folder(data)?;
                data.clone()
            }
            None => temporary(name)?,
        };
        let clock = Arc::new(FileClock::of(options));
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<_>;
        let outbox = Outbox::of(options, &data, &shared, &words)?;
        let delivery: Arc<dyn Delivery> = match &outbox {
            Some(outbox) => Arc::new(outbox.clone()),
            None => smtp(options, words)?,
        };
        let database = Database::open(options.database.as_deref(), &data.join("data.db")).await?;
        // In this order: another process that starts now makes the file before it seals anything.
        let sealed = Documents::prepare(&database.any).await?;
        let file = data.join("keys");
        if sealed && !file.exists() {
            let lost =
                "the key file is missing, and the database has what its keys sealed: put it back";
            return Err(format!("{}: {lost}", file.display()).into());
        }
        let keys = key_file::read_or_create(file)?;
        let documents = Documents::open(database.any.clone(), keys, shared);
        Ok(Self {
            data,
            clock,
            documents,
            delivery,
            outbox,
            database,
        })
    }

    /// What the server holds while it runs: tokens with these policies, and the rest. `accepted` is a guess bound
    /// above our own, by its figure.
    ///
    /// # Errors
    /// What the store or the builder refuses.
    pub async fn engine(
        self,
        policies: &[Policy],
        allowance: Limit,
        accepted: Option<u64>,
    ) -> Result<Engine, Fault> {
        let keys = key_file::read(self.data.join("keys"))?;
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<_>;
        let limits = (allowance, accepted);
        let opening = self.database.tokens(keys, policies, limits, clock)?;
        Ok(Engine {
            clock: self.clock,
            tokens: opening.shared(),
            opening: Arc::new(opening),
            factors: self.database.factors(),
            given: GivenTexts::open(&self.documents).await?,
            documents: self.documents,
            passwords: Passwords::new().await?,
            delivery: self.delivery,
            outbox: self.outbox,
        })
    }
}

/// Makes a folder that its owner alone can read, or takes from others what they may do in one that is there.
pub(crate) fn private_folder(folder: &Path) -> Result<(), Fault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let made = made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)));
    made.map_err(|error| format!("{}: {error}", folder.display()).into())
}

/// A folder that nobody else made before.
fn temporary(name: &str) -> Result<PathBuf, Fault> {
    let folder = std::env::temp_dir().join(format!("{name}-{:08x}", SysRng.try_next_u32()?));
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn smtp(options: &Options, words: Templates) -> Result<Arc<dyn Delivery>, Fault> {
    let (Some(host), Some(from)) = (&options.smtp, &options.mail_from) else {
        return Err(NO_WAY.into());
    };
    let mut smtp = SmtpDelivery::builder(host.as_str(), from.as_str(), words);
    if let (Some(user), Some(file)) = (&options.smtp_user, &options.smtp_password) {
        let password = std::fs::read_to_string(file);
        let password = password.map_err(|error| format!("{}: {error}", file.display()))?;
        smtp = smtp.credentials(user.as_str(), password.trim_end_matches(['\r', '\n']));
    }
    Ok(Arc::new(smtp.build()?))
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
