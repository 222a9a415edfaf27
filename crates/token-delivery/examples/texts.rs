//! Writes the shipped texts of every language into a folder, as text and HTML: for whoever looks at them.
//!
//! ```console
//! $ cargo run -p token-delivery --example texts -- /tmp/texts
//! ```

use core::error::Error;
use std::{env, fs, path::PathBuf};

use token_delivery::{
    Language, Message, Notice, Phrase, Template, Templates, Text,
    ott_core::{
        Destination, Policy, Purpose, RecordId, Token, chrono::DateTime, rand::rngs::SysRng,
    },
};

const CODE: Policy = Policy::code(Purpose::new("code"));
const LINK: Policy = Policy::link(Purpose::new("link"));
const NEWS: Purpose = Purpose::new("news");
const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
const PAGE: &str = "https://example.org/account/open-the-link";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("which folder?")?;
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    let address = Destination::email("alice@example.org")?;
    let phrase = Phrase::new("blue elephant")?;
    let token = |policy: &Policy| Token::try_generate_from_rng(policy.token_format(), &mut SysRng);
    let (code, link) = (token(&CODE)?, token(&LINK)?);
    let notice = Notice {
        what: Text::LATE.into(),
        at: DateTime::from_timestamp(1_800_000_000, 0).ok_or("a time")?,
        from: Some([203, 0, 113, 7].into()),
    };
    let id = RecordId::from_bytes([7; 16]);
    for language in Language::ALL {
        let write = |name: &str, template: Template, message: Message<'_>| {
            let templates = Templates::new("Example", [template])?.with_html();
            let message = message
                .with_phrase(Some(&phrase))
                .in_language(Some(language));
            let rendered = templates.render(&message)?;
            let file = folder.join(format!("{name}-{}", language.tag()));
            let text = format!("{}\n\n{}", rendered.subject(), rendered.expose_text());
            fs::write(file.with_extension("txt"), text)?;
            let html = rendered.expose_html().unwrap_or_default();
            fs::write(file.with_extension("html"), html)?;
            Ok::<_, Box<dyn Error>>(())
        };
        for text in Text::ALL {
            let name = format!("{text:?}").to_lowercase();
            let message = Message::new(CODE.purpose(), &address, &code);
            write(&format!("code-{name}"), text.code(&CODE, language), message)?;
            write(
                &format!("brief-{name}"),
                text.brief(&CODE, language),
                message,
            )?;
            let message = Message::new(LINK.purpose(), &address, &link);
            write(
                &format!("link-{name}"),
                text.link(&LINK, language, PAGE),
                message,
            )?;
        }
        let message = Message::new(LINK.purpose(), &address, &link);
        write("put-back", Text::put_back(&LINK, language, PAGE), message)?;
        let message = Message::notice(&NEWS, &address, &notice, Some(&link));
        let news = Text::news(&NEWS, language, Some(PAGE.to_owned()));
        write("news", news, message)?;
        let message = Message::notice(&NEWS, &address, &notice, None);
        write(
            "news-without-link",
            Text::news(&NEWS, language, None),
            message,
        )?;
        let message = Message::prompt(PROMPT.purpose(), &address, &id);
        write("prompt", Text::prompt(&PROMPT, language), message)?;
    }
    Ok(())
}
