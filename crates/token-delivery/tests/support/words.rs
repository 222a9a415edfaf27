//! A policy, its words, a token, and everything that an error prints.

use core::error::Error;

use token_delivery::{
    Template, Templates,
    ott_core::{Destination, Format, Policy, Purpose, Token, rand::rngs::SysRng},
};

pub(crate) const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
pub(crate) const ADDRESS: &str = "alice.secret-address@example.org";

pub(crate) fn templates() -> Templates {
    let words = Template::new(
        &SIGN_IN,
        "Your code for {application}",
        "Your code: {token}\n",
    );
    Templates::new("Example", [words]).expect("good templates")
}

pub(crate) fn alice() -> Destination {
    Destination::email(ADDRESS).expect("an address")
}

/// Long enough to be found nowhere by chance.
pub(crate) fn token() -> Token {
    Token::try_generate_from_rng(&Format::LINK, &mut SysRng).expect("random bytes")
}

/// `Display` and `Debug` of an error and of each of its sources.
pub(crate) fn everything(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!("\n{error} {error:?} {error:#?}"));
        source = error.source();
    }
    text
}
