//! A message as a page of HTML, from the parts of its text.

use std::borrow::Cow;

use zeroize::{Zeroize as _, Zeroizing};

use super::prepared::{Part, Prepared, Run, Values, joined};
use crate::words::catalogue;

/// No font, picture, script or address: nothing is loaded, and nothing tells that the message was opened.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
body{margin:0;padding:16px;background:#f1f3f5;color:#1c2024;\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}\
.card{max-width:30em;margin:0 auto;padding:24px;background:#fff;border-radius:12px}\
.from{margin:0 0 4px;color:#5b636b;font-size:14px}\
h1{margin:0 0 20px;font-size:20px;line-height:1.35}\
p{margin:0 0 16px;overflow-wrap:anywhere}\
p:last-child{margin-bottom:0}\
.code{padding:16px 8px;background:#f1f3f5;border-radius:8px;text-align:center;\
font:600 28px/1.3 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;letter-spacing:.08em}\
.long{font-size:16px;letter-spacing:normal}\
.go{display:block;padding:14px 16px;background:#1a56c4;border-radius:8px;\
color:#fff;font-weight:600;text-align:center;text-decoration:none}\
@media(prefers-color-scheme:dark){\
body{background:#111315;color:#e8eaed}\
.card{background:#1d2023}\
.from{color:#a3abb3}\
.code{background:#2a2e33}\
.go{background:#8ab4f8;color:#10141a}}";

/// More symbols than that stand in small letters, so that they fit on a phone.
const SHORT: usize = 12;

/// The page. What is not markup of this file is escaped.
pub(super) fn page(
    application: &str,
    template: &Prepared,
    values: &Values<'_>,
) -> Zeroizing<String> {
    let (language, subject) = (template.language, escaped(&template.subject));
    let direction = if language.is_right_to_left() {
        "rtl"
    } else {
        "ltr"
    };
    let mut body = Vec::new();
    for block in blocks(template, values) {
        block.write(catalogue(language).open, &mut body);
    }
    let application = escaped(application);
    let head = [
        "<!doctype html>\n<html lang=\"",
        language.tag(),
        "\" dir=\"",
        direction,
        "\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>",
        &subject,
        "</title>\n<style>",
        STYLE,
        "</style>\n</head>\n<body>\n<div class=\"card\" lang=\"",
        language.tag(),
        "\" dir=\"",
        direction,
        "\">\n<p class=\"from\"><bdi>",
        &application,
        "</bdi></p>\n<h1>",
        &subject,
        "</h1>\n",
    ];
    let pieces = head.into_iter().chain(body.iter().map(Cow::as_ref));
    let page = joined(pieces.chain(["</div>\n</body>\n</html>\n"]));
    // What was escaped may be the token.
    for piece in body {
        if let Cow::Owned(mut text) = piece {
            text.zeroize();
        }
    }
    page
}

/// A paragraph: what stands between two blank lines.
enum Block<'b> {
    Code(&'b str),
    Link(&'b str, &'b str),
    Words(Vec<Run<'b>>),
}

/// The runs of a text in paragraphs. One that has nothing in it is left out: an account without a phrase.
fn blocks<'b>(template: &'b Prepared, values: &Values<'b>) -> Vec<Block<'b>> {
    let mut all = vec![Vec::new()];
    for part in &template.text {
        let run = part.run(values);
        let (Part::Text(_), Run::Words(text)) = (part, &run) else {
            push(&mut all, run);
            continue;
        };
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                all.push(Vec::new());
            }
            push(&mut all, Run::Words(paragraph));
        }
    }
    let blank = |run: &Run<'_>| match run {
        Run::Words(text) | Run::LeftToRight(text) | Run::Own(text) => text.trim().is_empty(),
        Run::Link(..) => false,
    };
    let all = all.into_iter().filter(|runs| !runs.iter().all(blank));
    all.map(|runs| {
        let mut written = runs.iter().filter(|run| !blank(run));
        match (written.next(), written.next()) {
            (Some(Run::LeftToRight(code)), None) => Block::Code(code),
            (Some(Run::Link(base, token)), None) => Block::Link(base, token),
            _ => Block::Words(runs),
        }
    })
    .collect()
}

fn push<T>(all: &mut [Vec<T>], run: T) {
    if let Some(last) = all.last_mut() {
        last.push(run);
    }
}

impl<'b> Block<'b> {
    fn write(self, label: &'b str, out: &mut Vec<Cow<'b, str>>) {
        match self {
            Self::Code(code) => {
                let long = code.chars().count() > SHORT;
                let class = if long { "code long" } else { "code" };
                out.extend(["<p class=\"", class, "\" dir=\"ltr\">"].map(Cow::from));
                out.extend([escaped(code), "</p>\n".into()]);
            }
            Self::Link(base, token) => {
                out.extend([
                    "<p><a class=\"go\" href=\"".into(),
                    escaped(base),
                    "#".into(),
                ]);
                out.extend([escaped(token), "\">".into(), label.into()]);
                out.push("</a></p>\n".into());
            }
            Self::Words(runs) => {
                out.push("<p>".into());
                let (last, first) = (runs.len().saturating_sub(1), 0);
                for (at, run) in runs.into_iter().enumerate() {
                    match run {
                        Run::Words(text) => {
                            let text = if at == first { text.trim_start() } else { text };
                            let text = if at == last { text.trim_end() } else { text };
                            for (at, line) in text.split('\n').enumerate() {
                                out.extend((at > 0).then_some("<br>\n".into()));
                                out.push(escaped(line));
                            }
                        }
                        Run::LeftToRight(text) => {
                            out.extend(["<bdi dir=\"ltr\">".into(), escaped(text)]);
                            out.push("</bdi>".into());
                        }
                        Run::Own(text) => {
                            out.extend(["<bdi>".into(), escaped(text), "</bdi>".into()]);
                        }
                        Run::Link(base, token) => {
                            out.extend(["<a dir=\"ltr\" href=\"".into(), escaped(base)]);
                            out.extend(["#".into(), escaped(token), "\">".into()]);
                            out.extend([escaped(base), "#".into(), escaped(token)]);
                            out.push("</a>".into());
                        }
                    }
                }
                out.push("</p>\n".into());
            }
        }
    }
}

/// A text that is neither markup nor the end of an attribute.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let text = text.replace('>', "&gt;").replace('"', "&quot;");
    text.replace('\'', "&#39;").into()
}
