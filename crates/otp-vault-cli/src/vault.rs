//! The vault of one person: a sealed file, and what is done with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use otp_vault::{Entry, Import, Password, Vault, VaultKey, key_file};
use serde_json::json;

use crate::args::{Access, Place};
use crate::failure::{Failure, shown};
use crate::input::{self, visible};
use crate::output;
use crate::pick::pick;

/// A vault that nobody else changes while it is open.
pub(crate) struct OpenVault {
    path: PathBuf,
    key: VaultKey,
    vault: Vault,
    /// Released when it is closed.
    _lock: File,
}

/// The vault of `--vault`, of `OTP_VAULT`, or of this user's data folder.
pub(crate) fn path(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = chosen {
        return Ok(path.into());
    }
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data =
        || variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
    variable("OTP_VAULT")
        .or_else(|| Some(data()?.join("otp-vault/vault")))
        .ok_or(Failure::Usage("there is no HOME: --vault names the vault"))
}

/// The file that a path means, with no link in it, so that a vault has one lock under all its names. What is not there
/// yet has the name that it would be made under.
fn real(path: &Path) -> Result<PathBuf, Failure> {
    let found = path.canonicalize().or_else(|error| {
        let (folder, name) = (path.parent(), path.file_name().ok_or(error)?);
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
        Ok(folder.join(name))
    });
    found.map_err(|source| Failure::File {
        path: path.into(),
        source,
    })
}

/// The lock stands beside the vault, since the vault's own file is replaced by each change.
fn lock(path: &Path) -> Result<File, Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options
        .open(&beside)
        .and_then(|file| file.lock().map(|()| file));
    lock.map_err(|source| Failure::File {
        path: beside,
        source,
    })
}

fn passphrase(file: Option<&Path>, prompt: &str) -> Result<Password, Failure> {
    match file {
        Some(file) => input::password(file),
        None => input::ask_password(prompt)?.ok_or(Failure::NoPassphrase),
    }
}

fn key(access: &Access) -> Result<VaultKey, Failure> {
    match &access.key_file {
        Some(path) => Ok(VaultKey::Ring(key_file::read(path)?)),
        None => passphrase(access.password_file.as_deref(), "Passphrase of the vault")
            .map(VaultKey::Passphrase),
    }
}

/// Makes a key ring that is not there. A passphrase is asked for twice, since nobody sees what they type.
fn new_key(access: &Access) -> Result<VaultKey, Failure> {
    if let Some(path) = &access.key_file {
        return Ok(VaultKey::Ring(key_file::read_or_create(path)?));
    }
    let file = access.password_file.as_deref();
    let passphrase = passphrase(file, "New passphrase of the vault")?;
    if passphrase.expose_secret().is_empty() {
        return Err(Failure::EmptyPassphrase);
    }
    if file.is_none() {
        let again = input::ask_password("Again")?.ok_or(Failure::NoPassphrase)?;
        if again.expose_secret() != passphrase.expose_secret() {
            return Err(Failure::NotRepeated);
        }
    }
    Ok(VaultKey::Passphrase(passphrase))
}

impl OpenVault {
    pub(crate) fn open(path: &Path, access: &Access) -> Result<OpenVault, Failure> {
        if !path.exists() {
            return Err(Failure::NoVault(shown(path)));
        }
        let key = key(access)?;
        let path = real(path)?;
        let lock = lock(&path)?;
        let vault = Vault::open(&input::read(&path)?, &key)?;
        Ok(OpenVault {
            path,
            key,
            vault,
            _lock: lock,
        })
    }

    fn at(place: &Place) -> Result<OpenVault, Failure> {
        OpenVault::open(&path(place.vault.as_deref())?, &place.access)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.vault.entries
    }

    fn store(&self) -> Result<(), Failure> {
        output::write_private(&self.path, &self.vault.seal(&self.key)?)
    }

    /// Stores the counter behind the one of this entry.
    pub(crate) fn advance(&mut self, index: usize) -> Result<(), Failure> {
        self.vault.advance(index)?;
        self.store()
    }

    pub(crate) fn add(&mut self, entries: Vec<Entry>) -> Result<(), Failure> {
        let told = self.vault.add(entries);
        self.store()?;
        for name in &told.known {
            eprintln!("otp-vault: already here: {}", visible(name));
        }
        eprintln!("otp-vault: {} added", told.added);
        Ok(())
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.vault.entries
    }

