//! Languages: plurals, directions, what is missing, and the shipped texts in each.

#![expect(clippy::unwrap_used, reason = "a test that panics is how a test fails")]

use async_trait::async_trait;
use token_delivery::{
    Delivery, Language, Languages, Localized, Message, Notice, Outbox, Phrase, Plural, Template,
    TemplateFault, Templates, TemplatesError, Text,
    ott_core::{
        Destination, Format, Policy, Purpose, RecordId, Subject, Token,
        chrono::{DateTime, TimeDelta},
        rand::rngs::SysRng,
    },
};

const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
const RESET: Policy = Policy::link(Purpose::new("reset")).lifetime(TimeDelta::hours(3));
const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
const NEWS: Purpose = Purpose::new("news");

fn alice() -> Destination {
    Destination::email("alice@example.org").unwrap()
}

fn code() -> Token {
    Token::try_generate_from_rng(&Format::DIGITS_6, &mut SysRng).unwrap()
}

/// The plural rules of CLDR, with the numbers at which each form begins and ends.
#[test]
fn plurals_are_those_of_cldr() {
    use Plural::{Few, Many, One, Other, Two, Zero};
    let cases: [(Language, &[(u64, Plural)]); 6] = [
        (
            Language::Arabic,
            &[
                (0, Zero),
                (1, One),
                (2, Two),
                (3, Few),
                (10, Few),
                (11, Many),
                (26, Many),
                (99, Many),
                (100, Other),
                (102, Other),
                (103, Few),
                (110, Few),
                (111, Many),
                (1_000, Other),
                (1_000_000, Other),
            ],
        ),
        (
            Language::English,
            &[(0, Other), (1, One), (2, Other), (101, Other)],
        ),
        (
            Language::German,
            &[(0, Other), (1, One), (2, Other), (1_000_000, Other)],
        ),
        (
            Language::French,
            &[
                (0, One),
                (1, One),
                (2, Other),
                (1_000_000, Many),
                (1_000_001, Other),
            ],
        ),
        (
            Language::Spanish,
            &[
                (0, Other),
                (1, One),
                (2, Other),
                (2_000_000, Many),
                (2_000_001, Other),
            ],
        ),
        (Language::Japanese, &[(0, Other), (1, Other), (2, Other)]),
    ];
    for (language, forms) in cases {
        for (number, form) in forms {
            assert_eq!(language.plural(*number), *form, "{language:?} {number}");
        }
    }
}

/// `{lifetime}` has the greatest whole unit and the noun's right form.
#[test]
fn lifetime_has_the_nouns_form() {
    let told = |language, minutes| {
        let policy = SIGN_IN.lifetime(TimeDelta::minutes(minutes));
        let template = Template::new(&policy, "{lifetime}", "{token}").in_language(language);
        let templates = Templates::new("Example", [template]).unwrap();
        let (address, token) = (alice(), code());
        let message = Message::new(policy.purpose(), &address, &token);
        templates.render(&message).unwrap().subject().to_owned()
    };
    for (language, minutes, words) in [
        (Language::English, 1, "1 minute"),
        (Language::English, 90, "90 minutes"),
        (Language::English, 60, "1 hour"),
        (Language::English, 7 * 24 * 60, "7 days"),
        (Language::German, 10, "10 Minuten"),
        (Language::German, 24 * 60, "1 Tag"),
        (Language::French, 1, "1 minute"),
        (Language::French, 180, "3 heures"),
        (Language::Spanish, 2 * 24 * 60, "2 días"),
        (Language::Japanese, 10, "10分"),
        (Language::Arabic, 1, "دقيقة واحدة"),
        (Language::Arabic, 2, "دقيقتان"),
        (Language::Arabic, 10, "10 دقائق"),
        (Language::Arabic, 15, "15 دقيقة"),
        (Language::Arabic, 100, "100 دقيقة"),
        (Language::Arabic, 120, "ساعتان"),
        (Language::Arabic, 48 * 60, "يومان"),
        (Language::Arabic, 30 * 24 * 60, "30 يومًا"),
    ] {
        assert_eq!(told(language, minutes), words, "{language:?} {minutes}");
    }
}

