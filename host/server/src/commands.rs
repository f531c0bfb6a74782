//! One file per command: its options, what it does, and the words it uses.

pub mod apply;
pub mod bench;
pub mod build;
pub mod demo;
pub mod dev;
pub mod diff;
pub mod dlq;
pub mod eval;
pub mod explain;
pub mod fmt;
pub mod history;
pub mod inspect;
pub mod new;
pub mod pause;
pub mod plan;
pub mod promote;
pub mod rollback;
pub mod run;
pub mod schema;
pub mod status;
pub mod tap;
pub mod test;
pub mod validate;

pub(crate) mod module_file;

use std::{
    future::Future,
    io::{self, Write},
};

use serde_json::Value;

use crate::{
    client::HostArgs,
    human,
    listing::{self, Form},
    problem::OrProblem as _,
};

/// Documents that are named after a change.
const CHANGED_MAX: usize = 20;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    // For people. Without doc comments on the variants help stays one line an option.
    Table,
    // For programs.
    Json,
}

/// Talks to a host. What it refused has been said on stderr when this returns.
pub(crate) fn asked<T>(asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.or_problem("no connection can be made", "look at the limits on open files (`ulimit -n`)")?.block_on(asking)
}

/// Namespace and name of an id as people write it: `NAMESPACE/NAME`, or `NAME` in the namespace `default`.
pub(crate) fn namespace_and_name(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or(("default", id))
}

/// What all changes of a host's documents are told.
#[derive(Debug, clap::Args)]
pub(crate) struct ChangeArgs {
    /// Why; stands in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// How to write what changed
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// What a change came to; `how` is `live`, or how else it is.
pub(crate) fn changed(answer: &Value, how: &str, form: Form, out: &mut dyn Write) -> io::Result<()> {
    if !form.written(answer, out)? {
        let (generation, documents) = (listing::text(answer, "generation"), &answer["documents"]);
        documents_changed(documents, CHANGED_MAX, out)?;
        writeln!(out, "generation {generation} is {how}: {}", difference(documents))?;
    }
    Ok(())
}

/// `+ Sink shop/out` for each document that was added, changed (`~`) or removed (`-`), so many at most.
pub(crate) fn documents_changed(documents: &Value, most: usize, out: &mut dyn Write) -> io::Result<()> {
    let signs = [("+", "added"), ("~", "changed"), ("-", "removed")];
    let names = |(sign, key): (&'static str, &str)| {
        let names = listing::items(documents, key).iter().filter_map(Value::as_str);
        names.map(move |name| format!("{sign} {}", human::plain(name)))
    };
    let mut lines = signs.into_iter().flat_map(names);
    for line in lines.by_ref().take(most) {
        writeln!(out, "{line}")?;
    }
    match lines.count() {
        0 => Ok(()),
        more => writeln!(out, "and {more} more"),
    }
}

/// About which events a policy's module decides: a rollout that was taken back stands in no document.
pub(crate) fn decides(policy: &Value) -> String {
    match (policy["shadow"] == true, policy["rollout"]["percent"].as_u64()) {
        (true, _) => "none, in shadow".to_owned(),
        (false, Some(percent)) => format!("{percent} % of the keys"),
        (false, None) => "all events".to_owned(),
    }
}

/// `2 added, 1 changed`, of a difference as the admin API tells it.
pub(crate) fn difference(documents: &Value) -> String {
    let count = |key| listing::items(documents, key).len();
    let parts = ["added", "changed", "removed"].map(|key| (key, count(key)));
    let parts: Vec<String> =
        parts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| format!("{count} {key}")).collect();
    if parts.is_empty() { "no document changed".to_owned() } else { parts.join(", ") }
}
