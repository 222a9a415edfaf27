//! Accounts of a URI, as this contract reads it.

use otp_vault::{Algorithm, Entry, EntrySecret, Kind, Reason, read_uri, store::Draft, write_uri};
use zeroize::Zeroizing;

use crate::{answer::ApiError, qr::decoded};

/// Whether a text begins as a URI of this contract does.
pub(crate) fn is_uri(text: &str) -> bool {
    ["otpauth://totp/", "otpauth://hotp/"].iter().any(|start| {
        text.get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start))
    })
}

/// Reads a URI. A service of Steam's, or `steam`, forces Steam's codes.
pub(crate) fn read(uri: &str, steam: bool) -> Result<Draft, ApiError> {
    let not_one = || ApiError::invalid("uri", "The uri is not a valid otpauth URI.");
    if !is_uri(uri) {
        return Err(not_one());
    }
    let path = uri.split('?').next().unwrap_or_default();
    let label = path.get("otpauth://totp/".len()..).unwrap_or_default();
    if label.trim_matches('/').is_empty() {
        return Err(ApiError::invalid("uri", "The uri has no label."));
    }
    let mut entry = parse(uri).map_err(refusal)?;
    if entry.account.is_empty() {
        return Err(ApiError::invalid("uri", "The uri has no label."));
    }
    if steam || entry.issuer.eq_ignore_ascii_case("steam") {
        force_steam(&mut entry);
    }
    check_secret(&entry.secret).map_err(|()| refusal(Reason::BadSecret))?;
    Ok(Draft {
        uri: Some(Zeroizing::new(uri.into())),
        ..Draft::new(entry)
    })
}

/// A counter that is not named is 0. Without a secret there is no account.
fn parse(uri: &str) -> Result<Entry, Reason> {
    let hotp = uri
        .get(10..14)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("hotp"));
    match read_uri(uri) {
        Err(Reason::Counter) if hotp && !has_counter(uri) => {
            read_uri(&Zeroizing::new(format!("{uri}&counter=0")))
        }
        read => read,
    }
    .and_then(|entry| match entry.kind {
        Kind::Hotp(counter) if counter > HIGHEST_COUNTER => Err(Reason::Counter),
        _ => Ok(entry),
    })
}

/// The last counter that an account begins with.
pub(crate) const HIGHEST_COUNTER: u64 = 9_223_372_036_854_775_806;

fn has_counter(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| name.eq_ignore_ascii_case("counter") && !value.is_empty())
}

/// The address of the picture that a URI names.
pub(crate) fn image(uri: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, address) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("image"))?;
    let address = decoded(address);
    (!address.is_empty()).then_some(address)
}

fn refusal(reason: Reason) -> ApiError {
    let (field, what) = match reason {
        Reason::BadSecret => {
            return ApiError::bad("not a valid base32 encoded secret");
        }
        Reason::Type => return ApiError::bad("Unsupported OTP type"),
        Reason::Algorithm => ("algorithm", "is not supported"),
        Reason::Counter => {
            return ApiError::invalid("counter", "The counter is out of range.");
        }
        Reason::Digits => ("digits", "are out of range"),
        Reason::Period => ("period", "is out of range"),
        _ => return ApiError::invalid("uri", "The uri is not a valid otpauth URI."),
    };
    ApiError::bad_parameters(&format!("The {field} {what}."))
}

/// Five letters and digits, SHA-1, 30 seconds.
pub(crate) fn force_steam(entry: &mut Entry) {
    (entry.kind, entry.digits, entry.algorithm) = (Kind::Steam(30), 5, Algorithm::Sha1);
}

/// Bytes have no base32 of these lengths (RFC 4648 section 6).
pub(crate) fn check_secret(secret: &EntrySecret) -> Result<(), ()> {
    match secret.expose_secret().len() % 8 {
        1 | 3 | 6 => Err(()),
        _ => Ok(()),
    }
}

/// The URI of an account.
pub(crate) fn write(entry: &Entry) -> Zeroizing<String> {
    let Kind::Steam(period) = entry.kind else {
        // Accounts here are of the three types that have a URI.
        return write_uri(entry).unwrap_or_default();
    };
    // Steam's type is in no specification: clients read it from the service's name, some from this parameter.
    let entry = Entry {
        kind: Kind::Totp(period),
        issuer: entry.issuer.clone(),
        account: entry.account.clone(),
        secret: copy(&entry.secret),
        algorithm: entry.algorithm,
        digits: entry.digits,
        groups: Vec::new(),
        note: None,
        pin: None,
        icon: None,
    };
    let uri = write_uri(&entry).unwrap_or_default();
    Zeroizing::new(format!("{}&encoder=steam", *uri))
}

pub(crate) fn copy(secret: &EntrySecret) -> EntrySecret {
    match EntrySecret::from_base32(secret.expose_secret()) {
        Ok(copy) => copy,
        Err(_) => unreachable!("what was read is read again"),
    }
}
