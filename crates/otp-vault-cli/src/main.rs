//! `otp-vault`: codes, accounts and their export files on the command line.

mod args;
mod bar;
mod code;
mod convert;
mod failure;
mod input;
mod output;
mod pick;
mod qr;
mod source;
mod vault;
mod watch;

use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, Parser};

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // Before anything repeats it in a message: a URI is a secret, and other users see arguments.
    if arguments
        .iter()
        .skip(1)
        .any(|argument| is_uri(&argument.to_string_lossy()))
    {
        eprintln!(
            "otp-vault: a URI is never an argument, where other users and the shell's history see it: use - and standard input"
        );
        return ExitCode::from(2);
    }
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            return told(&error);
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                eprintln!("otp-vault: {text}");
            }
            failure.exit_code()
        }
    }
}

/// Says what is wrong with the arguments, and repeats none of them: one may be a secret.
fn told(error: &clap::Error) -> ExitCode {
    let code = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => 2,
    };
    if code == 0 || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A pipe that is closed already has nobody to tell.
        let _ = error.print();
        return ExitCode::from(code);
    }
    let what = error.kind().as_str().unwrap_or("wrong arguments");
    // Where arguments are known, these are their names in the options above.
    let known = match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => None,
        _ => error.get(ContextKind::InvalidArg),
    };
    let known = known.map(|known| format!(": {known}")).unwrap_or_default();
    eprintln!("otp-vault: {what}{known}");
    if let Some(usage) = error.get(ContextKind::Usage) {
        eprintln!("\n{usage}");
    }
    eprintln!("\nFor more information, try '--help'.");
    ExitCode::from(code)
}

fn is_uri(argument: &str) -> bool {
    let argument = argument.to_ascii_lowercase();
    [
        "otpauth:",
        "otpauth-migration:",
        "steam://",
        "apple-otpauth:",
    ]
    .iter()
    .any(|scheme| argument.contains(scheme))
}

fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Init(place) => vault::init(&place),
        Command::Add(place) => vault::add(&place),
        Command::List { place, json } => vault::list(&place, json),
        Command::Uri { place, json, query } => vault::uri(&place, json, &query),
        Command::Rm {
            place,
            yes,
            json,
            query,
        } => vault::remove(&place, yes, json, &query),
        Command::Passwd {
            place,
            new_password_file,
            new_key_file,
        } => {
            let access = args::Access {
                password_file: new_password_file,
                key_file: new_key_file,
            };
            vault::change_key(&place, &access)
        }
        Command::Verify { place, json } => vault::verify(&place, json),
        Command::Watch { file, access } => watch::run(file.as_deref(), &access),
        Command::Import(import) => convert::import(&import),
        Command::Export(export) => convert::export(&export),
        Command::Formats { .. } => convert::list_formats(),
        Command::Code(code) => code::code(&code),
        Command::Qr(command) => qr::run(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "otp-vault", &mut script);
            output::print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command())
                .render(&mut page)
                .map_err(Failure::Output)?;
            output::print(&page)
        }
    }
}
