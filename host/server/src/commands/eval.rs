//! `tidegate eval`: events through one module, without a host around it.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _, Write},
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};
use similar::{ChangeTag, TextDiff};
use tidegate_engine::{Capability, Decision, Fault, Guest, Kind, Worker};
use tidegate_event::{
    Event,
    flat::{FlatBatch, Rights},
    json::{self, Validate},
};

use crate::{
    cli::Ending,
    commands::{
        Output,
        module_file::{interface, load, parse_capability, parse_config, spec, verify_hint},
    },
    host::{self, Room},
    human,
    problem::{OrProblem as _, because, problem},
    runtime::{self, runtime},
};

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm)
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
    /// How the result is written; json is one object a line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// Prints verdict, reason, and what changed. Refused where the module failed on an event.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let runtime = runtime(runtime::THREADS)?;
    let events = read(&args)?;
    runtime.block_on(evaluate(&args, events, out))
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
    for event in events {
        let answers = answers(&guest, &mut worker, &event).await;
        if answers.iter().any(|answer| matches!(answer.decision, Decision::Fault(_) | Decision::Undecided)) {
            ending = Ending::Refused;
        }
        for answer in &answers {
            match args.output {
                Output::Table => answer.write(&event, out)?,
                Output::Json => writeln!(out, "{}", answer.as_json(&event))?,
            }
        }
    }
    Ok(ending)
}

/// What one interface said about one event.
struct Answer {
    kind: Kind,
    /// What it saw: the event, or what an earlier interface of the module made of it.
    seen: Event,
    decision: Decision,
    outputs: Vec<Event>,
    names: Vec<String>,
}

/// Through every interface the module has, in the order of the data path.
async fn answers(guest: &Guest, worker: &mut Worker, event: &Event) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut seen = vec![event.clone()];
    for &kind in guest.module().kinds() {
        let mut next = Vec::new();
        for event in seen {
            let answer = ask(guest, worker, kind, event).await;
            match (&answer.decision, kind) {
                (Decision::Keep, Kind::Transform) => next.extend(answer.outputs.iter().cloned()),
                (Decision::Keep, Kind::Filter | Kind::Matcher) => next.push(answer.seen.clone()),
                (
                    Decision::Drop(_)
                    | Decision::Reject(_)
                    | Decision::Retry(_)
                    | Decision::Fault(_)
                    | Decision::Undecided,
                    _,
                ) => {}
            }
            answers.push(answer);
        }
        seen = next;
    }
    answers
}

async fn ask(guest: &Guest, worker: &mut Worker, kind: Kind, event: Event) -> Answer {
    let mut batch = FlatBatch::default();
    let events = [event];
    batch.assemble(&events, &[0], guest.needs(), now_ms());
    let (decisions, outputs, names) = match kind {
        Kind::Filter => (worker.evaluate(&batch).await, Vec::new(), Vec::new()),
        Kind::Transform => {
            let applied = worker.apply(&batch, &events, &[0]).await;
            let unchanged = || events[0].clone();
            let outputs = applied.outputs.into_iter().map(|(_, made)| made.unwrap_or_else(unchanged)).collect();
            (applied.decisions, outputs, Vec::new())
        }
        Kind::Matcher => {
            let assigned = worker.assign(&batch).await;
            let name = |(_, at): &(u32, u32)| assigned.names.get(*at as usize).map(|name| name.to_string());
            let names = assigned.pairs.iter().filter_map(name).collect();
            (assigned.decisions, Vec::new(), names)
        }
    };
    let [seen] = events;
    let decision = decisions.into_iter().next().unwrap_or(Decision::Undecided);
    Answer { kind, seen, decision, outputs, names }
}

impl Answer {
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
            Kind::Transform => answer["outputs"] = self.outputs.iter().map(as_value).collect(),
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

/// Lines of the pretty JSON that differ, with two around them.
fn diff(before: &Event, after: &Event, out: &mut dyn Write) -> io::Result<()> {
    const CONTEXT: usize = 2;
    let (before, after) = (format!("{:#}\n", as_value(before)), format!("{:#}\n", as_value(after)));
    if before == after {
        return writeln!(out, "  (unchanged)");
    }
    let diff = TextDiff::from_lines(&before, &after);
    for (at, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if at > 0 {
            writeln!(out, "    …")?;
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            write!(out, "  {sign} {change}")?;
        }
    }
    Ok(())
}

fn as_value(event: &Event) -> Value {
    let mut text = Vec::new();
    json::encode(event, &mut text);
    serde_json::from_slice(&text).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()))
}

fn read(args: &Args) -> anyhow::Result<Vec<Event>> {
    let shown = args.event.display();
    let mut text = Vec::new();
    let read = if args.event.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut text).map(|_| ())
    } else {
        fs::read(&args.event).map(|bytes| text = bytes)
    };
    read.or_problem(format!("{shown} cannot be read"), "name a file with CloudEvents in JSON, or `-` for stdin")?;
    let events =
        split(&text).or_problem(format!("{shown} is not JSON"), "one CloudEvent, an array of them, or one a line")?;
    if events.is_empty() {
        return Err(problem(format!("{shown} holds no event"), "one CloudEvent, an array of them, or one a line"));
    }
    let decode = |(at, text): (usize, &RawValue)| {
        let bytes = Bytes::copy_from_slice(text.get().as_bytes());
        json::decode(&bytes, Validate::Full).or_problem(
            format!("event {} of {shown} is no CloudEvent", at + 1),
            "it needs at least specversion \"1.0\", id, source and type",
        )
    };
    events.into_iter().enumerate().map(decode).collect()
}

/// Values one after another, arrays taken apart.
fn split(text: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let value = value?;
        if value.get().starts_with('[') {
            events.extend(serde_json::from_str::<Vec<&RawValue>>(value.get())?);
        } else {
            events.push(value);
        }
    }
    Ok(events)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
