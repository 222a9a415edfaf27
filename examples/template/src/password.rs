//! Passwords: Argon2id (RFC 9106), a few at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use maud::{Markup, html};

use crate::{
    app::{App, Fault},
    web::No,
};

/// NIST SP 800-63B-4 section 3.1.1.2 asks for 8 beside a second factor, and 15 without.
const SHORTEST: usize = 15;

pub(crate) fn field() -> Markup {
    html! {
        label { "New password"
            input type="password" name="password" autocomplete="new-password" minlength=(SHORTEST) required; }
        p class="hint" { "At least " (SHORTEST) " characters: a few words are easy to keep." }
    }
}

/// The hash of a password that somebody chose, if it is long enough.
pub(crate) async fn chosen(app: &App, password: String) -> Result<String, No> {
    if password.chars().count() < SHORTEST {
        return Err(No::Again(
            "The password has fewer than 15 characters. Open the link again.",
        ));
    }
    Ok(hash(app, password).await?)
}

/// The hash to store.
async fn hash(app: &App, password: String) -> Result<String, Fault> {
    work(app, move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        Ok(hash.map_err(|_| "no hash")?.to_string())
    })
    .await
}

/// Whether it is the password of this hash. Without one it is not, which takes as long.
pub(crate) async fn verify(
    app: &App,
    password: String,
    stored: Option<String>,
) -> Result<bool, Fault> {
    let Some(stored) = stored else {
        hash(app, password).await?;
        return Ok(false);
    };
    work(app, move || {
        let stored = PasswordHash::new(&stored).map_err(|_| "a stored hash is none")?;
        Ok(Argon2::default()
            .verify_password(password.as_bytes(), &stored)
            .is_ok())
    })
    .await
}

async fn work<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let turn = Arc::clone(&app.hashing).acquire_owned().await?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await?
}
