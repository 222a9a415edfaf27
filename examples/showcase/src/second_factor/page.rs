//! The second step's forms.

use maud::{Markup, html};
use twofa_providers::Offer;

use super::Next;
use crate::{
    devices,
    layout::{self, Who},
    recovery,
};

/// Where the step happens: the same forms, under other paths.
#[derive(Clone, Copy)]
pub(super) struct Place {
    who: Who,
    title: &'static str,
    lead: &'static str,
    path: &'static str,
    next: Next,
}

/// What one of the step's addresses is for.
#[derive(Clone, Copy)]
pub(super) enum Asks {
    /// Shows the ways, and takes the codes.
    Choice,
    /// Sends a code.
    Sending,
    /// Shows the field for a recovery code.
    Recovery,
}

impl Place {
    pub(super) const SIGNING_IN: Self = Self {
        who: Who::Nobody,
        title: "Enter your code",
        lead: "Step 2 of 2",
        path: "/second-factor",
        next: Next::Account,
    };

    pub(super) const fn proving(next: Next) -> Self {
        Self {
            who: Who::SignedIn,
            title: "Confirm that it is you",
            lead: "Before you change how you sign in, enter a code again.",
            path: "/account/prove",
            next,
        }
    }

    pub(super) fn to(self, asks: Asks) -> String {
        let step = match asks {
            Asks::Choice => "",
            Asks::Sending => "/request",
            Asks::Recovery => "/recovery",
        };
        [self.path, step, self.next.query()].concat()
    }
}

/// What somebody can prove it with now.
pub(super) struct Ways {
    /// Everything but recovery codes.
    pub(super) offers: Vec<Offer>,
    /// Whether a recovery code may be used.
    pub(super) recovery: bool,
    /// Whether there would be another way, were it not disabled.
    pub(super) disabled: bool,
}

/// A code that is on its way.
pub(super) struct Sent<'a> {
    pub(super) provider: &'a str,
    pub(super) factor: &'a str,
    pub(super) hint: Option<&'a str>,
}

pub(super) fn page(
    place: Place,
    csrf: &str,
    ways: &Ways,
    sent: Option<Sent<'_>>,
    wrong: Option<&str>,
) -> Markup {
    let offers = &ways.offers;
    let typed = offers.iter().find(|offer| !offer.descriptor.request);
    let requests = offers.iter().filter(|offer| offer.descriptor.request);
    let body = html! {
        p.soft { (place.lead) }
        (layout::alert(wrong))
        @if let Some(sent) = &sent {
            @if let Some(hint) = sent.hint {
                p.done role="status" { "We sent a code to " (hint) "." }
            }
            form method="post" action=(place.to(Asks::Choice)) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(sent.provider);
                input type="hidden" name="factor" value=(sent.factor);
                (layout::code_field())
                (remember(place))
                button { "Continue" }
            }
        } @else if let Some(offer) = typed {
            p { "Open your authenticator app and enter the code that it shows." }
            form method="post" action=(place.to(Asks::Choice)) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(offer.descriptor.id);
                (layout::code_field())
                (remember(place))
                button { "Continue" }
            }
        }
        @if sent.is_some() || (typed.is_some() && requests.clone().next().is_some()) {
            p.or { "or" }
        }
        @if sent.is_some() && typed.is_some() {
            p { a.button.quiet href=(place.to(Asks::Choice)) { "Use your authenticator app" } }
        }
        @for offer in requests {
            @for factor in &offer.factors {
                form method="post" action=(place.to(Asks::Sending)) {
                    (layout::csrf(csrf))
                    input type="hidden" name="provider" value=(offer.descriptor.id);
                    input type="hidden" name="factor" value=(factor.id);
                    button.quiet { @if sent.is_some() { "Send a new code: " } @else { "Send a code: " } (factor.label) }
                }
            }
        }
        @if ways.recovery {
            p.leave { a href=(place.to(Asks::Recovery)) { "Use a recovery code" } }
        }
        (somebody_else(place, csrf))
    };
    layout::card(place.who, place.title, body)
}

/// The field for a code from a printed sheet.
pub(super) fn recovery_page(place: Place, csrf: &str, ways: &Ways, wrong: Option<&str>) -> Markup {
    let body = html! {
        p.soft { (place.lead) }
        (layout::alert(wrong))
        @if ways.disabled {
            p { "Your other second step is disabled. A recovery code still gets you in; then set up another one." }
        }
        p { "Enter one of the codes that you printed or saved. It works once." }
        form method="post" action=(place.to(Asks::Choice)) {
            (layout::csrf(csrf))
            input type="hidden" name="provider" value=(recovery::ID);
            (layout::recovery_field())
            (remember(place))
            button { "Continue" }
        }
        @if !ways.offers.is_empty() {
            p.or { "or" }
            p { a.button.quiet href=(place.to(Asks::Choice)) { "Use another way" } }
        }
        (somebody_else(place, csrf))
    };
    layout::card(place.who, "Use a recovery code", body)
}

fn remember(place: Place) -> Markup {
    html! { @if place.who == Who::Nobody { (devices::checkbox()) } }
}

fn somebody_else(place: Place, csrf: &str) -> Markup {
    html! {
        @if place.who == Who::Nobody {
            form.leave method="post" action="/sign-out" {
                (layout::csrf(csrf))
                button.plain { "Sign in as somebody else" }
            }
        }
    }
}
