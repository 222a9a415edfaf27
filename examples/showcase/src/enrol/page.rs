//! The pages on which somebody adds a second step.

use maud::{Markup, html};
use twofa_providers::{Descriptor, oath_otp};

use super::Place;
use crate::{
    accounts::Account,
    app::App,
    error::AppError,
    layout::{self, Focus, Page, Who, Wrong},
    prompts, qr,
    setup::Setup,
    visitor::Visitor,
};

/// What can be set up here: another device by whoever is signed in.
fn offered(app: &App, place: Place) -> impl Iterator<Item = &Descriptor> {
    let paired = place.who == Who::SignedIn;
    let mut all = app.two_factor.providers();
    core::iter::from_fn(move || all.find(|one| paired || one.id != prompts::ID))
}

/// Whether codes are sent to the account's address.
fn sends(descriptor: &Descriptor) -> bool {
    descriptor.request && descriptor.id != prompts::ID
}

pub(super) fn choose_page(
    app: &App,
    place: Place,
    csrf: &str,
    account: &Account,
    wrong: Option<&Wrong>,
) -> Page {
    let title = if place.who == Who::SignedIn {
        "Add another way"
    } else {
        "Set up your second step"
    };
    layout::card(
        place.who,
        title,
        html! {
            p { "Your password is the first step. The second one proves that it is you even if somebody else learns the password." }
            (layout::alert(wrong))
            form method="post" action=(place.path) {
                (layout::csrf(csrf))
                fieldset {
                    legend { "How do you want to prove it?" }
                    @for (at, descriptor) in offered(app, place).enumerate() {
                        label.choice {
                            input type="radio" name="provider" value=(descriptor.id) checked[at == 0] required;
                            span {
                                strong { (descriptor.label) } br;
                                span.soft.small {
                                    (descriptor.description)
                                    @if sends(descriptor) { ": " (account.email.address()) }
                                }
                            }
                        }
                    }
                }
                label for="label" { "A name for it " span.soft.small { "(optional)" } }
                input #label name="label" maxlength="64" autocomplete="off" placeholder="My phone"
                    aria-invalid=[layout::invalid(wrong, "label")] aria-describedby=[layout::described(wrong, "label", None)];
                button { "Continue" }
            }
        },
    )
    .wrong(wrong.is_some())
}

/// What to scan or where the code went, and the field for it.
pub(super) fn confirm_page(
    place: Place,
    visitor: &Visitor,
    setup: &Setup,
    wrong: Option<&Wrong>,
) -> Result<Page, AppError> {
    let csrf = &visitor.csrf;
    let factor = setup.factor.to_string();
    let flow = visitor.flow.as_ref();
    let sent = flow.filter(|flow| flow.is_for(&setup.provider, &factor));
    if setup.provider == prompts::ID {
        return Ok(number_page(
            place,
            csrf,
            setup,
            sent.map(|sent| &*sent.hint),
            wrong,
        ));
    }
    let scans = !setup.uri.is_empty();
    let title = if scans {
        "Scan this code"
    } else {
        "Confirm it with a code"
    };
    let (label, focus) = if scans {
        ("The six digits that the app shows", Focus::Elsewhere)
    } else {
        ("Code", Focus::Here)
    };
    let body = html! {
        @if scans { (shown_part(&setup.uri)?) }
        @if let Some(sent) = sent { p { "Enter the code that we sent to " strong.hint { (sent.hint) "." } } }
        (layout::alert(wrong))
        form method="post" action=(place.confirm) {
            (layout::csrf(csrf))
            input type="hidden" name="provider" value=(setup.provider);
            input type="hidden" name="factor" value=(factor);
            (layout::code_field(label, focus, wrong))
            button { "Confirm" }
        }
        p.or { "or" }
        @if !scans {
            form method="post" action=(place.again) {
                (layout::csrf(csrf))
                button.quiet { "Send a new code" }
            }
        }
        form method="post" action=(place.drop) {
            (layout::csrf(csrf))
            button.quiet { "Start again" }
        }
    };
    Ok(layout::card(place.who, title, body).wrong(wrong.is_some()))
}

/// The number that the new device is asked for first.
fn number_page(
    place: Place,
    csrf: &str,
    setup: &Setup,
    number: Option<&str>,
    wrong: Option<&Wrong>,
) -> Page {
    let fields = html! {
        (layout::csrf(csrf))
        input type="hidden" name="provider" value=(setup.provider);
        input type="hidden" name="factor" value=(setup.factor);
    };
    let body = html! {
        (layout::alert(wrong))
        @if let Some(number) = number { (prompts::number_part(number, place.confirm, &fields)) }
        p.or { "or" }
        form method="post" action=(place.again) {
            (layout::csrf(csrf))
            button.quiet { "Ask again with a new number" }
        }
        form method="post" action=(place.drop) {
            (layout::csrf(csrf))
            button.quiet { "Start again" }
        }
    };
    let page = layout::card(place.who, "Confirm it on the other device", body);
    prompts::looking(page, number.is_some() && wrong.is_none()).wrong(wrong.is_some())
}

/// The QR code, a link for who reads this on the phone itself, and what to type by hand. This is the secret:
/// it is on this page, until the step is confirmed or dropped, and nowhere else.
fn shown_part(uri: &str) -> Result<Markup, AppError> {
    let account = oath_otp::Account::from_uri(uri).map_err(AppError::unavailable)?;
    let secret = account.secret.to_base32();
    let groups = grouped(secret.expose_secret());
    Ok(html! {
        p { "Open your authenticator app, choose to add an account, and point it at this code." }
        (qr::picture(uri, "QR code for your authenticator app")?)
        p.leave { a href=(uri) { "Is the app on this device? Open it there" } }
        details {
            summary { "Cannot scan? Type it instead" }
            dl.facts {
                dt { "Issuer" } dd { (account.label.issuer().unwrap_or_default()) }
                dt { "Account" } dd { (account.label.account()) }
                dt { "Key" } dd { code #secret .secret { (groups.join(" ")) } }
                dt { "Kind" } dd { "Time-based, six digits, every 30 seconds" }
            }
        }
    })
}

fn grouped(text: &str) -> Vec<String> {
    let symbols: Vec<char> = text.chars().collect();
    symbols
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect()
}