/// In Arabic, what runs from left to right stands in isolates; elsewhere only what is written from right to left does.
#[test]
fn codes_stand_in_isolates_where_they_must() {
    let words = "{token} {application}\n{phrase}";
    let render = |language, application: &str, phrase: &str| {
        let template = Template::new(&SIGN_IN, "{application}", words).in_language(language);
        let templates = Templates::new(application, [template]).unwrap();
        let (address, token, phrase) = (alice(), code(), Phrase::new(phrase).unwrap());
        let message = Message::new(SIGN_IN.purpose(), &address, &token);
        let rendered = templates
            .render(&message.with_phrase(Some(&phrase)))
            .unwrap();
        let text = rendered
            .expose_text()
            .replace(token.expose_secret(), "123456");
        (rendered.subject().to_owned(), text)
    };
    let (subject, text) = render(Language::Arabic, "Example", "blue");
    assert_eq!(subject, "\u{2068}Example\u{2069}");
    let right = "\u{2066}123456\u{2069} \u{2068}Example\u{2069}\n\u{2068}blue\u{2069}";
    assert_eq!(text, right);
    let (subject, text) = render(Language::English, "Example", "blue");
    assert_eq!((&*subject, &*text), ("Example", "123456 Example\nblue"));
    let (_, text) = render(Language::German, "Example", "אבג");
    assert_eq!(text, "123456 Example\n\u{2068}אבג\u{2069}");
}

/// A language that another purpose has, or that accounts can choose, is missing when the templates are built, and named;
/// what stands in for it is said by name.
#[test]
fn missing_language_is_named_when_built() {
    let sign_in = |language| Text::SignIn.code(&SIGN_IN, language);
    let reset = |language| Text::NewPassword.link(&RESET, language, "https://example.org/");
    let missing = |purpose, language| {
        Err(TemplatesError::Template {
            purpose,
            fault: TemplateFault::LanguageMissing(language),
        })
    };
    let some = [
        sign_in(Language::English),
        sign_in(Language::German),
        reset(Language::English),
    ];
    let built = Templates::new("Example", some.clone()).map(drop);
    assert_eq!(built, missing("reset", Language::German));
    let [first, second, third] = some;
    let stands_in = [first, second, third.also_for(&[Language::German])];
    let templates = Templates::new("Example", stands_in).unwrap();
    let spoken = [Language::English, Language::German];
    let templates = templates.speaking(&spoken).unwrap();
    let speaking = templates.clone().speaking(&Language::ALL).map(drop);
    assert_eq!(speaking, missing("reset", Language::Arabic));
    let twice = [sign_in(Language::English).also_for(&[Language::English])];
    assert!(Templates::new("Example", twice).is_err());

    let (address, token) = (alice(), code());
    let message = Message::new(RESET.purpose(), &address, &token);
    let told = |language| {
        let rendered = templates.render(&message.in_language(language)).unwrap();
        rendered.subject().to_owned()
    };
    assert_eq!(told(Some(Language::German)), told(Some(Language::English)));
    // One that the templates do not have was refused by `speaking`; without it, the first template's language stands.
    assert_eq!(told(Some(Language::Japanese)), told(None));
}

/// Each language of a purpose has the same clauses; a clause that is missing is named.
#[test]
fn missing_clause_is_named_when_built() {
    let news = |language| Text::news(&NEWS, language, None);
    let built = Templates::new(
        "Example",
        [
            news(Language::English).clauses([("a key was added", "a key was added")]),
            news(Language::German),
        ],
    );
    let fault = TemplateFault::ClauseMissing {
        language: Language::German,
        words: "a key was added",
    };
    let purpose = "news";
    let error = TemplatesError::Template { purpose, fault };
    assert_eq!(built.map(drop), Err(error.clone()));
    assert!(error.to_string().contains("`de`"), "{error}");
}

/// A link beside other words is refused in a language from right to left, and let in elsewhere.
#[test]
fn link_from_right_to_left_has_a_line() {
    let fault = |language, text: &str| {
        let template = Template::new(&RESET, "s", text).in_language(language);
        let built = Templates::new("Example", [template.link("https://example.org/")]);
        match built {
            Err(TemplatesError::Template { fault, .. }) => Some(fault),
            _ => None,
        }
    };
    let beside = Some(TemplateFault::LinkNotOnItsLine);
    assert_eq!(fault(Language::Arabic, "افتح {link}"), beside);
    assert_eq!(fault(Language::Arabic, "افتح\n{link}\n"), None);
    assert_eq!(fault(Language::English, "Open {link}"), None);
}

