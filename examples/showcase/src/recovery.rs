//! Recovery codes: made, shown once, downloaded and printed.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    Proof, RECOVERY_CODES, RecoverySheet,
    token_store::ott_core::{
        RecordId, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    app::{App, NAME, Shared},
    assets::COPY_SCRIPT,
    error::{AppError, with_status},
    forms::Posted,
    layout::{self, Page, Who, Wrong},
    next::Next,
    proofs,
    session::SignedIn,
    times::{exactly, when},
    visitor::Visitor,
};

/// The id of the provider.
pub(crate) const ID: &str = "recovery";

/// What the form says where there is no set yet.
const NONE: &str = "none";

/// The set that somebody has, without its codes: those were shown once.
pub(crate) struct Sheet {
    left: usize,
    made: Option<DateTime<Utc>>,
    /// One of its records: another set has none of them.
    id: Option<RecordId>,
}

impl Sheet {
    pub(crate) async fn of(app: &App, subject: &Subject) -> Result<Self, AppError> {
        let records = app.codes.list(subject).await?;
        Ok(Self {
            left: records.len(),
            made: records.first().map(|record| record.stored().issued_at),
            id: records.iter().map(|record| *record.id()).min(),
        })
    }

    fn name(&self) -> String {
        self.id.map_or_else(|| NONE.into(), |id| id.to_string())
    }

