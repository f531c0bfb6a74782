//! `tidegate bench`: what a module costs an event.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;
use tidegate_build::BuildOptions;
use tidegate_engine::Capability;

use crate::{
    bench::{self, Figures, Subject},
    cli::Ending,
    commands::{
        Output,
        build::build,
        module_file::{parse_capability, parse_config},
    },
    event_text, human, measure,
    problem::{OrProblem as _, problem},
    runtime,
    table::{Align, Table},
    testing::{Base, folder::Trouble},
};

/// Options of `bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The events are met again and again, in batches of 1, 16, 256 and 1,024: laid out for the module, decided, and what it answers \
checked, as a lane does it. `memcpy` is a copy of the bytes that cross, measured in the same run: ratios to it hold on other \
machines, times do not. Rounds are interleaved, the median counts. Take a release build of tidegate.")]
pub struct Args {
    /// A component (.wasm), or the folder of a filter, which is built
    #[arg(value_name = "MODULE|FOLDER")]
    subject: PathBuf,
    /// CloudEvents in JSON: one, an array, or one a line [default: events.jsonl in the folder]
    #[arg(short, long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Measure this component as well, in turn with the first
    #[arg(long, value_name = "OTHER.wasm")]
    compare: Option<PathBuf>,
    /// The configuration: JSON, or @FILE [default: that of policy.yaml in the folder, else {}]
    #[arg(short, long, value_name = "JSON", value_parser = parse_config)]
    config: Option<Value>,
    /// Capabilities the module is granted beside those of policy.yaml: log, metrics, state, wasi
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = parse_capability)]
    grant: Vec<Capability>,
    /// What a transform may write: `data`, and attributes by name (`x*`: all that begin with x)
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    may_write: Vec<String>,
    /// Rounds of each measurement
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=1_001))]
    rounds: u32,
    /// How the result is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints the figures of the module, or of both.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    // Before there is a thread. What goes wrong costs steadiness, not the result.
    if let Err(error) = measure::settle() {
        writeln!(io::stderr(), "warning: measured without a core of its own: {error}")?;
    }
    let (path, base) = subject(&args)?;
    let events = match (&args.events, args.subject.is_dir()) {
        (Some(path), _) => path.clone(),
        (None, true) => args.subject.join("events.jsonl"),
        (None, false) => return Err(problem("no events to measure with", "name a file with --events")),
    };
    let events = event_text::read(&events)?;
    let mut spec = base.spec;
    if let Some(config) = &args.config {
        spec.config = config.to_string();
    }
    spec.capabilities.extend(args.grant.iter().copied().collect::<BTreeSet<_>>());
    spec.rights.attributes.extend(args.may_write.iter().filter(|name| *name != "data").cloned());
    spec.rights.data |= args.may_write.iter().any(|name| name == "data");
    let read = |path: &Path| fs::read(path).or_problem(format!("{} cannot be read", path.display()), "");
    let mut subjects = vec![Subject { name: path.display().to_string(), wasm: read(&path)? }];
    if let Some(other) = &args.compare {
        subjects.push(Subject { name: other.display().to_string(), wasm: read(other)? });
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_problem("the runtime cannot be started", "look at the limits on processes and memory (`ulimit -a`)")?;
    runtime::raise_open_files();
    let rounds = usize::try_from(args.rounds).unwrap_or(usize::MAX);
    let figures = bench::run(&runtime, &subjects, &spec, &events, rounds)?;
    match args.output {
        Output::Table => table(&figures, events.len(), out)?,
        Output::Json => writeln!(out, "{:#}", figures.as_json(events.len()))?,
    }
    Ok(Ending::Fine)
}

/// The component, and what it is given.
fn subject(args: &Args) -> anyhow::Result<(PathBuf, Base)> {
    let folder = if args.subject.is_dir() { args.subject.clone() } else { PathBuf::from("/nonexistent") };
    let base = match Base::of(&folder) {
        Ok(base) => base,
        Err(Trouble::Failed(error)) => return Err(error),
        Err(Trouble::Refused(report)) => {
            let mistakes = human::counted(report.diagnostics.len(), "mistake");
            return Err(problem(
                format!("{mistakes} in the policy of the folder\n{report}"),
                "`tidegate validate` explains them",
            ));
        }
    };
    let path = match args.subject.is_dir() {
        true => build(&args.subject, &BuildOptions::default())?.path,
        false => args.subject.clone(),
    };
    Ok((path, base))
}

fn table(figures: &Figures, events: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    for (at, module) in figures.modules.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let about = &module.about;
        writeln!(out, "module     {} {}, {}", human::plain(&about.name), human::plain(&about.version), module.file)?;
        writeln!(out, "size       {}, {}", human::size(about.size), human::digest(&about.digest))?;
        writeln!(out, "compile    {}  (in a child process, once)", human::duration(about.compile))?;
        writeln!(out, "load       {}  (from the cache)", micros(about.load))?;
        writeln!(out, "start      {}  (an instance, configured, with its first event)", micros(about.start))?;
        writeln!(out, "memory     {}  (linear, of an instance after the largest batch)", human::size(about.memory))?;
        let verdicts: Vec<String> =
            module.verdicts.iter().map(|(word, count)| format!("{} {word}", human::count(*count))).collect();
        writeln!(out, "verdicts   {} of {}", verdicts.join(", "), human::counted(events, "event"))?;
    }
    writeln!(out)?;
    let mut columns = vec![("events a call", Align::Right), ("memcpy ns", Align::Right)];
    for (at, _) in figures.modules.iter().enumerate() {
        let [ns, cpu, ratio] = if at == 0 {
            ["ns/event", "CPU ns/event", "× memcpy"]
        } else {
            ["other ns/event", "other CPU ns/event", "other × memcpy"]
        };
        columns.extend([(ns, Align::Right), (cpu, Align::Right), (ratio, Align::Right)]);
    }
    if figures.modules.len() > 1 {
        columns.push(("other ÷ first", Align::Right));
    }
    let mut table = Table::new(columns);
    for row in &figures.rows {
        let mut cells = vec![human::count(row.batch as u64), format!("{:.1}", row.memcpy_ns)];
        for cost in &row.costs {
            cells.extend([
                format!("{:.0}", cost.wall_ns),
                format!("{:.0}", cost.cpu_ns),
                format!("{:.1}", cost.by_memcpy),
            ]);
        }
        cells.extend(row.by_first.map(|ratio| format!("{ratio:.2}")));
        table.row(cells);
    }
    table.write(0, out)?;
    Ok(())
}

fn micros(duration: std::time::Duration) -> String {
    match duration.as_micros() {
        micros @ 0..10_000 => format!("{micros} µs"),
        _ => human::duration(duration),
    }
}
