//! `tidegate dev`: write a filter, and see what each save changes.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tidegate_control::Status;
use tidegate_engine::Engine;

use crate::{
    cli,
    dev::{
        round::{self, Candidate},
        watch::Sources,
    },
    host::{self, Ending, Happened, Host, HostOptions, Room, StartError},
    human,
    problem::{OrProblem as _, problem},
    runtime::{self, runtime},
    signals::Stop,
    testing::{
        Base,
        folder::{POLICY, Trouble},
    },
};

/// Options of `dev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
On each save: build, run the cases, put the module where the host looks, and print what it decides differently about the sample \
events (events.jsonl). What does not build, or fails a case, changes nothing that runs. The host runs flow.yaml and policy.yaml of \
the folder, or, with --host, is one of yours that watches that folder of documents with `tidegate run --dev`. Ctrl-C ends it.")]
pub struct Args {
    /// The folder of a filter
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// The flow that the policy applies to: sources, sinks, routes [default: flow.yaml in the folder, else beside it]
    #[arg(long, value_name = "FILE", conflicts_with = "host")]
    flow: Option<PathBuf>,
    /// Start no host: put the module into this folder of documents, where the policy names it
    #[arg(long, value_name = "DOCUMENTS")]
    host: Option<PathBuf>,
}

/// How long what is in flight may take when it ends.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until a signal.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<cli::Ending> {
    if !args.folder.is_dir() {
        let shown = args.folder.display();
        return Err(problem(format!("{shown} is no folder"), "name the folder of a filter"));
    }
    runtime(runtime::THREADS)?.block_on(look_after(&args, out))
}

async fn look_after(args: &Args, out: &mut dyn Write) -> anyhow::Result<cli::Ending> {
    let mut stop = Stop::listen()?;
    let folder = args.folder.as_path();
    let engine = host::engine(None, Room::default())?;
    let cannot = || format!("{} cannot be read", folder.display());
    let mut sources = Sources::watch(folder).or_problem(cannot(), "")?;
    writeln!(out, "watching {}", folder.display())?;
    let (mut live, mut running): (Option<Candidate>, Option<Host>) = (None, None);
    let mut changed = true;
    loop {
        if changed {
            let made = tokio::select! {
                made = round(args, &engine, &mut live, &mut running, out) => made,
                // What cargo does by then ends with its process group, or by itself.
                () = stop.asked() => break,
            };
            made?;
            out.flush()?;
        }
        changed = tokio::select! {
            files = sources.changed() => {
                writeln!(out, "\nsaved {}", names(folder, &files))?;
                true
            }
            happened = next(&mut running) => {
                tell(&happened, out)?;
                false
            }
            () = stop.asked() => break,
        };
        out.flush()?;
    }
    if let Some(mut host) = running {
        host.drain().await;
    }
    writeln!(out, "\nended")?;
    Ok(cli::Ending::Fine)
}

/// One save, from source to what runs.
async fn round(
    args: &Args,
    engine: &Engine,
    live: &mut Option<Candidate>,
    running: &mut Option<Host>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let Some(candidate) = round::candidate(&args.folder, engine, out).await? else {
        let what = if live.is_some() { "what ran before goes on" } else { "nothing runs yet" };
        writeln!(out, "not swapped: {what}")?;
        return Ok(());
    };
    let base = match Base::of(&args.folder) {
        Ok(base) => base,
        Err(Trouble::Failed(error)) => return Err(error),
        Err(Trouble::Refused(report)) => {
            writeln!(out, "{report}\nnot swapped")?;
            return Ok(());
        }
    };
    let places = match &args.host {
        Some(documents) => round::places(documents, &base)?,
        None => base.module.clone().into_iter().collect(),
    };
    let mut placed = false;
    for place in &places {
        placed |= candidate.place(place)?;
    }
    writeln!(out, "built {} in {}", candidate.shown(), human::duration(begun.elapsed()))?;
    candidate.differences(live.as_ref(), out)?;
    *live = Some(candidate);
    if let Some(documents) = &args.host {
        let shown = documents.display();
        writeln!(out, "{} to {shown}", if placed { "put" } else { "the same module was put" })?;
    } else if running.is_none() {
        *running = start(args, out).await?;
    }
    Ok(())
}

/// A host over flow and policy, where there are both.
async fn start(args: &Args, out: &mut dyn Write) -> anyhow::Result<Option<Host>> {
    let (folder, policy) = (args.folder.as_path(), args.folder.join(POLICY));
    let beside = folder.canonicalize().ok().and_then(|folder| Some(folder.parent()?.join("flow.yaml")));
    let flow = args.flow.clone().or_else(|| {
        let candidates = [Some(folder.join("flow.yaml")), beside];
        candidates.into_iter().flatten().find(|path| path.is_file())
    });
    let Some(flow) = flow.filter(|_| policy.is_file()) else {
        writeln!(out, "no host: it needs policy.yaml, and flow.yaml with a source, a sink and a route")?;
        return Ok(None);
    };
    let state_dir = folder.join("target/tidegate/dev/state");
    let options = HostOptions {
        paths: vec![flow.clone(), policy],
        development: true,
        state_dir,
        grace: GRACE,
        room: Room::default(),
        status: Status::default(),
        orders: None,
        tracer: None,
        ending: Ending::Ignored,
    };
    match Host::start(options).await {
        Ok(host) => {
            let id = host.control().current().map(|generation| generation.id.to_string()).unwrap_or_default();
            writeln!(out, "host runs {} as generation {id}", shorter(&flow))?;
            Ok(Some(host))
        }
        Err(StartError::Failed(error)) => Err(error),
        Err(StartError::Refused(report)) => {
            writeln!(out, "{report}\nno host: the documents have mistakes; save to try again")?;
            Ok(None)
        }
    }
}

/// What happens to the host, if there is one.
async fn next(running: &mut Option<Host>) -> Happened {
    match running {
        Some(host) => host.next(std::future::pending()).await,
        None => std::future::pending().await,
    }
}

fn tell(happened: &Happened, out: &mut dyn Write) -> anyhow::Result<()> {
    match happened {
        Happened::Swapped(generation) => writeln!(out, "swapped in: generation {} is live", generation.id)?,
        Happened::Refused(report) => writeln!(out, "{report}\nrefused: what ran before goes on")?,
        Happened::Served | Happened::Ended | Happened::Until => {}
    }
    Ok(())
}

fn names(folder: &Path, files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let names: Vec<String> = files.iter().take(5).map(name).collect();
    let more = if files.len() > 5 { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn shorter(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}
