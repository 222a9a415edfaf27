//! Breaks stores while they are used, and prints what a ledger of every call says: `scripts/chaos --help`.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use core::time::Duration;
use std::process::ExitCode;

use testing::{
    faults::{Fault, all, serve_if_started},
    ledger::{Plan, table},
};

const USAGE: &str = "\
usage: scripts/chaos [NAME…] [--seconds N] [--seed N]
       scripts/chaos --list

Without a name: every fault. A name stands for all that begin with it.
--seconds N  how long the load runs before each fault, and again after it; 5 unless given
--seed N     the choices of the tasks; another one each time unless given";

struct Wanted {
    faults: Vec<Fault>,
    plan: Plan,
    lists: bool,
}

fn wanted(words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let (mut names, mut words) = (Vec::new(), words);
    let mut plan = Plan {
        around: Duration::from_secs(5),
        tasks: 18,
        ..Plan::quick(std::process::id().into())
    };
    let mut lists = false;
    while let Some(word) = words.next() {
        let mut number = || {
            let number = words.next().and_then(|word| word.parse::<u32>().ok());
            number.ok_or_else(|| format!("{word} needs a number"))
        };
        match word.as_str() {
            "--list" => lists = true,
            "--seconds" => plan.around = Duration::from_secs(number()?.into()),
            "--seed" => plan.seed = number()?.into(),
            _ if word.starts_with('-') => return Err(USAGE.into()),
            _ => names.push(word),
        }
    }
    let mut faults = all();
    if let Some(unknown) = names
        .iter()
        .find(|name| !faults.iter().any(|fault| fault.name.starts_with(*name)))
    {
        return Err(format!(
            "there is no fault {unknown}: see scripts/chaos --list"
        ));
    }
    faults
        .retain(|fault| names.is_empty() || names.iter().any(|name| fault.name.starts_with(name)));
    Ok(Wanted {
        faults,
        plan,
        lists,
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    serve_if_started().await;
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    if wanted.lists {
        for fault in &wanted.faults {
            println!("{}", fault.name);
        }
        return ExitCode::SUCCESS;
    }
    let (mut rows, mut kept) = (Vec::new(), true);
    eprintln!("seed {}", wanted.plan.seed);
    for (at, fault) in (1_u32..).zip(&wanted.faults) {
        eprintln!("{at} of {}: {}", wanted.faults.len(), fault.name);
        let row = fault.run(wanted.plan).await;
        eprintln!("{row}");
        for (kind, (count, example)) in &row.outages {
            eprintln!("    {count} {kind:?}: {example}");
        }
        for words in row.found.faults.iter().take(20) {
            eprintln!("    NOT AS DOCUMENTED: {words}");
        }
        match row.found.faults.len().saturating_sub(20) {
            0 => {}
            more => eprintln!("    … and {more} more"),
        }
        kept &= row.is_kept();
        rows.push(row);
    }
    println!("{}", table(&rows));
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
