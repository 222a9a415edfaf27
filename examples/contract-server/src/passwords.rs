//! Passwords of the accounts: hashed and compared a few at a time, for each takes memory and time on purpose.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::Fault;

/// Hashes at once.
const TURNS: usize = 4;

/// Hashes and compares passwords (Argon2id). Clones share the turns.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Compared with where there is nobody, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// Ready to compare.
    ///
    /// # Errors
    /// The random source.
    pub async fn new() -> Result<Self, Fault> {
        let new = Self {
            turns: Arc::new(Semaphore::new(TURNS)),
            decoy: "".into(),
        };
        let decoy = String::from("nobody has this password");
        let decoy = new.hash(decoy).await?.into();
        Ok(Self { decoy, ..new })
    }

    /// The hash to store, a PHC string.
    ///
    /// # Errors
    /// The random source.
    pub async fn hash(&self, password: impl Into<Zeroizing<String>>) -> Result<String, Fault> {
        let password = password.into();
        let hash = self.work(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string())
        });
        Ok(hash.await??)
    }

    /// Whether it is the password of which this hash was stored. Without a hash it is not, and that takes as long.
    ///
    /// # Errors
    /// The server stops.
    pub async fn verify(
        &self,
        password: impl Into<Zeroizing<String>>,
        stored: Option<String>,
    ) -> Result<bool, Fault> {
        let password = password.into();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.as_ref().into());
        let right = self.work(move || {
            let stored = PasswordHash::new(&stored);
            let verify = |stored| Argon2::default().verify_password(password.as_bytes(), &stored);
            stored.is_ok_and(|stored| verify(stored).is_ok())
        });
        Ok(right.await? && known)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = Arc::clone(&self.turns).acquire_owned().await?;
        Ok(tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await?)
    }
}
