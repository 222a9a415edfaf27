//! The providers of this crate keep the laws of providers.
#![cfg(feature = "conformance")]

#[path = "support/trials.rs"]
mod trials;

mod totp {
    twofa_providers::provider_laws!(crate::trials::App::default());
}

mod hotp {
    twofa_providers::provider_laws!(crate::trials::Button::default());
}

mod email {
    use twofa_providers::token_store::ott_core::Channel;
    twofa_providers::provider_laws!(crate::trials::Sent::over(Channel::Email));
}

mod phone {
    use twofa_providers::token_store::ott_core::Channel;
    twofa_providers::provider_laws!(crate::trials::Sent::over(Channel::Phone));
}

mod recovery {
    twofa_providers::provider_laws!(crate::trials::Printed::default());
}
