//! `tidegate run`: a host in the foreground.

use std::{path::PathBuf, time::Duration};

use tidegate_control::{ControlOptions, Desk, Generation, Status};
use tidegate_policy::Report;

use crate::{
    admin::{Admin, args::AdminArgs},
    cli,
    host::{Drained, Ending, Happened, Host, HostOptions, Room, StartError},
    human,
    preset::{Preset, PresetArgs},
    problem::problem,
    runtime::runtime,
    signals::Stop,
    traces::Traces,
};

/// Options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Documents are watched: a change is verified, then swapped in while events flow; one with mistakes is reported, and what runs \
goes on. SIGTERM and SIGINT settle what is in flight; a second signal stops at once.

Traces go to an OpenTelemetry collector where its variables name one: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 (OTLP over \
HTTP), with OTEL_TRACES_SAMPLER and the others.")]
pub struct Args {
    /// Document files, or folders of them (*.yaml, *.yml, *.json)
    #[arg(required_unless_present = "documents_from_api", conflicts_with = "documents_from_api", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The admin API owns the documents instead: they are put there, and kept in the state directory, below which relative paths in
    /// them start (generations/documents): write absolute ones
    #[arg(long)]
    documents_from_api: bool,
    /// Let documents leave out the digests of modules, for trying things out
    #[arg(long)]
    dev: bool,
    /// Where positions and compiled modules are kept [default: $XDG_STATE_HOME/tidegate, else ./.tidegate]
    #[arg(long, value_name = "DIR", env = "TIDEGATE_STATE_DIR", hide_env_values = true)]
    state_dir: Option<PathBuf>,
    /// How long what is in flight may take to settle when the host stops
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = human::parse_duration)]
    grace: Duration,
    /// End when every source has ended by itself: files are read to their end, and not followed
    #[arg(long)]
    once: bool,
    /// Conditions with nothing that an index could look up, at most: every event is held against each of them
    #[arg(long, value_name = "N", default_value_t = ControlOptions::UNINDEXED_MAX)]
    max_unindexed: usize,
    #[command(flatten)]
    preset: PresetArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Runs until a signal, or with `--once` until the sources have ended.
pub fn run(args: Args) -> anyhow::Result<cli::Ending> {
    runtime(args.preset.threads())?.block_on(serve(args))
}

async fn serve(args: Args) -> anyhow::Result<cli::Ending> {
    let mut stop = Stop::listen()?;
    let (preset, status) = (args.preset.preset(), Status::default());
    let state_dir = args.state_dir.unwrap_or_else(default_state_dir);
    let (desk, orders) = Desk::new();
    let traces = Traces::from_env();
    let spans = traces.as_ref().map(Traces::counts);
    // Open before there is anything to be ready, and until everything is settled.
    let _admin = match args.preset.admin() {
        Some(address) => {
            Some(Admin::open(address, status.clone(), spans, args.admin.options(&state_dir, status.clone(), desk)?)?)
        }
        None if args.documents_from_api => {
            return Err(problem("without an admin port no documents can come over it", "add --admin 127.0.0.1:9902"));
        }
        None => None,
    };
    let ending = if args.once { Ending::Told } else { Ending::Ignored };
    let options = HostOptions {
        paths: args.paths,
        development: args.dev,
        state_dir,
        grace: args.grace,
        room: Room { unindexed: args.max_unindexed, ..preset.room() },
        status,
        orders: Some(orders),
        tracer: traces.as_ref().map(Traces::tracer),
        ending,
    };
    let mut host = match Host::start(options).await {
        Ok(host) => host,
        Err(StartError::Failed(error)) => return Err(error),
        Err(StartError::Refused(report)) => {
            refused(&report);
            return Ok(cli::Ending::Refused);
        }
    };
    let mut live = host.control().current().cloned();
    if let Some(generation) = &live {
        announce("host is ready", preset, generation, None);
    }
    loop {
        match host.next(stop.asked()).await {
            Happened::Swapped(generation) => {
                announce("generation is live", preset, &generation, live.as_deref());
                live = Some(generation);
            }
            Happened::Refused(report) => {
                refused(&report);
                tracing::warn!("the changed documents were refused: what ran before goes on");
            }
            Happened::Served => {}
            Happened::Ended => {
                tracing::info!("every source has ended");
                break;
            }
            Happened::Until => break,
        }
    }
    let drained = host.drain().await;
    if let Some(traces) = traces {
        traces.close().await;
    }
    match drained {
        Drained::Settled => {
            tracing::info!("host has ended: all that was taken is settled");
            Ok(cli::Ending::Fine)
        }
        Drained::CutShort => {
            let grace = human::duration(args.grace);
            tracing::warn!(%grace, "host has ended before all was settled: the rest will be delivered again");
            Ok(cli::Ending::Refused)
        }
    }
}

/// Says what is live now, and which policies that changed.
fn announce(what: &str, preset: Preset, generation: &Generation, before: Option<&Generation>) {
    let (routes, policies) = (generation.routes.len(), generation.policies.len());
    let preset = preset.name();
    tracing::info!(generation = %generation.id, number = generation.number, routes, policies, preset, "{what}");
    for now in generation.policies.iter().filter(|now| before.is_none_or(|before| !before.policies.contains(now))) {
        let (policy, module, version, digest) = (&now.policy, &now.module, &now.version, human::digest(&now.digest));
        match now.rollout.as_ref().map(|rollout| (rollout.percent, human::digest(&rollout.baseline))) {
            None if now.shadow => tracing::info!(%policy, %module, %version, %digest, "policy looks on, in shadow"),
            None => tracing::info!(%policy, %module, %version, %digest, "policy is applied"),
            Some((percent, baseline)) if percent == 0 || now.shadow => {
                let candidate = digest;
                tracing::info!(%policy, digest = %baseline, %candidate, "policy's baseline is applied, to all events");
            }
            Some((percent, baseline)) => {
                tracing::info!(%policy, %module, %version, %digest, percent, %baseline, "policy is applied, to a share of the keys");
            }
        }
    }
}

/// Reports are read by people in any log format: one mistake, one log event.
fn refused(report: &Report) {
    for diagnostic in &report.diagnostics {
        tracing::error!("{diagnostic}");
    }
}

pub(crate) fn default_state_dir() -> PathBuf {
    match std::env::var_os("XDG_STATE_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home).join("tidegate"),
        None => PathBuf::from(".tidegate"),
    }
}
