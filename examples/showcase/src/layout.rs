//! What every page shares.

use maud::{DOCTYPE, Markup, html};

/// Who looks at the page: decides what the header offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    SignedIn,
}

/// A page with a header, a main part and a footer.
pub(crate) fn page(who: Who, title: &str, wide: bool, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Showcase" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
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
                        a href="/outbox" { "Outbox" }
                    }
                }
                main #main .wide[wide] tabindex="-1" { (main) }
                footer { p { "A demonstration on an embedded store. E-mail stays in the " a href="/outbox" { "development outbox" } "." } }
            }
        }
    }
}

/// A page with one card.
pub(crate) fn card(who: Who, title: &str, body: Markup) -> Markup {
    page(
        who,
        title,
        false,
        html! { section.card { h1 { (title) } (body) } },
    )
}

/// What went wrong, announced to screen readers.
pub(crate) fn alert(words: Option<&str>) -> Markup {
    html! { @if let Some(words) = words { p.alert role="alert" { (words) } } }
}

/// The hidden field that every form carries.
pub(crate) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

/// A field for digits that a person types.
pub(crate) fn code_field() -> Markup {
    html! {
        label for="code" { "Code" }
        input #code .code name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="64" required autofocus;
    }
}

/// A field for a code from a printed sheet. No browser may keep it.
pub(crate) fn recovery_field() -> Markup {
    html! {
        label for="code" { "Recovery code" }
        input #code .code.long name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="64" required autofocus;
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
