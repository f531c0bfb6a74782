//! `tidegate eval`: events through one module, or through a policy that needs none, without a host around it.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tidegate_engine::{Capability, Decision, Fault, Guest, Kind, Worker};
use tidegate_event::{Event, flat::Rights};
use tidegate_matching::Matcher;
use tidegate_policy::{cases::Verdict, spec::Body};

use crate::{
    cli::Ending,
    commands::{
        Output,
        module_file::{interface, load, parse_capability, parse_config, spec, verify_hint},
    },
    event_text,
    host::{self, Room},
    human,
    problem::{because, problem},
    runtime::{self, runtime},
    testing::{
        folder::{Trouble, policy_of},
        save::{self, Told},
    },
    trial::{self, Answer, Fate},
};

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm); or a document (.yaml, .yml, .json) whose first policy decides by `cesql` or `pattern`
    #[arg(value_name = "MODULE")]
    file: PathBuf,
    /// A file of CloudEvents in JSON: one, an array, or one a line; `-` reads stdin
    #[arg(short, long, value_name = "EVENTS")]
    event: PathBuf,
    /// The module's configuration: JSON, or @FILE
    #[arg(short, long, value_name = "JSON", default_value = "{}", value_parser = parse_config)]
    config: Value,
    /// Capabilities the module is granted: log, metrics, state, wasi
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = parse_capability)]
    grant: Vec<Capability>,
    /// What a transform may write: `data`, and attributes by name (`x*`: all that begin with x)
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    may_write: Vec<String>,
    /// Events a transform may make of one
    #[arg(long, value_name = "N", default_value_t = 1)]
    may_emit: u32,
    /// Add the events and what became of them to this file of cases, for `tidegate test`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// How the result is written; json is one object a line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints verdict, reason, and what changed. Refused where the module failed on an event.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let events = event_text::read(&args.event)?;
    if is_document(&args.file) {
        return condition(&args, &events, out);
    }
    runtime.block_on(evaluate(&args, events, out))
}

fn is_document(file: &Path) -> bool {
    file.extension().and_then(|end| end.to_str()).is_some_and(|end| ["yaml", "yml", "json"].contains(&end))
}

/// Events through a policy that decides by a condition, its `match` included.
fn condition(args: &Args, events: &[Event], out: &mut dyn Write) -> anyhow::Result<Ending> {
    let shown = args.file.display();
    let policy = match policy_of(&args.file) {
        Ok(policy) => policy,
        Err(Trouble::Failed(error)) => return Err(error),
        Err(Trouble::Refused(report)) => {
            writeln!(io::stderr(), "{report}\n\n{}", human::counted(report.diagnostics.len(), "mistake"))?;
            return Ok(Ending::Refused);
        }
    };
    let Body::Condition(rule) = &policy.body else {
        let hint = "name the module itself instead, and give its configuration with `--config`";
        return Err(problem(format!("the first policy of {shown} decides by a module"), hint));
    };
    if args.is_about_modules() {
        let hint = "leave out --config, --grant, --may-write, --may-emit and --save";
        return Err(problem(format!("the policy of {shown} has no module that anything could be given to"), hint));
    }
    let (verdict, matcher) = (tidegate_control::verdict(rule), Matcher::policy(&policy.matches));
    let mut ending = Ending::Fine;
    for event in events {
        let Fate { verdict: word, reason, .. } = trial::decided(&verdict, &matcher, event);
        if word == Verdict::Fail {
            ending = Ending::Refused;
        }
        match args.output {
            Output::Table if reason.is_empty() => {
                writeln!(out, "{}  {}: {}", event.id(), verdict.dialect(), word.word())?;
            }
            Output::Table => {
                let reason = human::plain(&reason);
                writeln!(out, "{}  {}: {}, {reason}", event.id(), verdict.dialect(), word.word())?;
            }
            Output::Json => {
                let mut answer = json!({"id": event.id(), "interface": verdict.dialect(), "verdict": word.word()});
                if !reason.is_empty() {
                    answer["reason"] = json!(reason);
                }
                writeln!(out, "{answer}")?;
            }
        }
    }
    Ok(ending)
}

