//! Several machines over one PostgreSQL: what one issues another redeems, once.
//!
//! `token-store-sqlx = { version = "0.1", default-features = false, features = ["postgres"] }`,
//! `twofa-providers = "0.1"`.

use std::{path::Path, sync::Arc};

use token_store_sqlx::PostgresStore;
use token_store_sqlx::token_store::ott_core::{Policy, Purpose};
use token_store_sqlx::token_store::{Tokens, key_file};
use twofa_providers::{Proofs, TotpProvider, TwoFactor};

use crate::Fault;

/// What a flow keeps between two requests, which may reach two machines.
pub const PROOF: Policy = Policy::parked(Purpose::new("second-factor-proof"));

/// What each process holds. There is no state in it: any request can go to any machine.
pub struct Process {
    /// Codes, links, limits.
    pub tokens: Arc<Tokens<PostgresStore>>,
    /// Second factors.
    pub engine: TwoFactor,
    /// A proof for the next request, in the database and not in memory.
    pub proofs: Proofs,
}

/// Starts a process. `keys` is the same file on each machine, copied before the first start: `read`
/// and not `read_or_create`, which would draw another key for each.
pub async fn start(url: &str, schema: &str, keys: &Path) -> Result<Process, Fault> {
    let builder = PostgresStore::builder().schema(schema);
    // A statement ends on the server before the store gives up on it.
    let pool = builder.pool_options().connect(url).await?;
    let store = builder.pool(pool).await?; // brings the tables up to date, one process at a time
    let tokens = Tokens::builder(key_file::read(keys)?, store.clone()).policy(&PROOF);
    let tokens = Arc::new(tokens.build()?);
    let app = TotpProvider::new("Example")?;
    let engine = TwoFactor::builder(tokens.shared(), Arc::new(store)).provider(app);
    Ok(Process {
        engine: engine.build()?,
        proofs: Proofs::new(&tokens.shared(), &PROOF)?,
        tokens,
    })
}
