//! What every page shares.

use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::said::Said;

/// Who looks at the page: decides what the header offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    SignedIn,
    /// Whoever it is: found out when the page is written.
    Anybody,
}

/// A page, before it is written: `render.rs` does that, in one place for all.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) who: Who,
    title: String,
    wide: bool,
    wrong: bool,
    /// The one script that it runs, if it runs one.
    pub(crate) script: Option<&'static str>,
    main: Markup,
}

/// What is wrong with a form, and at which of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) words: String,
    pub(crate) field: Option<&'static str>,
}

impl Wrong {
    /// The fault is this field's.
    pub(crate) fn at(field: &'static str, words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            field: Some(field),
        }
    }

    /// The fault is no field's: a limit, say.
    pub(crate) fn whole(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            field: None,
        }
    }
}

/// Whether this build keeps what it sends.
pub(crate) const OUTBOX: bool = cfg!(feature = "outbox");

/// A page with a header, a main part and a footer.
pub(crate) fn page(who: Who, title: impl Into<String>, wide: bool, main: Markup) -> Page {
    Page {
        who,
        title: title.into(),
        wide,
        wrong: false,
        script: None,
        main,
    }
}

/// A page with one card.
pub(crate) fn card(who: Who, title: &str, body: Markup) -> Page {
    let main = html! { section.card { h1 { (title) } (body) } };
    page(who, title, false, main)
}

impl Page {
    /// The title says first that something is wrong.
    pub(crate) fn wrong(self, wrong: bool) -> Self {
        Self { wrong, ..self }
    }

    /// With the script at this path.
    pub(crate) fn script(self, path: &'static str) -> Self {
        Self {
            script: Some(path),
            ..self
        }
    }

    /// The page as it is sent.
    pub(crate) fn written(&self, who: Who, said: Option<&Said>) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { @if self.wrong { "Error: " } (self.title) " · Showcase" }
                    link rel="stylesheet" href="/style.css";
                    link rel="icon" href="/icon.svg" type="image/svg+xml";
                    @if let Some(script) = self.script { script src=(script) defer {} }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        a.brand href="/" { (shield()) span { "Showcase" } }
                        nav aria-label="Pages" {
                            @if who == Who::SignedIn {
                                a href="/account" { "Account" }
                                a href="/devices" { "Devices" }
                                a href="/activity" { "Activity" }
                            } @else {
                                a href="/sign-in" { "Sign in" }
                                a href="/register" { "Create account" }
                            }
                            @if OUTBOX { a href="/outbox" { "Outbox" } }
                        }
                    }
                    main #main .wide[self.wide] tabindex="-1" {
                        @if let Some(said) = said { (said.shown()) }
                        (self.main)
                    }
                    footer { p { "A demonstration on an embedded store." @if OUTBOX { " E-mail stays in the " a href="/outbox" { "development outbox" } "." } } }
                }
            }
        }
    }
}

impl IntoResponse for Page {
    /// The page itself: the guard writes it, with what there is to say.
    fn into_response(self) -> Response {
        let mut response = ().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What went wrong, announced to screen readers; its field refers to it.
pub(crate) fn alert(wrong: Option<&Wrong>) -> Markup {
    html! { @if let Some(wrong) = wrong { p #wrong .alert role="alert" { (wrong.words) } } }
}

/// For `aria-invalid` of this field.
pub(crate) fn invalid(wrong: Option<&Wrong>, field: &str) -> Option<&'static str> {
    let own = wrong.is_some_and(|wrong| wrong.field == Some(field));
    own.then_some("true")
}

/// For `aria-describedby` of this field, which has this hint of its own.
pub(crate) fn described(
    wrong: Option<&Wrong>,
    field: &str,
    hint: Option<&'static str>,
) -> Option<String> {
    let own = invalid(wrong, field).map(|_| "wrong");
    let ids: Vec<_> = own.into_iter().chain(hint).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// The hidden field that every form carries.
pub(crate) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

/// Whether a field takes the focus when its page opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Here,
    /// There is something to look at first, which must not scroll out of view.
    Elsewhere,
}

/// A field for digits that a person types.
pub(crate) fn code_field(label: &str, focus: Focus, wrong: Option<&Wrong>) -> Markup {
    // Whoever mistyped is past the picture.
    let focus = focus == Focus::Here || invalid(wrong, "code").is_some();
    html! {
        label for="code" { (label) }
        input #code .code name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="64" required autofocus[focus]
            aria-invalid=[invalid(wrong, "code")] aria-describedby=[described(wrong, "code", None)];
    }
}

/// A field for a code from a printed sheet. No browser may keep it.
pub(crate) fn recovery_field(wrong: Option<&Wrong>) -> Markup {
    html! {
        label for="code" { "Recovery code" }
        input #code .code.long name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="64" required autofocus
            aria-invalid=[invalid(wrong, "code")] aria-describedby=[described(wrong, "code", None)];
    }
}

/// A field for an address.
pub(crate) fn email_field(
    email: &str,
    autocomplete: &str,
    focus: Focus,
    wrong: Option<&Wrong>,
) -> Markup {
    html! {
        label for="email" { "E-mail address" }
        input #email type="email" name="email" value=(email) autocomplete=(autocomplete) maxlength="254" required autofocus[focus == Focus::Here]
            aria-invalid=[invalid(wrong, "email")] aria-describedby=[described(wrong, "email", None)];
    }
}

/// What a new password has to be.
pub(crate) const PASSWORD_HINT: &str = "The password needs 8 to 256 characters.";

/// Whether a new password is one.
pub(crate) fn is_password(password: &str) -> bool {
    (8..=256).contains(&password.chars().count())
}

/// A field for a new password.
pub(crate) fn new_password_field(label: &str, wrong: Option<&Wrong>) -> Markup {
    html! {
        label for="password" { (label) }
        input #password type="password" name="password" autocomplete="new-password" minlength="8" maxlength="256" required
            aria-invalid=[invalid(wrong, "password")] aria-describedby=[described(wrong, "password", Some("password-hint"))];
        p #password-hint .soft.small { "At least eight characters. A sentence that only you would think of is best." }
    }
}

pub(crate) fn shield() -> Markup {
    html! {
        svg.icon viewBox="0 0 24 24" aria-hidden="true" {
            path d="M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5z" fill="currentColor" {}
            path d="m8 12 3 3 5-6" fill="none" stroke="var(--surface)" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}
