//! The rows of the contract, each by HTTP at a server that runs. The modules are named by what they check; each test
//! names its row.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]
#![expect(clippy::unwrap_used, reason = "an error fails its test")]

mod accounts;
mod batches;
mod codes;
mod errors;
mod file;
mod hostile;
mod images;
mod imports;
mod keeping;
mod people;
mod pictures;
mod sessions;
mod settings;
mod starting;
mod support;
mod throttle;
mod tokens;
