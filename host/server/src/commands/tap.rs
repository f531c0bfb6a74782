//! `tidegate tap`: live events of a running host, as they came, as a policy met them, or as they are sent; kept as test cases.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tidegate_control::Connectors;
use tidegate_event::Event;
use tidegate_policy::{
    File, Options,
    cases::Verdict,
    spec::{Body, FilterPolicy},
};

use crate::{
    cli::Ending,
    client::{HostArgs, More, escaped},
    commands::Output,
    connectors, event_text, human,
    listing::{items, text},
    problem::{OrProblem as _, problem},
    testing::save::{self, Told},
    trial::Fate,
};

/// Options of `tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looking changes nothing, and needs a token with the role `tap`. Extensions and payloads are hidden; with --no-redact they are shown, and \
that you saw them stands in the history. The time is the host's, when it decided. Who decided is named with the digest of its module. Where events come faster than they can be shown some are missed, and how many is told.

With --policy --no-redact --save DIR each event becomes a case for `tidegate test`, with what the policy decided and made of it, in \
DIR/POLICY.yaml: DIR is the folder `tests` of a filter.")]
pub struct Args {
    /// A route, NAMESPACE/NAME; of the namespace `default` the name will do
    #[arg(value_name = "ROUTE")]
    route: String,
    /// Events as this policy meets them, and what it decides
    #[arg(long, value_name = "POLICY", conflicts_with = "sent")]
    policy: Option<String>,
    /// Events as they go to sinks, instead of as they came
    #[arg(long)]
    sent: bool,
    /// Only events that fit a condition as in `match`: '{prefix: {type: com.acme.}}'
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// So many events
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
    /// At most for so long, up to 4m
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = human::parse_duration)]
    time: Duration,
    /// Show extensions and payloads
    #[arg(long)]
    no_redact: bool,
    /// Add what is seen to cases for `tidegate test` in this folder
    #[arg(long, value_name = "DIR", requires = "policy", requires = "no_redact")]
    save: Option<PathBuf>,
    /// How it is written; json is one object a line, as the host tells it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks, and shows what comes until it ends.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let path = args.path()?;
    let mut seen = Seen { args: &args, told: Told::default(), kind: None, saved: 0, out };
    super::asked(args.host.lines(&path, |line| seen.line(line)))?;
    if let Some(file) = args.file() {
        writeln!(io::stderr(), "{} added to {}", human::counted(seen.saved, "case"), file.display())?;
    }
    Ok(Ending::Fine)
}

impl Args {
    fn path(&self) -> anyhow::Result<String> {
        let whole = |name: &str| if name.contains('/') { name.to_owned() } else { format!("default/{name}") };
        let seconds = self.time.as_secs();
        if !(1..=240).contains(&seconds) {
            return Err(problem("--for is from 1s to 4m", "start it again to look on"));
        }
        let (route, limit) = (escaped(&whole(&self.route)), self.limit);
        let mut path = format!("/v1/tap?route={route}&limit={limit}&seconds={seconds}");
        if let Some(policy) = &self.policy {
            path += &format!("&policy={}", escaped(&whole(policy)));
        }
        if self.sent {
            path += "&at=sent";
        }
        if let Some(condition) = &self.condition {
            path += &format!("&where={}", escaped(condition));
        }
        if self.no_redact {
            path += "&redact=false";
        }
        Ok(path)
    }

    /// Where cases go.
    fn file(&self) -> Option<PathBuf> {
        let policy = self.policy.as_deref()?;
        let name = policy.rsplit('/').next().unwrap_or(policy);
        Some(self.save.as_ref()?.join(format!("{name}.yaml")))
    }
}

/// What has come so far.
struct Seen<'a> {
    args: &'a Args,
    told: Told,
    /// The interface that the policy was asked by.
    kind: Option<String>,
    saved: usize,
    out: &'a mut dyn Write,
}

