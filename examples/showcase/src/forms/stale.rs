//! A form of ours that was opened before somebody signed in or out in this browser, as in another tab: it
//! comes back filled, and is sent again by the person and not by us.

use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
use maud::{Markup, html};

use crate::layout::{self, Page, Who};

/// The form once more.
#[derive(Clone, Debug)]
pub(crate) struct Stale {
    action: String,
    csrf: String,
    fields: Vec<(String, String)>,
}

/// Passwords: typed again, and never sent back. So are codes.
const PASSWORDS: [(&str, &str); 2] = [("current", "Your password"), ("password", "Password")];

/// What a person typed and may want to see, or change, before it is sent.
const SEEN: [(&str, &str); 3] = [
    ("email", "E-mail address"),
    ("label", "Name"),
    ("word", "The word"),
];

impl Stale {
    /// Where the request may carry one: the browser says that one of our pages sent it. The guard let pass no
    /// origin but ours; here it must be there.
    pub(super) fn of(request: &Request, csrf: &str) -> Option<Self> {
        let says = |headers: &HeaderMap| {
            let site = headers.get("sec-fetch-site");
            headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site == "same-origin")
        };
        let action = request.uri().path_and_query()?.as_str().to_owned();
        says(request.headers()).then(|| Self {
            action,
            csrf: csrf.to_owned(),
            fields: Vec::new(),
        })
    }

    /// With the fields of this body, if they are those of a form of ours: another visit's value is among them.
    pub(super) fn holding(self, body: &[u8]) -> Option<Self> {
        let mut fields = showcase_input::fields(body)?;
        let is_token = |value: &str| {
            value.len() == self.csrf.len() && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let (_, token) = fields.iter().find(|(name, _)| name == "csrf")?;
        if !is_token(token) {
            return None;
        }
        fields.retain(|(name, _)| name != "csrf");
        Some(Self { fields, ..self })
    }

    /// The same form once more, with a fresh value: nothing that was typed is lost, but for what was secret.
    pub(crate) fn page(&self) -> Page {
        let body = html! {
            p #wrong .alert role="alert" { "Nothing was sent yet: in another tab, somebody signed in or out since this page was opened. Send it again if you still want it." }
            form method="post" action=(self.action) {
                (layout::csrf(&self.csrf))
                @for (name, value) in &self.fields { (self.field(name, value)) }
                button { "Send it again" }
            }
            p.or { "or" }
            p { a.button.quiet href="/" { "Start again" } }
        };
        layout::card(Who::Anybody, "Please send it again", body).wrong(true)
    }

    fn field(&self, name: &str, value: &str) -> Markup {
        let named = |list: &[(&str, &'static str)]| {
            let found = list.iter().find(|(own, _)| *own == name);
            found.map(|(_, label)| *label)
        };
        if let Some(label) = named(&PASSWORDS) {
            let known = name == "current" || self.action.starts_with("/sign-in");
            let keeps = if known {
                "current-password"
            } else {
                "new-password"
            };
            return html! {
                label for=(name) { (label) }
                input id=(name) type="password" name=(name) maxlength="256" required autocomplete=(keeps);
            };
        }
        // Digits, or letters of a printed sheet.
        if name == "code" {
            return html! {
                label for="code" { "Code" }
                input #code .code name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="64" required;
            };
        }
        match named(&SEEN) {
            Some(label) => html! {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(value) autocomplete="off" maxlength="254";
            },
            None => html! { input type="hidden" name=(name) value=(value); },
        }
    }
}
