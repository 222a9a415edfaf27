//! One rule of form, wherever a text comes in: the crates that cannot share code agree about every character.

use twofa_providers::{
    oath_otp::{Digits, Label, LabelError},
    token_store::ott_core::{
        Binding, Format, Issuer, KeyRing, Policy, Purpose, Reason, Subject, chrono::DateTime,
        is_hidden,
    },
};

const CODE: Policy = Policy::code(Purpose::new("code"));

/// A character cannot be seen in an authenticator's label, in a name and in an address, or in none of them.
#[test]
fn hidden_character_is_hidden_everywhere() {
    for character in (char::MIN..=char::MAX).filter(|c| !c.is_control()) {
        let refused = Label::new("Example", &format!("a{character}b"));
        let hidden = refused == Err(LabelError::InvisibleCharacter);
        assert_eq!(hidden, is_hidden(character), "{character:?}");
    }
}

/// A character in a code counts as the same digit, or as nothing, or as wrong, whether an app or a mail brought the
/// code.
#[test]
fn typed_character_is_read_as_one_thing() {
    assert_eq!(CODE.token_format(), &Format::DIGITS_6);
    let issuer = Issuer::new(KeyRing::generate().expect("random bytes"));
    let (alice, now) = (
        Subject::new("", "alice").expect("a name"),
        DateTime::UNIX_EPOCH,
    );
    let binding = Binding::subject(&alice);
    let issued = issuer.issue(&CODE, &binding, now).expect("a code");
    // Wherever one of the two could see more than the other; the rest is wrong for both, as samples show.
    let telling = |c: &char| c.is_numeric() || c.is_whitespace() || is_hidden(*c);
    let all = || char::MIN..=char::MAX;
    let dashes = all()
        .filter(|c| matches!(c, '!'..='@' | '\u{2000}'..='\u{2fff}' | '\u{fe00}'..='\u{ffff}'));
    for character in all()
        .filter(telling)
        .chain(dashes)
        .chain(all().step_by(997))
    {
        for text in [format!("12345{character}"), format!("123456{character}")] {
            let presented = issuer.present_by_handle(&CODE, &issued.handle, &binding, &text, now);
            let mailed = match presented {
                Ok(_) => true,
                Err(refused) => {
                    assert_eq!(refused.reason(), Reason::Malformed);
                    false
                }
            };
            let from_app = Digits::Six.check_form(&text).is_ok();
            assert_eq!(mailed, from_app, "{character:?}");
        }
    }
}
