//! `tidegate diff`: what two generations of a host say differently.

use std::{collections::BTreeMap, io::Write};

use serde_json::Value;
use similar::TextDiff;

use crate::{
    cli::Ending,
    client::{HostArgs, escaped},
    listing::{items, text},
};

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A kept generation, or the beginning of its id; `tidegate history` lists them
    #[arg(value_name = "FROM")]
    from: String,
    /// Another one [default: what is live]
    #[arg(value_name = "TO")]
    to: Option<String>,
    #[command(flatten)]
    host: HostArgs,
}

/// Asks and shows; nothing where they say the same.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Ending> {
    let (before, after) = super::asked(async {
        let to = match args.to {
            Some(to) => to,
            None => text(&args.host.get("/v1/status").await?, "generation"),
        };
        let before = args.host.get(&format!("/v1/generations/{}", escaped(&args.from))).await?;
        Ok((before, args.host.get(&format!("/v1/generations/{}", escaped(&to))).await?))
    })?;
    let (old, new) = (documents(&before), documents(&after));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let (from, to) = (text(&before, "id"), text(&after, "id"));
    for name in names {
        let (old, new) = (old.get(name).map_or("", String::as_str), new.get(name).map_or("", String::as_str));
        if old != new {
            let diff = TextDiff::from_lines(old, new);
            let (from, to) = (format!("{name} {from}"), format!("{name} {to}"));
            write!(out, "{}", diff.unified_diff().header(&from, &to).context_radius(2))?;
        }
    }
    let digests = |generation: &Value| -> BTreeMap<String, String> {
        items(generation, "policies").iter().map(|policy| (text(policy, "policy"), text(policy, "digest"))).collect()
    };
    let (old, new) = (digests(&before), digests(&after));
    for (policy, digest) in &new {
        if let Some(before) = old.get(policy).filter(|before| *before != digest) {
            writeln!(out, "{policy}: runs {digest}, before {before}")?;
        }
    }
    for policy in items(&after, "policies") {
        let id = text(policy, "policy");
        let old = items(&before, "policies").iter().find(|known| text(known, "policy") == id);
        let (now, then) = (super::decides(policy), old.map(super::decides));
        if then.as_ref().is_some_and(|then| *then != now) {
            writeln!(out, "{id}: decides about {now}, before {}", then.unwrap_or_default())?;
        }
    }
    Ok(Ending::Fine)
}

/// Texts by name, without what separates documents.
fn documents(generation: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in items(generation, "files") {
        let of = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
        let file = tidegate_policy::File { path: of("path"), text: of("text") };
        for piece in tidegate_policy::names::pieces(&file) {
            let name =
                piece.name.map_or(file.path.clone(), |(kind, namespace, name)| format!("{kind}/{namespace}/{name}"));
            let text = piece.text.trim_start_matches("---").trim_start_matches('\n').trim_end();
            all.insert(name, format!("{text}\n"));
        }
    }
    all
}
