//! The program as it is run: exit codes, standard output, files, arguments.

#![cfg(unix)]

mod codes;
mod pictures;
mod place;
mod transfer;
mod usage;
mod vaults;
