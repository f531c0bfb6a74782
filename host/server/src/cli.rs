//! The command line: which commands there are, and how a run of one ends.
//!
//! Exit codes: 0 fine, 1 refused or failed, 2 wrong usage. Results go to stdout, everything else to stderr.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        apply, bench, build, demo, dev, diff, dlq, eval, explain, fmt, history, inspect, new, pause, plan, promote,
        rollback, run, schema, status, tap, test, validate,
    },
    logging::{Guests, Logging},
    problem,
};

/// Runs WebAssembly policies over streams of CloudEvents: filters, transforms and matchers, deployed as documents and
/// swapped while events flow
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Start with `tidegate demo`. Exit codes: 0 fine, 1 refused or failed, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host: pull events, apply policies, deliver; documents may change while it runs
    Run(run::Args),
    /// See it work: example filters on a stream of orders, one swapped mid-flow, every order accounted for
    Demo(demo::Args),
    /// Check documents and modules without running them; reports every mistake at once
    Validate(validate::Args),
    /// Write documents one way: keys in the order of the reference, comments kept
    Fmt(fmt::Args),
    /// Print the JSON Schema of documents, for editors, or of a module's configuration
    Schema(schema::Args),
    /// Show what a module is, without running it: interfaces, imports, digest, origin, config schema
    Inspect(inspect::Args),
    /// Make a folder with a filter, transform or matcher that builds and passes its tests at once
    New(new::Args),
    /// Build a filter folder (Rust, Go, AssemblyScript) into a component
    Build(build::Args),
    /// Put a filter's cases through the real engine: events in, expected verdicts and events out
    Test(test::Args),
    /// Put events through one module and show what it decides
    Eval(eval::Args),
    /// Measure what a module costs an event, by itself or beside another
    Bench(bench::Args),
    /// Build, test and swap a filter into a running host whenever it is saved, and show what it decides differently
    Dev(dev::Args),
    /// Dead letters: list them, look at them, replay them, drop them
    Dlq(dlq::Args),
    /// Show what documents would change on a running host, and what they would do to a sample of events
    Plan(plan::Args),
    /// Put documents and their modules onto a running host, all of them or none
    Apply(apply::Args),
    /// Take a policy's rollout on to more keys, or to all of them
    Promote(promote::Args),
    /// Make an earlier generation live again, without compiling
    Rollback(rollback::Args),
    /// Show who changed what on a host, when, and how it ended
    History(history::Args),
    /// Show what two generations say differently
    Diff(diff::Args),
    /// Hold routes where they stand
    Pause(pause::Args),
    /// Let held routes go on
    Resume(pause::Args),
    /// Show what a host runs, and what is wrong with it
    Status(status::Args),
    /// Show which policies met an event, in which order, what each decided, and why
    Explain(explain::Args),
    /// Show live events of a host, and what becomes of them; keep them as test cases
    Tap(tap::Args),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Exit code 0.
    Fine,
    /// Exit code 1; what was wrong has been said.
    Refused,
}

/// Parses the command line, runs the command, and says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let default = match cli.command {
        // The connector says what goes wrong with a connection; its client says it again, for each try.
        Command::Run(_) | Command::Eval(_) => "info,async_nats=off",
        // What happens is told on stdout.
        Command::Demo(_) | Command::Validate(_) | Command::Inspect(_) | Command::New(_) | Command::Build(_) => "warn",
        Command::Dlq(_) => "warn,async_nats=off",
        Command::Fmt(_) | Command::Schema(_) | Command::Bench(_) => "warn",
        Command::Plan(_)
        | Command::Apply(_)
        | Command::Promote(_)
        | Command::Rollback(_)
        | Command::History(_)
        | Command::Diff(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Status(_)
        | Command::Explain(_)
        | Command::Tap(_) => "warn",
        // What modules log is compared, not shown.
        Command::Test(_) | Command::Dev(_) => "warn,guest=off",
    };
    let guests = if matches!(cli.command, Command::Test(_) | Command::Dev(_)) { Guests::Kept } else { Guests::Logged };
    if let Err(error) = cli.logging.start(default, guests) {
        return fail(&error);
    }
    let mut out = io::stdout().lock();
    let ended = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(args, &mut out),
        Command::Validate(args) => validate::run(args, &mut out),
        Command::Fmt(args) => fmt::run(args, &mut out),
        Command::Schema(args) => schema::run(args, &mut out),
        Command::Inspect(args) => inspect::run(args, &mut out),
        Command::New(args) => new::run(args, &mut out),
        Command::Build(args) => build::run(args, &mut out),
        Command::Test(args) => test::run(args, &mut out),
        Command::Bench(args) => bench::run(args, &mut out),
        Command::Dev(args) => dev::run(args, &mut out),
        Command::Dlq(args) => dlq::run(args, &mut out),
        Command::Eval(args) => eval::run(args, &mut out),
        Command::Plan(args) => plan::run(args, &mut out),
        Command::Apply(args) => apply::run(args, &mut out),
        Command::Promote(args) => promote::run(args, &mut out),
        Command::Rollback(args) => rollback::run(args, &mut out),
        Command::History(args) => history::run(args, &mut out),
        Command::Diff(args) => diff::run(args, &mut out),
        Command::Pause(args) => pause::run(args, pause::Wanted::Paused, &mut out),
        Command::Resume(args) => pause::run(args, pause::Wanted::Running, &mut out),
        Command::Status(args) => status::run(args, &mut out),
        Command::Explain(args) => explain::run(args, &mut out),
        Command::Tap(args) => tap::run(args, &mut out),
    };
    let ended = ended.and_then(|ending| {
        out.flush()?;
        Ok(ending)
    });
    match ended {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::FAILURE,
        // Whoever reads has seen enough (`tidegate inspect … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // If stderr is closed there is nobody left to tell.
    let _ = problem::show(error, &mut io::stderr().lock());
    ExitCode::FAILURE
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
