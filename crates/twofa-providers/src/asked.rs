//! What was asked for.

use core::fmt;

use token_store::ott_core::Handle;

/// What was asked for, and what the waiting page shows.
#[derive(Default)]
#[non_exhaustive]
pub struct Asked {
    /// The flow's handle: keep it in the session, and state it with each
    /// [`Attempt::handle`](crate::Attempt::handle).
    pub handle: Option<Handle>,
    /// Where it went, without saying too much: `a…@example.org`.
    pub hint: Option<String>,
    /// What the waiting page shows.
    pub show: Option<Show>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// What a waiting page shows. `Debug` prints which.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Show {
    /// For the client's script: options of a WebAuthn ceremony.
    Json(String),
    /// To be repeated on the other device.
    Number(u32),
    /// To be typed into the authenticator.
    Question(String),
}

impl Asked {
    /// Something was sent in this flow.
    #[must_use]
    pub const fn sent(handle: Handle, hint: Option<String>) -> Self {
        Self {
            handle: Some(handle),
            hint,
            show: None,
        }
    }

    /// The waiting page of this flow shows something.
    #[must_use]
    pub const fn showing(handle: Handle, show: Show) -> Self {
        Self {
            handle: Some(handle),
            hint: None,
            show: Some(show),
        }
    }
}

impl fmt::Debug for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(..)",
            Self::Number(_) => "Number(..)",
            Self::Question(_) => "Question(..)",
        })
    }
}