async fn evaluate(args: &Args, events: Vec<Event>, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let engine = host::engine(None, Room::default())?;
    let module = load(&engine, &args.file).await?;
    let rights = Rights {
        attributes: args.may_write.iter().filter(|name| *name != "data").cloned().collect(),
        data: args.may_write.iter().any(|name| name == "data"),
        emit: args.may_emit,
        event_bytes: 0,
    };
    let grants: BTreeSet<Capability> = args.grant.iter().copied().collect();
    let guest = Guest::verify(&engine, &module, spec(&args.config, grants, rights)).await.map_err(|error| {
        let hint = verify_hint(&error);
        because(error, format!("{} cannot be used like this", args.file.display()), hint)
    })?;
    let mut worker = Worker::new(&guest);
    let mut ending = Ending::Fine;
    for event in &events {
        let answers = trial::answers(&guest, &mut worker, std::slice::from_ref(event), now_ms()).await;
        let answers: Vec<Answer> = answers.into_iter().flatten().collect();
        if answers.iter().any(|answer| matches!(answer.decision, Decision::Fault(_) | Decision::Undecided)) {
            ending = Ending::Refused;
        }
        for answer in &answers {
            match args.output {
                Output::Table => answer.write(event, out)?,
                Output::Json => writeln!(out, "{}", answer.as_json(event))?,
            }
        }
    }
    if let Some(path) = &args.save {
        let fates = trial::fates(&guest, &mut worker, &Matcher::all(), &events, now_ms()).await;
        let cases = save::save(path, &events, &fates, &args.told())?;
        writeln!(io::stderr(), "{} added to {}", human::counted(cases, "case"), path.display())?;
    }
    Ok(ending)
}

impl Args {
    /// Whether something is said that only a module could be given.
    fn is_about_modules(&self) -> bool {
        let given = self.config != json!({}) || self.may_emit != 1 || self.save.is_some();
        given || !self.grant.is_empty() || !self.may_write.is_empty()
    }

    /// What a case has to say, so that it goes the same way.
    fn told(&self) -> Told {
        let capabilities = self.grant.iter().map(|capability| capability.as_str()).collect();
        Told::new(&self.config, capabilities, self.may_write.clone(), self.may_emit)
    }
}

/// How an answer is shown.
trait Show {
    fn write(&self, event: &Event, out: &mut dyn Write) -> io::Result<()>;
    fn as_json(&self, event: &Event) -> Value;
}

impl Show for Answer {
    fn write(&self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let (verdict, reason) = words(&self.decision);
        write!(out, "{}  {}: {verdict}", event.id(), interface(self.kind))?;
        match (&self.decision, self.kind) {
            (Decision::Keep, Kind::Matcher) if self.names.is_empty() => writeln!(out, ", without a name")?,
            (Decision::Keep, Kind::Matcher) => writeln!(out, ", {}", self.names.join(", "))?,
            _ if reason.is_empty() => writeln!(out)?,
            _ => writeln!(out, ", {}", human::plain(&reason))?,
        }
        let many = self.outputs.len() > 1;
        for (at, output) in self.outputs.iter().enumerate() {
            if many {
                writeln!(out, "  output {} of {}", at + 1, self.outputs.len())?;
            }
            diff(&self.seen, output, out)?;
        }
        if let Decision::Fault(fault) = &self.decision {
            fault_hint(fault, out)?;
        }
        Ok(())
    }

    fn as_json(&self, event: &Event) -> Value {
        let (verdict, reason) = words(&self.decision);
        let mut answer = json!({"id": event.id(), "interface": interface(self.kind), "verdict": verdict});
        if !reason.is_empty() {
            answer["reason"] = json!(reason);
        }
        match self.kind {
            Kind::Filter => {}
            Kind::Transform => answer["outputs"] = self.outputs.iter().map(event_text::value).collect(),
            Kind::Matcher => answer["names"] = json!(self.names),
        }
        answer
    }
}

fn words(decision: &Decision) -> (&'static str, String) {
    let or_none = |reason: &Option<std::sync::Arc<str>>| reason.as_deref().unwrap_or_default().to_owned();
    match decision {
        Decision::Keep => ("keep", String::new()),
        Decision::Drop(reason) => ("drop", or_none(reason)),
        Decision::Reject(reason) => ("reject", or_none(reason)),
        Decision::Retry(reason) => ("retry", or_none(reason)),
        Decision::Fault(fault) => ("the module failed", fault.to_string()),
        Decision::Undecided => ("undecided", "the module failed too often".to_owned()),
    }
}

fn fault_hint(fault: &Fault, out: &mut dyn Write) -> io::Result<()> {
    if fault.message.contains("may not be written") {
        writeln!(out, "  hint: allow it here with `--may-write`, and in the policy under `mayWrite`")?;
    }
    Ok(())
}

/// Lines of the pretty JSON that differ.
fn diff(before: &Event, after: &Event, out: &mut dyn Write) -> io::Result<()> {
    let (before, after) =
        (event_text::pretty(&event_text::value(before)), event_text::pretty(&event_text::value(after)));
    if before == after {
        return writeln!(out, "  (unchanged)");
    }
    event_text::diff(&before, &after, 2, out)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
