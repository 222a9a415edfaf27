//! Where an account comes from: a URI, another program's file, or the vault.

use core::cell::Cell;
use std::path::Path;

use otp_vault::{Entry, Vault};

use crate::args::Access;
use crate::failure::Failure;
use crate::input;
use crate::pick::pick;
use crate::vault::{self, OpenVault};

pub(crate) enum Source {
    /// What was read, and is not written.
    Read(Vec<Entry>),
    /// The vault, which is locked until the command ends.
    Vault(OpenVault),
}

impl Source {
    /// The accounts of `file`, of the URI on standard input where the query is `-`, else of the vault.
    pub(crate) fn open(
        file: Option<&Path>,
        access: &Access,
        query: &str,
    ) -> Result<Source, Failure> {
        if query == "-" {
            let content = input::read(Path::new("-"))?;
            let text = core::str::from_utf8(&content).unwrap_or_default();
            if text.trim().lines().nth(1).is_some() {
                return Err(Failure::SeveralLines);
            }
            return Ok(Source::Read(vec![
                otp_vault::read_uri(text).map_err(Failure::Uri)?,
            ]));
        }
        let Some(file) = file else {
            return Ok(Source::Vault(OpenVault::open(&vault::path(None)?, access)?));
        };
        if file == Path::new("-") {
            return Source::import(file, access.password_file.as_deref());
        }
        let content = input::read(file)?;
        if Vault::is_vault(&content) {
            return Ok(Source::Vault(OpenVault::open(file, access)?));
        }
        Source::import(file, access.password_file.as_deref())
    }

    fn import(file: &Path, password_file: Option<&Path>) -> Result<Source, Failure> {
        let password = password_file.map(input::password).transpose()?;
        let imported = input::import(
            &input::read(file)?,
            None,
            password.as_ref(),
            &Cell::new(false),
        )?;
        input::tell_skipped(&imported.skipped);
        Ok(Source::Read(imported.entries))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match self {
            Source::Read(entries) => entries,
            Source::Vault(vault) => vault.entries(),
        }
    }

    /// The place of the account that a query means; a URI is the only one.
    pub(crate) fn find(&self, query: &str) -> Result<usize, Failure> {
        if query == "-" {
            Ok(0)
        } else {
            pick(self.entries(), query)
        }
    }

    pub(crate) fn entry(&self, index: usize) -> Result<&Entry, Failure> {
        self.entries().get(index).ok_or(Failure::NoMatch)
    }

    /// Takes the code of an account. Of one that counts, the raised counter is stored first; where it cannot be, that
    /// is said.
    pub(crate) fn take(
        &mut self,
        index: usize,
        unix_time: u64,
    ) -> Result<otp_vault::Code, Failure> {
        let entry = self.entry(index)?;
        let (code, counts) = (entry.code(unix_time)?, entry.counter().is_some());
        match self {
            Source::Vault(vault) if counts => vault.advance(index)?,
            Source::Read(_) if counts => {
                eprintln!(
                    "otp-vault: the counter was not stored, since this is no vault: the same code comes again"
                );
            }
            _ => {}
        }
        Ok(code)
    }
}
