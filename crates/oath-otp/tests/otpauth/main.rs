//! otpauth URIs: what is built, what is read, and the answer to each oddity that is seen in the wild.

mod build;
mod label;
mod parameters;
mod syntax;

use oath_otp::{Account, Method, UriError};

const SECRET: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

fn read(uri: &str) -> Account {
    Account::from_uri(uri).unwrap_or_else(|refused| panic!("{uri}: {refused}"))
}

fn refuse(uri: &str) -> UriError {
    Account::from_uri(uri).map(|_| uri).expect_err("a refusal")
}

/// Reads a label in front of an honest query.
fn label(label: &str) -> Result<(Option<String>, String), UriError> {
    names(&format!("otpauth://totp/{label}?secret={SECRET}"))
}

fn names(uri: &str) -> Result<(Option<String>, String), UriError> {
    let label = Account::from_uri(uri)?.label;
    Ok((label.issuer().map(Into::into), label.account().into()))
}

fn pair(issuer: &str, account: &str) -> Result<(Option<String>, String), UriError> {
    Ok((Some(issuer.into()), account.into()))
}

fn alone(account: &str) -> Result<(Option<String>, String), UriError> {
    Ok((None, account.into()))
}

/// Reads an honest URI with more parameters.
fn with(parameters: &str) -> Result<Method, UriError> {
    let uri = format!("otpauth://totp/a?secret={SECRET}&{parameters}");
    Account::from_uri(&uri).map(|account| account.method)
}
