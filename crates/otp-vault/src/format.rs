//! The formats, one row each.

use core::fmt;

use crate::cipher::Plain;
use crate::error::ExportError;
use crate::file::File;
use crate::formats::*;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, ImportError, Password, Reason, vault};

/// A format of files.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Whether a file of it can be encrypted with a password.
    pub encrypted: bool,
    pub(crate) recognise: fn(&File<'_>) -> bool,
    pub(crate) read: Option<Read>,
    pub(crate) write: Option<Write>,
}

pub(crate) type Read = fn(&File<'_>, &Unlock<'_>) -> Result<Report, ImportError>;

/// How a format is written: what it can hold, and how.
#[derive(Clone, Copy)]
pub(crate) struct Write {
    /// Why an entry does not fit.
    pub(crate) check: fn(&Entry) -> Result<(), Reason>,
    /// Writes entries that fit.
    pub(crate) write: fn(&[&Entry], Option<&Password>) -> Result<Plain, ExportError>,
}

impl Format {
    /// Whether files of it are read.
    #[must_use]
    pub const fn imports(&self) -> bool {
        self.read.is_some()
    }

    /// Whether files of it are written.
    #[must_use]
    pub const fn exports(&self) -> bool {
        self.write.is_some()
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name)
    }
}

/// Every format, in the order in which a file is held against them: a row that says less comes later.
#[must_use]
pub fn formats() -> &'static [Format] {
    FORMATS
}

pub(crate) fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

const fn format(
    name: &'static str,
    title: &'static str,
    encrypted: bool,
    recognise: fn(&File<'_>) -> bool,
    read: Read,
) -> Format {
    Format {
        name,
        title,
        encrypted,
        recognise,
        read: Some(read),
        write: None,
    }
}

const fn named(
    name: &'static str,
    title: &'static str,
    recognise: fn(&File<'_>) -> bool,
) -> Format {
    Format {
        name,
        title,
        encrypted: false,
        recognise,
        read: None,
        write: None,
    }
}

impl Format {
    const fn writes(
        self,
        check: fn(&Entry) -> Result<(), Reason>,
        write: fn(&[&Entry], Option<&Password>) -> Result<Plain, ExportError>,
    ) -> Format {
        Format {
            write: Some(Write { check, write }),
            ..self
        }
    }
}

const FORMATS: &[Format] = &[
    format("otp-vault", "otp-vault", false, own::recognise, own::read)
        .writes(own::check, own::write),
    format(
        "otp-vault-sealed",
        "otp-vault",
        true,
        vault::recognise,
        vault::read,
    )
    .writes(own::check, vault::write),
    format("aegis", "Aegis", true, aegis::recognise, aegis::read)
        .writes(aegis::check, aegis::write),
    format("2fas", "2FAS", true, twofas::recognise, twofas::read)
        .writes(twofas::check, twofas::write),
    format(
        "2fauth-json",
        "2FAuth",
        false,
        twofauth::recognise,
        twofauth::read,
    )
    .writes(twofauth::check, twofauth::write),
    format(
        "bitwarden-password-protected",
        "Bitwarden",
        true,
        bitwarden::is_protected,
        bitwarden::read_protected,
    ),
    named(
        "bitwarden-account-restricted",
        "a Bitwarden export that only its own account opens",
        bitwarden::is_restricted,
    ),
    format(
        "bitwarden-json",
        "Bitwarden",
        false,
        bitwarden::is_json,
        bitwarden::read_json,
    )
    .writes(bitwarden::check, bitwarden::write),
    format(
        "ente-encrypted",
        "Ente Auth",
        true,
        ente::is_encrypted,
        ente::read_encrypted,
    ),
    format(
        "proton-encrypted",
        "Proton Authenticator",
        true,
        proton::is_encrypted,
        proton::read_encrypted,
    ),
    format(
        "proton-json",
        "Proton Authenticator",
        false,
        proton::is_plain,
        proton::read_plain,
    )
    .writes(proton::check, proton::write),
    format(
        "stratum-json",
        "Stratum",
        false,
        stratum::is_plain,
        stratum::read_plain,
    )
    .writes(stratum::check, stratum::write),
    format(
        "stratum-strong",
        "Stratum",
        true,
        stratum::is_strong,
        stratum::read_strong,
    ),
    format(
        "stratum-legacy",
        "Stratum",
        true,
        stratum::is_legacy,
        stratum::read_legacy,
    ),
    format(
        "lastpass-json",
        "LastPass Authenticator",
        false,
        lastpass::recognise,
        lastpass::read,
    ),
    format(
        "freeotpplus-json",
        "FreeOTP+",
        false,
        freeotp_plus::recognise,
        freeotp_plus::read,
    )
    .writes(freeotp_plus::check, freeotp_plus::write),
    format("steam-json", "Steam", false, steam::recognise, steam::read),
    format("duo-json", "Duo Mobile", false, duo::recognise, duo::read),
    format(
        "raivo-json",
        "Raivo OTP",
        false,
        raivo::recognise,
        raivo::read,
    ),
    format(
        "andotp",
        "andOTP",
        false,
        andotp::is_plain,
        andotp::read_plain,
    )
    .writes(andotp::check, andotp::write),
    format(
        "bitwarden-csv",
        "Bitwarden",
        false,
        bitwarden::is_csv,
        bitwarden::read_csv,
    ),
    format(
        "google-migration",
        "Google Authenticator migration",
        false,
        google_migration::recognise,
        google_migration::read,
    )
    .writes(google_migration::check, google_migration::write),
    format(
        "ente-text",
        "Ente Auth",
        false,
        ente::is_text,
        ente::read_text,
    )
    .writes(ente::check, ente::write),
    format(
        "uri-list",
        "list of otpauth URIs",
        false,
        uri_list::recognise,
        uri_list::read,
    )
    .writes(uri_list::check, uri_list::write),
    format(
        "authy-android-xml",
        "Authy",
        true,
        authy::recognise,
        authy::read,
    ),
    format(
        "battlenet-android-xml",
        "Battle.net",
        false,
        battlenet::recognise,
        battlenet::read,
    ),
    format(
        "freeotp1-xml",
        "FreeOTP",
        false,
        freeotp::is_xml,
        freeotp::read_xml,
    ),
    format(
        "freeotp2-javaser",
        "FreeOTP 2",
        true,
        freeotp::is_serialized,
        freeotp::read_serialized,
    ),
    format(
        "google-authenticator-sqlite",
        "Google Authenticator",
        false,
        databases::is_google,
        databases::read_google,
    ),
    format(
        "microsoft-authenticator-sqlite",
        "Microsoft Authenticator",
        false,
        databases::is_microsoft,
        databases::read_microsoft,
    ),
    format(
        "totp-authenticator-encrypted",
        "TOTP Authenticator",
        true,
        totp_authenticator::recognise,
        totp_authenticator::read,
    ),
    format(
        "keepass-kdbx4",
        "KeePass",
        true,
        kdbx::recognise,
        kdbx::read,
    ),
    format(
        "authenticator-plus-zip",
        "Authenticator Plus",
        true,
        zip::is_authenticator_plus,
        zip::read,
    ),
    format("winauth-zip", "WinAuth", true, zip::recognise, zip::read),
    format(
        "andotp-pbkdf2",
        "andOTP",
        true,
        andotp::is_new,
        andotp::read_new,
    ),
    format(
        "andotp-old-sha256",
        "andOTP",
        true,
        andotp::is_old,
        andotp::read_old,
    ),
];