impl Seen<'_> {
    fn line(&mut self, line: &[u8]) -> anyhow::Result<More> {
        let value: Value = serde_json::from_slice(line)
            .or_problem("the host said what is no JSON", "is it a host of this version?")?;
        if self.args.output == Output::Json {
            self.out.write_all(line)?;
            self.out.write_all(b"\n")?;
        }
        if let Some(document) = value["tap"]["document"].as_str() {
            self.told = told(document)?;
        }
        if let Some(missed) = value["missed"].as_u64().filter(|missed| *missed > 0 && value["end"].is_null()) {
            writeln!(io::stderr(), "{} missed: they come too fast", human::counted(missed as usize, "event"))?;
        }
        if !value["end"].is_null() {
            return Ok(More::Enough);
        }
        if value["event"].is_object() {
            if self.args.output == Output::Table {
                self.show(&value)?;
            }
            if let Some(file) = self.args.file() {
                self.save(&file, &value)?;
            }
        }
        // What is live is seen at once, also by what is behind a pipe.
        self.out.flush()?;
        Ok(More::Wanted)
    }

    fn show(&mut self, value: &Value) -> io::Result<()> {
        let event = &value["event"];
        write!(self.out, "{}  {}  {}  ", clock(&text(value, "at")), text(event, "id"), text(event, "type"))?;
        let sinks: Vec<&str> = items(value, "sinks").iter().filter_map(Value::as_str).collect();
        let said = [text(value, "fate").replace('_', "-"), text(value, "verdict")].concat();
        match said.as_str() {
            "" => write!(self.out, "to {}", text(value, "sink"))?,
            "sent" => write!(self.out, "sent to {}", sinks.join(", "))?,
            said => write!(self.out, "{said}")?,
        }
        let (by, digest) = (text(value, "by"), text(value, "digest"));
        if !by.is_empty() {
            write!(self.out, " by {by} {}", human::digest(&digest))?;
        }
        let reason = text(value, "reason");
        if !reason.is_empty() {
            write!(self.out, ": {reason}")?;
        }
        writeln!(self.out)?;
        if self.args.no_redact {
            writeln!(self.out, "  {}", human::plain(&event.to_string()))?;
        }
        Ok(())
    }

    fn save(&mut self, file: &Path, value: &Value) -> anyhow::Result<()> {
        let kind = text(value, "kind");
        if matches!(kind.as_str(), "cesql" | "pattern") {
            let hint = "cases are for modules; look at its events with `tidegate tap --no-redact`";
            return Err(problem("the policy has no module that a case could be about", hint));
        }
        if self.kind.get_or_insert_with(|| kind.clone()) != &kind {
            let hint = "save its events with `tidegate tap --no-redact -o json`, and use `tidegate eval --save`";
            return Err(problem("the module has several interfaces: one of them alone makes no case", hint));
        }
        // What was never put to the module says nothing about it.
        let Some(fate) = fate(value)? else { return Ok(()) };
        if let Some(folder) = file.parent() {
            let failed = || format!("the folder {} cannot be made", folder.display());
            fs::create_dir_all(folder).or_problem(failed(), "name another with --save")?;
        }
        self.saved += save::save(file, &[event(&value["event"])?], &[fate], &self.told)?;
        Ok(())
    }
}

/// `11:27:24.500`, of a time as the host tells it: whole seconds have no fraction there.
fn clock(at: &str) -> String {
    let time = at.get(11..).unwrap_or_default().trim_end_matches('Z');
    let (seconds, part) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{part:0<3}")
}

fn event(value: &Value) -> anyhow::Result<Event> {
    event_text::decode(&value.to_string())
        .or_problem("the host showed what is no event", "is it a host of this version?")
}

/// What the policy made of it; `None` where it was not asked.
fn fate(value: &Value) -> anyhow::Result<Option<Fate>> {
    let verdict = match text(value, "verdict").as_str() {
        "keep" => Verdict::Keep,
        "drop" => Verdict::Drop,
        "reject" => Verdict::Reject,
        "retry" => Verdict::Retry,
        "fail" => Verdict::Fail,
        _ => return Ok(None),
    };
    let out = items(value, "out").iter().map(event).collect::<anyhow::Result<Vec<Event>>>()?;
    let mut names: Vec<String> =
        items(value, "names").iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    names.sort_unstable();
    names.dedup();
    let reason = value["reason"].as_str().unwrap_or_default().to_owned();
    Ok(Some(Fate { verdict, reason, out, names }))
}

/// What the policy gives its module, for a case to say.
fn told(document: &str) -> anyhow::Result<Told> {
    let registry = connectors::registry();
    let options = Options { development: true, connectors: &Connectors(&registry) };
    let file = File { path: "policy".into(), text: document.to_owned() };
    let policies = tidegate_policy::policies(&[file], &options);
    let policies = policies.or_problem("the policy cannot be understood", "is it a host of this version?")?;
    let Some(FilterPolicy { body: Body::Wasm(wasm), .. }) = policies.into_iter().next() else {
        return Ok(Told::default());
    };
    let mut may_write = wasm.may_write.attributes;
    if wasm.may_write.data {
        may_write.push("data".to_owned());
    }
    let capabilities = wasm.capabilities.iter().map(|capability| capability.word()).collect();
    Ok(Told::new(&wasm.config, capabilities, may_write, wasm.may_emit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_one_width() {
        for (at, shown) in [
            ("2026-11-22T11:27:24Z", "11:27:24.000"),
            ("2026-11-22T11:27:24.5Z", "11:27:24.500"),
            ("2026-11-22T11:27:24.067Z", "11:27:24.067"),
        ] {
            assert_eq!(clock(at), shown);
        }
    }
}
