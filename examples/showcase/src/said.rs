//! The one way in which a page tells what the step before it did: said once, on the next page.

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::{
    app::App,
    error::AppError,
    sealed::{anybody, open, seal},
};

/// The cookie that carries it to the next page.
pub(crate) const COOKIE: &str = "said";

/// How long it waits for that page, in seconds: a slow line, and not tomorrow.
pub(crate) const SECONDS: u32 = 60;

const KIND: &str = "showcase message";

/// Words for the next page. Sealed on the way: whoever sends somebody here puts no words on our pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    done: bool,
    words: String,
}

impl Said {
    /// Something was done.
    pub(crate) fn done(words: impl Into<String>) -> Self {
        let words = words.into();
        Self { done: true, words }
    }

    /// Something is otherwise than the person expects: nothing was done, and here is why.
    pub(crate) fn instead(words: impl Into<String>) -> Self {
        let words = words.into();
        Self { done: false, words }
    }

    pub(crate) fn sealed(&self, app: &App) -> Result<String, AppError> {
        let tone = if self.done { "+" } else { "-" };
        let text = [tone, &self.words].concat();
        seal(app, KIND, &anybody()?, text.as_bytes())
    }

    pub(crate) fn opened(app: &App, text: &str) -> Option<Self> {
        let plain = open(app, KIND, &anybody().ok()?, text)?;
        let text = core::str::from_utf8(&plain).ok()?;
        match text.split_at_checked(1)? {
            ("+", words) => Some(Self::done(words)),
            ("-", words) => Some(Self::instead(words)),
            _ => None,
        }
    }

    pub(crate) fn shown(&self) -> Markup {
        html! { p.done[self.done].warn[!self.done] role="status" { (self.words) } }
    }
}

/// This answer, and words for the page that it leads to.
pub(crate) fn say(answer: impl IntoResponse, said: Said) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(said);
    response
}
