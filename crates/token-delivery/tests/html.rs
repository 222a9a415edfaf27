//! HTML beside text: from the same words, escaped, with nothing to load and no link but the token's.

#![expect(clippy::unwrap_used, reason = "a test that panics is how a test fails")]

use token_delivery::{
    Language, Message, Phrase, Template, Templates, Text,
    ott_core::{Destination, Format, Policy, Purpose, Token, rand::rngs::SysRng},
};

const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));

fn token() -> Token {
    Token::try_generate_from_rng(&Format::LINK, &mut SysRng).unwrap()
}

fn page(application: &str, template: Template, token: &Token, phrase: Option<&str>) -> String {
    let templates = Templates::new(application, [template]).unwrap().with_html();
    let address = Destination::email("alice@example.org").unwrap();
    let phrase = phrase.map(|phrase| Phrase::new(phrase).unwrap());
    let message = Message::new(SIGN_IN.purpose(), &address, token).with_phrase(phrase.as_ref());
    let rendered = templates.render(&message).unwrap();
    rendered.expose_html().unwrap().to_owned()
}

/// Without being asked for, there is no HTML.
#[test]
fn html_is_asked_for() {
    let template = Text::SignIn.code(&SIGN_IN, Language::English);
    let templates = Templates::new("Example", [template]).unwrap();
    let address = Destination::email("alice@example.org").unwrap();
    let token = token();
    let message = Message::new(SIGN_IN.purpose(), &address, &token);
    assert!(templates.render(&message).unwrap().expose_html().is_none());
}

/// Markup in a name, a phrase, a text or a link's address is shown and not obeyed.
#[test]
fn markup_is_escaped() {
    let (token, evil) = (token(), "<img src=x onerror='a'>\"&");
    let text = format!("{evil} {{application}} {{phrase}}\n\n{{token}}\n\n{{link}}\n");
    let template = Template::new(&SIGN_IN, evil, text).link("https://example.org/?a=1&b='2'");
    let page = page(evil, template, &token, Some("<b>&amp;"));
    let escaped = "&lt;img src=x onerror=&#39;a&#39;&gt;&quot;&amp;";
    // Title, heading, name twice, text.
    assert_eq!(page.matches(escaped).count(), 5, "{page}");
    assert!(page.contains("<bdi>&lt;b&gt;&amp;amp;</bdi>"), "{page}");
    let href = "href=\"https://example.org/?a=1&amp;b=&#39;2&#39;#";
    assert!(
        page.contains(&format!("{href}{}\"", token.expose_secret())),
        "{page}"
    );
    for tag in ["<img", "<b>", "<script"] {
        assert!(!page.contains(tag), "{tag}");
    }
}

/// The only address in the page is the token's link; nothing is loaded.
#[test]
fn page_loads_nothing() {
    let token = token();
    for language in Language::ALL {
        let link = Text::NewPassword.link(&SIGN_IN, language, "https://example.org/reset");
        let code = Text::NewPassword.code(&SIGN_IN, language);
        for (template, links) in [(link, 1), (code, 0)] {
            // Three letters stand in a token by chance.
            let page = page("Example", template, &token, None).replace(token.expose_secret(), "");
            assert_eq!(page.matches("href").count(), links);
            assert_eq!(page.matches("://").count(), links, "{page}");
            for load in [
                "src",
                "url(",
                "@import",
                "<link",
                "<script",
                "<img",
                "background=",
                "@font",
            ] {
                assert!(!page.contains(load), "{load}");
            }
        }
    }
}

/// It is light or dark as the reader's program is; codes run from left to right; the direction is the language's.
#[test]
fn page_suits_its_reader() {
    let token = token();
    for language in Language::ALL {
        let page = page(
            "Example",
            Text::SignIn.code(&SIGN_IN, language),
            &token,
            None,
        );
        assert!(page.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert!(page.contains("@media(prefers-color-scheme:dark)"));
        assert!(page.contains("width=device-width"));
        let direction = if language.is_right_to_left() {
            "rtl"
        } else {
            "ltr"
        };
        let html = format!("<html lang=\"{}\" dir=\"{direction}\">", language.tag());
        assert!(page.contains(&html));
        let code = format!("dir=\"ltr\">{}</p>", token.expose_secret());
        assert!(page.contains(&code), "{page}");
    }
}

/// A paragraph is one; a line end is a break; what is empty leaves no paragraph.
#[test]
fn paragraphs_are_those_of_the_text() {
    let token = token();
    let text = "Hello\nyou\n\n{token}\n\nInline {token} here.\n\n{phrase}\n";
    let template = Template::new(&SIGN_IN, "Subject", text);
    let page = page("Example", template, &token, None);
    let body = page.split_once("</h1>\n").unwrap().1;
    let code = token.expose_secret();
    let right = format!(
        "<p>Hello<br>\nyou</p>\n<p class=\"code long\" dir=\"ltr\">{code}</p>\n\
         <p>Inline <bdi dir=\"ltr\">{code}</bdi> here.</p>\n</div>\n</body>\n</html>\n"
    );
    assert_eq!(body, right);
}
