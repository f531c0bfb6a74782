//! Logs: structured, to stderr, so that stdout holds only results.

use std::io::{self, IsTerminal as _};

use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{guest_lines, problem::OrProblem as _};

/// Options every command has.
#[derive(Debug, clap::Args)]
pub(crate) struct Logging {
    /// What is logged: a level, or as in `RUST_LOG` [default: $RUST_LOG, else by command]
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Logging (stderr)")]
    log: Option<String>,
    /// How it is logged
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", help_heading = "Logging (stderr)")]
    log_format: LogFormat,
}

/// What becomes of lines that modules log, beside the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    /// Nothing.
    Logged,
    /// Those of cases can be had from [`guest_lines`].
    Kept,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    // Lines for people.
    Text,
    // One JSON object a line.
    Json,
}

impl Logging {
    /// To be called once. `default` applies where neither `--log` nor `RUST_LOG` says anything.
    pub(crate) fn start(&self, default: &str, guests: Guests) -> anyhow::Result<()> {
        let wanted = self.log.clone().or_else(|| std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()));
        let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(default)).or_problem(
            "the log filter is not understood",
            "write a level (error, warn, info, debug, trace) or `info,tidegate_engine=debug`",
        )?;
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(color);
        let lines = match self.log_format {
            LogFormat::Text => lines.with_target(false).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        let kept = match guests {
            Guests::Logged => None,
            Guests::Kept => Some(guest_lines::Keep.with_filter(Targets::new().with_target("guest", Level::TRACE))),
        };
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(kept).init();
        Ok(())
    }
}
