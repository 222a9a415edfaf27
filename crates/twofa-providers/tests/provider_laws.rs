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

#[cfg(feature = "yubico")]
mod yubico {
    twofa_providers::provider_laws!(crate::trials::Touch::default());
}

mod email {
    use twofa_providers::token_store::ott_core::Channel;
    twofa_providers::provider_laws!(crate::trials::Sent::over(Channel::Email));
}

mod phone {
    use twofa_providers::token_store::ott_core::Channel;
    twofa_providers::provider_laws!(crate::trials::Sent::over(Channel::Phone));
}

mod prompt {
    twofa_providers::provider_laws!(crate::trials::Device::without_key());
}

mod signed_prompt {
    twofa_providers::provider_laws!(crate::trials::Device::with_key());
}

mod recovery {
    twofa_providers::provider_laws!(crate::trials::Printed::default());
}
