//! Messages of every language as they are sent: headers, folding and both bodies, as Python's `email` reads them.

#![expect(clippy::unwrap_used, reason = "a test that panics is how a test fails")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/server.rs"]
mod server;

use server::Server;
use token_delivery::{
    Delivery, Language, Message, Notice, Phrase, SmtpDelivery, Templates, Text,
    ott_core::{Destination, Format, Policy, Purpose, Token, chrono::DateTime, rand::rngs::SysRng},
};

const CODE: Policy = Policy::code(Purpose::new("code"));
const LINK: Policy = Policy::link(Purpose::new("link"));
const NEWS: Purpose = Purpose::new("news");
/// A name that is written in three directions and widths, and longer than a line of a header.
const NAME: &str =
    "Beispiel & Söhne <例え> مثال – a name that does not fit into one line of a header, by far";

fn delivery(server: &Server, html: bool) -> (SmtpDelivery, Templates) {
    let words = Language::ALL.into_iter().flat_map(|language| {
        [
            Text::SignIn.code(&CODE, language),
            Text::NewPassword.link(&LINK, language, "https://example.org/a?b=1&c=2"),
            Text::news(&NEWS, language, None),
        ]
    });
    let templates = Templates::new(NAME, words).unwrap();
    let templates = if html {
        templates.with_html()
    } else {
        templates
    };
    let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates.clone());
    let smtp = smtp.plaintext_on_loopback().port(server.port);
    (smtp.build().unwrap(), templates)
}

/// Subject, sender and both bodies arrive as they were rendered; no line is longer than mail allows, and all of it is ASCII.
#[tokio::test]
async fn smtp_sends_every_language_whole() {
    for html in [false, true] {
        let server = Server::start(&[]);
        let (smtp, templates) = delivery(&server, html);
        let address = Destination::email("alice@example.org").unwrap();
        let draw = |format| Token::try_generate_from_rng(format, &mut SysRng).unwrap();
        let (code, link) = (draw(&Format::DIGITS_6), draw(&Format::LINK));
        let phrase = Phrase::new("سمكة زرقاء").unwrap();
        let notice = Notice {
            what: Text::LATE.into(),
            at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            from: Some([203, 0, 113, 7].into()),
        };
        let messages = [
            Message::new(CODE.purpose(), &address, &code),
            Message::new(LINK.purpose(), &address, &link),
            Message::notice(&NEWS, &address, &notice, None),
        ];
        let few = if html { messages.len() } else { 1 };
        for message in messages.into_iter().take(few) {
            for language in Language::ALL {
                let message = message
                    .in_language(Some(language))
                    .with_phrase(Some(&phrase));
                smtp.deliver(&message).await.unwrap();
                let (received, _) = server.last();
                let right = templates.render(&message).unwrap();
                assert_eq!(received.header("Subject"), right.subject(), "{language:?}");
                assert_eq!(received.text, right.expose_text(), "{language:?}");
                assert_eq!(
                    received.html.as_deref(),
                    right.expose_html(),
                    "{language:?}"
                );
                assert!(received.header("From").contains("no-reply@example.org"));
                assert!(
                    received.raw.is_ascii(),
                    "nothing needs an extension of the server's"
                );
                // RFC 5322 section 2.1.1; for encoded words RFC 2047 section 2.
                let longest = received.raw.lines().map(str::len).max();
                assert!(longest <= Some(998), "{longest:?}");
                let (head, _) = received.raw.split_once("\r\n\r\n").unwrap();
                assert!(head.lines().all(|line| line.len() <= 78), "{head}");
                let kind = received.header("Content-Type");
                assert_eq!(kind.starts_with("multipart/alternative"), html, "{kind}");
                let mut names = received.header_names();
                names.sort_unstable();
                let unique = names.len();
                names.dedup();
                assert_eq!(names.len(), unique, "each header once");
            }
        }
    }
}