    /// The part of the account's page. `recovered` is whoever signed in with a code of it.
    pub(crate) fn card(&self, recovered: bool, now: DateTime<Utc>) -> Markup {
        let make = if self.left == 0 {
            "Make codes"
        } else {
            "Make new ones"
        };
        html! {
            section.card aria-labelledby="recovery" {
                div.row.between {
                    h2 #recovery { "Recovery codes" }
                    a.button.narrow href="/account/recovery" { (make) }
                }
                @if recovered && self.left == 0 {
                    p.warn role="status" { "You have used your last recovery code. Make new ones now: without them, a lost phone is a lost account." }
                } @else if recovered && self.left < RECOVERY_CODES {
                    p.warn role="status" { "You have used a recovery code; " (self.left) " left. Make new ones now, and replace what you lost." }
                }
                @if let Some(made) = self.made {
                    p { strong { (self.left) " of " (RECOVERY_CODES) " left" } span.soft { " · made " (when(made, now)) } }
                    @if !recovered && self.left < RECOVERY_CODES {
                        p.soft.small { "Each works once. New ones void the old sheet." }
                    }
                } @else if !recovered {
                    p { "You have none. With a code on paper you get in when your phone is gone." }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Make {
    /// The set that the person saw on the page with the button.
    instead_of: String,
}

#[derive(Deserialize)]
pub(crate) struct Download {
    codes: String,
    made: i64,
}

pub(crate) async fn show(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Recovery).await?;
    let page = make_page(&app, &signed_in, &visitor, &proof).await;
    proofs::keep(&app, &signed_in, proof, page).await
}

async fn make_page(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    proof: &Proof,
) -> Result<Response, AppError> {
    proofs::fresh(app, signed_in, proof, Next::Recovery).await?;
    let sheet = Sheet::of(app, &signed_in.account.subject).await?;
    let now = app.tokens.now();
    Ok(form_page(&visitor.csrf, &sheet, now, None).into_response())
}

fn form_page(csrf: &str, sheet: &Sheet, now: DateTime<Utc>, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        p { "Ten codes on paper, for the day on which your phone is gone or broken. Each signs you in once, in place of a code from your phone." }
        @if let Some(made) = sheet.made {
            p {
                strong { (sheet.left) " of " (RECOVERY_CODES) " left" } ", made " (when(made, now)) ". "
                "They were shown once; nobody can show them again."
            }
            p { "If you lost them, or used some, make new ones. The old sheet is void from then on." }
        } @else {
            p { "They are shown once. Have a printer ready, or a place to save a file." }
        }
        form method="post" action="/account/recovery" {
            (layout::csrf(csrf))
            input type="hidden" name="instead_of" value=(sheet.name());
            button { @if sheet.left == 0 { "Make ten codes" } @else { "Make ten new codes" } }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Not now" } }
    };
    layout::card(Who::SignedIn, "Recovery codes", body).wrong(wrong.is_some())
}

/// Makes a set and shows it, in this answer and in no other.
pub(crate) async fn make(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Make>,
) -> Result<Response, AppError> {
    if form.instead_of != NONE && RecordId::parse(&form.instead_of).is_err() {
        return Err(AppError::BadRequest("Open the page again, and try again."));
    }
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Recovery).await?;
    let page = renew(&app, &signed_in, &visitor, &proof, &form).await;
    proofs::keep(&app, &signed_in, proof, page).await
}

/// The proof is taken up by one request at a time, so of two that press the button one makes a set.
async fn renew(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    proof: &Proof,
    form: &Make,
) -> Result<Response, AppError> {
    let account = &signed_in.account;
    let sheet = Sheet::of(app, &account.subject).await?;
    if form.instead_of != sheet.name() {
        // The page was loaded again, or the button pressed twice: what was printed stays good.
        return Ok(Redirect::to("/account/recovery").into_response());
    }
    let fresh = proofs::fresh(app, signed_in, proof, Next::Recovery).await?;
    let codes = match app.codes.renew(&fresh).await.map_err(AppError::from) {
        Ok(codes) => codes,
        Err(error @ AppError::Throttled(Some(wait))) => {
            let words = format!(
                "Too many sheets and second steps were made. Make the next one {wait}. The codes that you have go on working."
            );
            let now = app.tokens.now();
            let page = form_page(&visitor.csrf, &sheet, now, Some(&Wrong::whole(words)));
            return Ok(with_status(&error, page));
        }
        Err(error) => return Err(error),
    };
    let (csrf, email) = (&visitor.csrf, account.email.address());
    Ok(codes_page(app, csrf, email, &codes).into_response())
}

fn codes_page(app: &App, csrf: &str, account: &str, codes: &RecoverySheet) -> Page {
    let listed: Vec<&str> = codes.expose_secrets().collect();
    let body = html! {
        section.card {
            h1 { span.screen { "Your recovery codes" } span.paper { (NAME) ": recovery codes" } }
            p.warn.screen role="status" { "Save them now. They are on this page, and never shown again." }
            dl.facts {
                dt { "Account" } dd { (account) }
                dt { "Made" } dd { (exactly(codes.issued_at())) }
                dt { "Where" } dd { (where_to_use(app)) }
            }
            ol.codes {
                @for code in &listed { li { span.box aria-hidden="true" {} code { (code) } } }
            }
            p.small { "Each code signs in once, in place of a code from your phone: behind the password, choose “Use a recovery code”. Cross it out when you have used it. A newer sheet voids this one." }
            div.screen {
                button #copy .quiet type="button" hidden { "Copy the codes" }
                p #copied .soft.small.note role="status" {}
                form method="post" action="/account/recovery/download" {
                    (layout::csrf(csrf))
                    input type="hidden" name="codes" value=(listed.join(" ")) autocomplete="off";
                    input type="hidden" name="made" value=(codes.issued_at().timestamp()) autocomplete="off";
                    button.quiet { "Download as a text file" }
                }
                p.soft.small.note { "To print, use your browser's menu, or Ctrl and P: only the sheet comes out." }
                p.or { "and then" }
                form method="get" action="/account" {
                    label.tick for="saved" {
                        input #saved type="checkbox" required;
                        span { "I have saved them where I find them without my phone" }
                    }
                    button { "Go on" }
                }
            }
        }
    };
    layout::page(Who::SignedIn, "Your recovery codes", false, body).script(COPY_SCRIPT)
}

/// The page on which a code of the sheet is typed.
fn where_to_use(app: &App) -> String {
    let origin = app.origins.first().map_or("", String::as_str);
    format!("{origin}/sign-in")
}

/// The same sheet as a file. The page sends it what it shows, so that nothing is kept here; whether
/// the codes are good is not looked up, or this would be a place to try some.
pub(crate) async fn download(
    State(app): Shared,
    signed_in: SignedIn,
    Posted(form): Posted<Download>,
) -> Result<Response, AppError> {
    const SPOILT: AppError = AppError::BadRequest("Only the page with the codes leads here.");
    let codes: Vec<&str> = form.codes.split(' ').collect();
    let made = DateTime::from_timestamp(form.made, 0).ok_or(SPOILT)?;
    if codes.len() != RECOVERY_CODES || !codes.iter().all(|code| is_printed_code(code)) {
        return Err(SPOILT);
    }
    let mut text = format!(
        "{NAME}: recovery codes\nAccount: {}\nMade: {} UTC\nWhere: {}\n\n",
        signed_in.account.email.address(),
        made.format("%Y-%m-%d %H:%M"),
        where_to_use(&app),
    );
    for code in codes {
        text.extend(["[ ] ", code, "\n"]);
    }
    text.push_str("\nEach code signs in once. A newer sheet voids this one.\n");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"showcase-recovery-codes.txt\"",
        ),
    ];
    Ok((headers, text).into_response())
}

/// Groups of four of base32: whatever else is posted here comes out nowhere.
fn is_printed_code(code: &str) -> bool {
    let groups: Vec<&str> = code.split('-').collect();
    let plain = |group: &&str| {
        group.len() == 4
            && group
                .bytes()
                .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
    };
    groups.len() == 6 && groups.iter().all(plain)
}