/// Who reads Arabic has a code in Arabic; who says nothing, and whose message names nobody, have the first template's.
#[tokio::test]
async fn language_is_the_accounts() {
    struct Accounts;
    #[async_trait]
    impl Languages for Accounts {
        async fn language(&self, subject: &Subject) -> Option<Language> {
            Language::from_tag(subject.id())
        }
    }
    let templates = Language::ALL.map(|language| Text::SignIn.code(&SIGN_IN, language));
    let templates = Templates::new("Example", templates).unwrap();
    let outbox = Outbox::new(9).templates(templates);
    let delivery = Localized::new(outbox.clone(), Accounts);
    let (address, token) = (alice(), code());
    let mut subjects = Vec::new();
    for id in ["ja-JP", "DE-at", "xx", "nobody"] {
        let subject = Subject::new("", id).unwrap();
        let message = Message::new(SIGN_IN.purpose(), &address, &token);
        let message = if id == "nobody" {
            message
        } else {
            message.of(&subject)
        };
        delivery.deliver(&message).await.unwrap();
        subjects.push(outbox.last().unwrap().subject().unwrap().to_owned());
    }
    let arabic = "تسجيل دخولك إلى \u{2068}Example\u{2069}";
    let right = [
        "Exampleへのログイン",
        "Ihre Anmeldung bei Example",
        arabic,
        arabic,
    ];
    assert_eq!(subjects, right);
    assert!(delivery.sends(SIGN_IN.purpose()) && !delivery.sends_prompts(SIGN_IN.purpose()));
}

/// Every shipped text is there in every language: built together, rendered, with its token, in a text of its own and in HTML.
#[test]
fn shipped_texts_are_whole() {
    let base = "https://example.org/page";
    let notice = Notice {
        what: Text::LATE.into(),
        at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        from: None,
    };
    let (address, token) = (alice(), code());
    for text in Text::ALL {
        type Make = fn(Text, Language) -> Template;
        let makes: [Make; 3] = [
            |text, language| text.code(&SIGN_IN, language),
            |text, language| text.brief(&SIGN_IN, language),
            |text, language| text.link(&SIGN_IN, language, "https://example.org/page"),
        ];
        for make in makes {
            let templates = Language::ALL.map(|language| make(text, language));
            let templates = Templates::new("Example", templates).unwrap().with_html();
            let message = Message::new(SIGN_IN.purpose(), &address, &token);
            whole(&templates, &message, Some(&token));
        }
    }
    let put_back = Language::ALL.map(|language| Text::put_back(&RESET, language, base));
    let templates = Templates::new("Example", put_back).unwrap().with_html();
    let message = Message::new(RESET.purpose(), &address, &token);
    whole(&templates, &message, Some(&token));
    for not_me in [None, Some(&token)] {
        let page = not_me.map(|_| base.to_owned());
        let news = Language::ALL.map(|language| Text::news(&NEWS, language, page.clone()));
        let templates = Templates::new("Example", news).unwrap().with_html();
        let message = Message::notice(&NEWS, &address, &notice, not_me);
        whole(&templates, &message, not_me);
    }
    let prompts = Language::ALL.map(|language| Text::prompt(&PROMPT, language));
    let templates = Templates::new("Example", prompts).unwrap().with_html();
    let id = RecordId::from_bytes([7; 16]);
    whole(
        &templates,
        &Message::prompt(PROMPT.purpose(), &address, &id),
        None,
    );
}

/// The message in each language: other words in each, the token where it belongs, and no placeholder left.
fn whole(templates: &Templates, message: &Message<'_>, token: Option<&Token>) {
    let mut all = Vec::new();
    for language in Language::ALL {
        let rendered = templates
            .render(&message.in_language(Some(language)))
            .unwrap();
        let (text, html) = (rendered.expose_text(), rendered.expose_html().unwrap());
        for part in [rendered.subject(), text, html] {
            let words = part.split("<style>").next().unwrap();
            assert!(!words.contains(['{', '}']), "{language:?}: {part}");
        }
        if let Some(token) = token {
            assert!(text.contains(token.expose_secret()), "{text}");
            assert!(html.contains(token.expose_secret()), "{html}");
        }
        assert!(html.contains(&format!("lang=\"{}\"", language.tag())));
        assert_eq!(html.contains("dir=\"rtl\""), language == Language::Arabic);
        all.push((rendered.subject().to_owned(), text.to_owned()));
    }
    let subjects: std::collections::BTreeSet<_> = all.iter().map(|(subject, _)| subject).collect();
    assert_eq!(
        subjects.len(),
        Language::ALL.len(),
        "each language has its own words"
    );
    let texts: std::collections::BTreeSet<_> = all.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), Language::ALL.len());
}
