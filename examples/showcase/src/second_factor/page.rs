//! The second step's forms.

use maud::{Markup, html};
use twofa_providers::Offer;

use crate::{
    devices,
    layout::{self, Focus, Page, Who, Wrong},
    next::Next,
    prompts, recovery, trusted,
};

/// Where the step happens: the same forms, under other paths.
#[derive(Clone, Copy)]
pub(super) struct Place {
    who: Who,
    title: &'static str,
    path: &'static str,
    pub(super) next: Next,
}

/// What one of the step's addresses is for.
#[derive(Clone, Copy)]
pub(super) enum Asks {
    /// Shows the ways, and takes the codes.
    Choice,
    /// Shows the field for an authenticator's code, also while a code is on its way.
    App,
    /// Sends a code.
    Sending,
    /// Shows the field for a recovery code.
    Recovery,
}

impl Place {
    pub(super) const fn signing_in(next: Next) -> Self {
        Self {
            who: Who::Nobody,
            title: "Enter your code",
            path: "/second-factor",
            next,
        }
    }

    pub(super) const fn proving(next: Next) -> Self {
        Self {
            who: Who::SignedIn,
            title: "Confirm that it is you",
            path: "/account/prove",
            next,
        }
    }

    pub(super) fn to(self, asks: Asks) -> String {
        let step = match asks {
            Asks::Choice => "",
            Asks::App => "/app",
            Asks::Sending => "/request",
            Asks::Recovery => "/recovery",
        };
        [self.path, step, &self.next.query()].concat()
    }
}

/// What somebody can prove it with now.
pub(super) struct Ways {
    /// Whose account it is, as its owner typed it.
    pub(super) account: String,
    /// Everything but recovery codes.
    pub(super) offers: Vec<Offer>,
    /// Every factor to which codes are sent, and where they go.
    pub(super) mailboxes: Vec<Mailbox>,
    /// Whether a recovery code may be used.
    pub(super) recovery: bool,
    /// Whether the device may be trusted.
    pub(super) trusts: bool,
    /// Whether there would be another way, were it not disabled.
    pub(super) disabled: bool,
}

/// A factor to which codes are sent.
pub(super) struct Mailbox {
    pub(super) provider: String,
    pub(super) factor: String,
    pub(super) label: String,
    /// Where its codes go, without saying too much.
    pub(super) hint: Option<String>,
}

/// A code that is on its way.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) provider: &'a str,
    pub(super) factor: &'a str,
    pub(super) hint: &'a str,
}

/// What became of what was typed before.
#[derive(Default)]
pub(super) struct Before {
    pub(super) wrong: Option<Wrong>,
    /// Wrong codes so far on this page; the form carries it, so it is a hint and no limit.
    pub(super) tried: u32,
}

/// So many wrong codes before the end it is said that an end comes.
const LAST: u32 = 3;

impl Before {
    /// A warning at the last few of so many tries.
    fn warning(&self, most: u32) -> Markup {
        let left = most.saturating_sub(self.tried);
        html! {
            @if self.tried > 0 && (1..=LAST).contains(&left) {
                p.warn role="status" {
                    @if left == 1 { "One more wrong code, and you have to wait." }
                    @else { (left) " more wrong codes, and you have to wait." }
                }
            }
        }
    }
}

