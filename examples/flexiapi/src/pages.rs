//! The pages. Each has one form, and nothing of a request stands in one unescaped.

use core::fmt::Write as _;

use poem::http::{HeaderName, header};

/// No address of a page, which has a token in it, reaches anybody else; no page stands in a frame.
pub(crate) const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
         script-src https://hcaptcha.com https://*.hcaptcha.com; frame-src https://hcaptcha.com https://*.hcaptcha.com; \
         connect-src https://hcaptcha.com https://*.hcaptcha.com",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}\
    input,button{font:inherit;padding:.5rem}input.digit{width:3rem;text-align:center}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#eee}}";

/// The button by which a person validates a request token.
pub(crate) fn validate(token: &str, site_key: Option<&str>) -> String {
    let captcha = match site_key {
        Some(key) => format!(
            "<div class=\"h-captcha\" data-sitekey=\"{}\"></div>\
             <script src=\"https://hcaptcha.com/1/api.js\" async defer></script>",
            escaped(key)
        ),
        None => String::new(),
    };
    let fields = hidden("account_creation_request_token", token) + &captcha;
    page(
        "Create an account",
        &format!(
            "<p>Somebody, on an app of yours, wants to create an account. If that is you, press the button.</p>{}",
            form("/creation_token/validate", &fields, "I am a person")
        ),
    )
}

pub(crate) fn validated() -> String {
    page("Done", "<p>Go back to the app: it goes on there.</p>")
}

/// The phone number to which a code shall go.
pub(crate) fn recover(token: &str, phone: &str) -> String {
    let fields = hidden("account_recovery_token", token)
        + &format!(
            "<p><label>Phone number <input name=\"phone\" type=\"tel\" autocomplete=\"tel\" required value=\"{}\"></label></p>",
            escaped(phone)
        );
    page(
        "Recover your account",
        &form("/account/recovery", &fields, "Send me a code"),
    )
}

/// The four digits.
pub(crate) fn code(account: &str, method: &str, left: Option<u32>) -> String {
    let mut fields = hidden("account_id", account) + &hidden("method", method);
    for at in 1..=4 {
        let _ = write!(
            fields,
            "<input class=\"digit\" name=\"number_{at}\" inputmode=\"numeric\" maxlength=\"1\" required \
             autocomplete=\"off\" aria-label=\"Digit {at}\"> "
        );
    }
    let left = match left {
        Some(left) => format!("<p role=\"alert\">The code is wrong: {left} attempts left.</p>"),
        None => "<p>If an account has this number, a code was sent to it.</p>".into(),
    };
    let form = form("/account/recovery/confirm", &fields, "Go on");
    page("Your code", &(left + &form))
}

pub(crate) fn recovered(username: &str) -> String {
    let text = format!("<p>You are signed in as {}.</p>", escaped(username));
    page("Your account", &text)
}

pub(crate) fn refusal(message: &str) -> String {
    page(
        "That did not work",
        &format!("<p role=\"alert\">{}</p>", escaped(message)),
    )
}

fn form(action: &str, fields: &str, button: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{action}\">{fields}<p><button>{button}</button></p></form>"
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!(
        "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
        escaped(value)
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

/// A text that means nothing in HTML, in an attribute neither.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            one => out.push(one),
        }
    }
    out
}
