//! `oracle`: compares the ledgers of a fault campaign. It knows nothing of the host: only what went in and what came out.
//!
//! ```text
//! oracle NAME --produced FILE… --delivered FILE… [--dead-lettered FILE…] [--duplicates-max N]
//! ```
//!
//! Ledgers are NDJSON. Producers write `{"id", "key", "expect"}` in the order of production (`key`: what is ordered; `expect`:
//! `delivered`, the default, or `dropped` or `dead_lettered`). What came out is read as it lies in the sinks: structured
//! CloudEvents, of which the ids count. The result is one line, and the exit code is 0 only where nothing is lost, invented or
//! out of order, and no more came twice than was allowed.

#![allow(clippy::print_stdout, reason = "this is what the program is for")]

mod ledger;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use self::verdict::Verdict;

/// Compares the ledgers of a fault campaign.
#[derive(clap::Parser, Debug)]
struct Args {
    /// What the campaign is called in the result.
    name: String,
    /// What producers wrote, in order; several files are several producers.
    #[arg(long, required = true, num_args = 1..)]
    produced: Vec<PathBuf>,
    /// What one sink holds, in order; several files are its parts.
    #[arg(long, num_args = 1..)]
    delivered: Vec<PathBuf>,
    /// What the dead letter holds.
    #[arg(long, num_args = 1..)]
    dead_lettered: Vec<PathBuf>,
    /// Events that may have come twice.
    #[arg(long, default_value_t = 0)]
    duplicates_max: usize,
}

fn main() -> ExitCode {
    let args = <Args as clap::Parser>::parse();
    match compare(&args) {
        Ok(verdict) => {
            println!("{}", verdict.line(&args.name));
            if verdict.holds(args.duplicates_max) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            println!("oracle {} could not compare: {problem}", args.name);
            ExitCode::from(2)
        }
    }
}

fn compare(args: &Args) -> Result<Verdict, String> {
    let mut produced = Vec::new();
    for path in &args.produced {
        produced.extend(ledger::produced(path)?);
    }
    let delivered = ledger::ids(&args.delivered)?;
    let dead = ledger::ids(&args.dead_lettered)?;
    Verdict::of(&produced, &delivered, &dead)
}