pub(super) fn page(
    place: Place,
    csrf: &str,
    ways: &Ways,
    sent: Option<Sent<'_>>,
    before: &Before,
    most: u32,
) -> Page {
    let wrong = before.wrong.as_ref();
    let typed = ways.offers.iter().find(|offer| !offer.descriptor.request);
    let form = |provider: &str, factor: &str| {
        html! {
            form method="post" action=(place.to(Asks::Choice)) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(provider);
                input type="hidden" name="factor" value=(factor);
                input type="hidden" name="tried" value=(before.tried);
                (layout::code_field("Code", Focus::Here, wrong))
                (remember(place))
                @if ways.trusts && place.who == Who::Nobody { (trusted::checkbox()) }
                button { "Continue" }
            }
        }
    };
    let body = html! {
        (lead(place, ways, csrf))
        (layout::alert(wrong))
        (before.warning(most))
        @if let Some(sent) = sent && sent.provider == prompts::ID {
            (prompts::number_part(sent.hint, &place.to(Asks::Choice), &html! {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(sent.provider);
                input type="hidden" name="factor" value=(sent.factor);
                input type="hidden" name="tried" value=(before.tried);
                (remember(place))
                @if ways.trusts && place.who == Who::Nobody { (trusted::checkbox()) }
            }))
        } @else if let Some(sent) = sent {
            p { "Enter the code that we sent to " strong.hint { (sent.hint) "." } }
            (form(sent.provider, sent.factor))
        } @else if let Some(offer) = typed {
            p { "Open your authenticator app and enter the code that it shows." }
            (form(&offer.descriptor.id, ""))
        }
        @if sent.is_some() || (typed.is_some() && !ways.mailboxes.is_empty()) {
            p.or { "or" }
        }
        @if sent.is_some() && typed.is_some() {
            p { a.button.quiet href=(place.to(Asks::App)) { "Use your authenticator app" } }
        }
        @for mailbox in &ways.mailboxes {
            @let again = sent.is_some_and(|sent| sent.factor == mailbox.factor);
            form method="post" action=(place.to(Asks::Sending)) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(mailbox.provider);
                input type="hidden" name="factor" value=(mailbox.factor);
                button.quiet {
                    @if mailbox.provider == prompts::ID { @if again { "Ask again: " } @else { "Ask your device: " } }
                    @else if again { "Send a new code: " } @else { "Send a code: " }
                    (mailbox.label)
                    @if let Some(hint) = &mailbox.hint { " " span.hint { "(" (hint) ")" } }
                }
            }
        }
        @if ways.recovery {
            p.leave { a href=(place.to(Asks::Recovery)) { "Use a recovery code" } }
        }
    };
    let asked = sent.is_some_and(|sent| sent.provider == prompts::ID);
    let title = if asked {
        "Approve on your device"
    } else {
        place.title
    };
    let page = layout::card(place.who, title, body).wrong(wrong.is_some());
    prompts::looking(page, asked && wrong.is_none())
}

/// The field for a code from a printed sheet.
pub(super) fn recovery_page(place: Place, csrf: &str, ways: &Ways, before: &Before) -> Page {
    let wrong = before.wrong.as_ref();
    let body = html! {
        (lead(place, ways, csrf))
        (layout::alert(wrong))
        @if ways.disabled {
            p { "Your other second step is disabled. A recovery code still gets you in; then set up another one." }
        }
        p { "Enter one of the codes that you printed or saved. It works once." }
        form method="post" action=(place.to(Asks::Choice)) {
            (layout::csrf(csrf))
            input type="hidden" name="provider" value=(recovery::ID);
            (layout::recovery_field(wrong))
            (remember(place))
            button { "Continue" }
        }
        @if !ways.offers.is_empty() {
            p.or { "or" }
            p { a.button.quiet href=(place.to(Asks::Choice)) { "Use another way" } }
        }
    };
    layout::card(place.who, "Use a recovery code", body).wrong(wrong.is_some())
}

fn remember(place: Place) -> Markup {
    html! { @if place.who == Who::Nobody { (devices::checkbox()) } }
}

/// Which step it is, and whose account: whoever is somebody else says so before they type a code.
fn lead(place: Place, ways: &Ways, csrf: &str) -> Markup {
    html! {
        @if place.who == Who::Nobody {
            p.soft { "Step 2 of 2" }
            form.person method="post" action="/sign-out" {
                (layout::csrf(csrf))
                span { "Signing in as " strong { (ways.account) } }
                " " button.plain { "Not you?" }
            }
        } @else {
            p.soft { (place.next.purpose()) ", enter a code again." }
        }
    }
}