    fn into_entry(mut self, index: usize) -> Result<Entry, Failure> {
        if index < self.vault.entries.len() {
            Ok(self.vault.entries.swap_remove(index))
        } else {
            Err(Failure::NoMatch)
        }
    }
}

pub(crate) fn init(place: &Place) -> Result<(), Failure> {
    let path = path(place.vault.as_deref())?;
    let exists = || Failure::Exists(path.display().to_string());
    if path.exists() {
        return Err(exists());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| Failure::File {
            path: folder.into(),
            source,
        })?;
    }
    let key = new_key(&place.access)?;
    let path = real(&path)?;
    let exists = || Failure::Exists(path.display().to_string());
    let _lock = lock(&path)?;
    // Somebody may have made it while the passphrase was typed.
    if path.exists() {
        return Err(exists());
    }
    output::write_private(&path, &Vault::default().seal(&key)?)?;
    eprintln!("otp-vault: made {}", path.display());
    Ok(())
}

pub(crate) fn add(place: &Place) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "the URI comes on standard input, from a pipe or a file",
        ));
    }
    let content = input::read(Path::new("-"))?;
    let mut vault = OpenVault::at(place)?;
    let imported = Import::new(&content)
        .when_empty(&|skipped| input::tell_skipped(skipped))
        .read()?;
    input::tell_skipped(&imported.skipped);
    vault.add(imported.entries)
}

pub(crate) fn list(place: &Place, as_json: bool) -> Result<(), Failure> {
    let vault = OpenVault::at(place)?;
    let mut out = String::new();
    if as_json {
        let rows = vault.entries().iter().map(|entry| {
            json!({
                "type": entry.kind.name(), "issuer": entry.issuer, "account": entry.account, "groups": entry.groups,
                "algorithm": entry.algorithm_name(), "digits": entry.digits, "period": entry.period(),
                "counter": entry.counter(),
            })
        });
        out = json!(rows.collect::<Vec<_>>()).to_string();
        out.push('\n');
    } else {
        for entry in vault.entries() {
            out.push_str(&visible(&entry.name()));
            out.push('\n');
        }
    }
    output::print(out.as_bytes())
}

pub(crate) fn uri(place: &Place, as_json: bool, query: &str) -> Result<(), Failure> {
    let vault = OpenVault::at(place)?;
    let entry = vault.into_entry_of(query)?;
    let uri = otp_vault::write_uri(&entry).map_err(Failure::Uri)?;
    let line = if as_json {
        output::json_with(&json!({}), "uri", &uri)
    } else {
        output::line(&uri)
    };
    if io::stdout().is_terminal()
        && !input::is_agreed("print the secret of this account on this terminal?")?
    {
        return Err(Failure::Declined);
    }
    output::print(&line)
}

impl OpenVault {
    fn into_entry_of(self, query: &str) -> Result<Entry, Failure> {
        let index = pick(self.entries(), query)?;
        self.into_entry(index)
    }
}

pub(crate) fn remove(place: &Place, yes: bool, as_json: bool, query: &str) -> Result<(), Failure> {
    let mut vault = OpenVault::at(place)?;
    let index = pick(vault.entries(), query)?;
    let name = vault
        .entries()
        .get(index)
        .map(|entry| visible(&entry.name()))
        .unwrap_or_default();
    if !yes && !input::is_agreed(&format!("remove {name} and its secret?"))? {
        return Err(Failure::Declined);
    }
    vault.vault.entries.remove(index);
    vault.store()?;
    eprintln!("otp-vault: removed {name}");
    if as_json {
        output::print(format!("{}\n", json!({ "removed": name })).as_bytes())?;
    }
    Ok(())
}

pub(crate) fn change_key(place: &Place, access: &Access) -> Result<(), Failure> {
    let mut vault = OpenVault::at(place)?;
    vault.key = new_key(access)?;
    vault.store()?;
    eprintln!("otp-vault: sealed anew");
    Ok(())
}

pub(crate) fn verify(place: &Place, as_json: bool) -> Result<(), Failure> {
    let count = OpenVault::at(place)?.entries().len();
    if as_json {
        return output::print(format!("{}\n", json!({ "accounts": count })).as_bytes());
    }
    writeln!(
        io::stderr(),
        "otp-vault: the vault opens, and holds {count} accounts"
    )
    .map_err(Failure::Terminal)
}
