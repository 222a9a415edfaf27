//! Options. None takes a secret.

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand};

/// Codes of your accounts, and their files from and for other programs.
///
/// Standard output is data only, words go to standard error. No secret, password or URI is taken as an argument: -
/// is standard input.
#[derive(Parser)]
#[command(name = "otp-vault", version, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes an empty vault
    Init(Place),
    /// Adds the account of a URI on standard input to the vault
    Add(Place),
    /// Lists the accounts of the vault
    List {
        #[command(flatten)]
        place: Place,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints the URI of one account of the vault, which is its secret
    Uri {
        #[command(flatten)]
        place: Place,
        /// Prints JSON
        #[arg(long)]
        json: bool,
        /// A part of issuer:account, in any case
        query: String,
    },
    /// Removes one account from the vault
    Rm {
        #[command(flatten)]
        place: Place,
        /// Does not ask
        #[arg(long)]
        yes: bool,
        /// Prints JSON
        #[arg(long)]
        json: bool,
        /// A part of issuer:account, in any case
        query: String,
    },
    /// Seals the vault under another passphrase or key ring
    Passwd {
        #[command(flatten)]
        place: Place,
        /// A file whose first line is the new passphrase
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
        /// The new key ring, which is made if it is not there
        #[arg(long, value_name = "FILE", conflicts_with = "new_password_file")]
        new_key_file: Option<PathBuf>,
    },
    /// Opens the vault, and says how many accounts it holds
    Verify {
        #[command(flatten)]
        place: Place,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows all codes and the time that is left
    Watch {
        /// Any file that can be imported, instead of the vault
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        access: Access,
    },
    /// Reads another program's file and prints its accounts as JSON
    Import(Import),
    /// Writes accounts as another program's file
    Export(Export),
    /// Prints the formats as JSON
    Formats {
        /// Nothing else: what is printed is JSON already
        #[arg(long)]
        json: bool,
    },
    /// Prints the code of one account
    Code(Code),
    /// Reads and draws QR codes
    #[command(subcommand)]
    Qr(Qr),
    /// Prints the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the man page
    Man,
}

/// Which vault, and its passphrase.
#[derive(Arguments)]
pub(crate) struct Place {
    /// The vault, instead of the one in OTP_VAULT or in the data folder of this user
    #[arg(long, value_name = "FILE")]
    pub(crate) vault: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// What opens a vault or another program's file.
#[derive(Arguments)]
pub(crate) struct Access {
    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The key ring that a vault is sealed under; `init` makes it
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Arguments)]
pub(crate) struct Import {
    /// The format, instead of what the content says
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) format: String,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Adds the accounts to this vault, instead of printing them
    #[arg(long, value_name = "VAULT")]
    pub(crate) into: Option<PathBuf>,
    /// A file whose first line is the passphrase of that vault; where the source needs none, --password-file is it too
    #[arg(long, value_name = "FILE", requires = "into")]
    pub(crate) vault_password_file: Option<PathBuf>,
    /// The key ring of that vault
    #[arg(
        long,
        value_name = "FILE",
        requires = "into",
        conflicts_with = "vault_password_file"
    )]
    pub(crate) vault_key_file: Option<PathBuf>,
    /// Nothing else: what is printed is JSON already
    #[arg(long)]
    pub(crate) json: bool,
    /// The file; several only where each is a picture or lists URIs
    #[arg(required = true, value_name = "FILE|-")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Arguments)]
pub(crate) struct Export {
    /// The format
    #[arg(long, value_name = "NAME")]
    pub(crate) format: String,
    /// A file whose first line is the password of what is written, and of what is read unless that has its own
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// A file whose first line is the password of what is read
    #[arg(long, value_name = "FILE")]
    pub(crate) input_password_file: Option<PathBuf>,
    /// Leaves out what the format cannot hold, instead of writing nothing
    #[arg(long)]
    pub(crate) lossy: bool,
    /// Where to, with mode 0600, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What `import` prints, or any file that it reads
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
}

#[derive(Arguments)]
pub(crate) struct Code {
    /// Any file that can be imported, instead of the vault
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
    /// The code of this moment, in Unix seconds
    #[arg(long, value_name = "UNIX")]
    pub(crate) at: Option<u64>,
    /// The code that follows
    #[arg(long)]
    pub(crate) next: bool,
    /// Prints the seconds that the code is still good for behind it
    #[arg(long)]
    pub(crate) remaining: bool,
    /// Waits for the next code if this one is good for fewer seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) min_remaining: Option<u64>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A part of issuer:account, in any case; - reads a URI
    #[arg(value_name = "QUERY|-")]
    pub(crate) query: String,
}

#[derive(Subcommand)]
pub(crate) enum Qr {
    /// Prints what the codes of pictures say, one a line
    Read {
        /// Prints JSON
        #[arg(long)]
        json: bool,
        /// PNG or JPEG
        #[arg(required = true, value_name = "FILE|-")]
        files: Vec<PathBuf>,
    },
    /// Draws the URI of standard input into a file, with mode 0600
    Write {
        /// Always -
        #[arg(value_name = "-")]
        input: PathBuf,
        /// Ends in .svg or .png
        file: PathBuf,
    },
    /// Draws the code of an account in the terminal
    Show {
        /// Any file that can be imported, instead of the vault
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        access: Access,
        /// A part of issuer:account, in any case; - reads a URI
        #[arg(value_name = "QUERY|-")]
        query: String,
    },
}
