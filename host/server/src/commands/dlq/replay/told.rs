//! What a replay says: a line for each entry, and the sums.

use std::{collections::BTreeMap, io::Write, sync::Arc};

use serde_json::json;
use tidegate_connector::Fate;
use tidegate_pipeline::RouteTally;

use super::{super::list::shortened, Entry};
use crate::{commands::Output, human};

/// Bytes of a message that is no event, as shown in a table.
const MESSAGE_BYTES: usize = 256;

/// What was said so far.
#[derive(Debug)]
pub(super) struct Told {
    output: Output,
    dry: bool,
    delivered: usize,
    filtered: usize,
    dead_lettered: usize,
    refused: usize,
    skipped: usize,
    before: usize,
    /// Of routes that could not go on.
    pub(super) left: usize,
}

impl Told {
    pub(super) fn new(output: Output, dry: bool) -> Told {
        Told { output, dry, delivered: 0, filtered: 0, dead_lettered: 0, refused: 0, skipped: 0, before: 0, left: 0 }
    }

    /// Whether everything that was meant was delivered, or dropped on purpose.
    pub(super) fn all_well(&self) -> bool {
        self.dead_lettered + self.refused + self.skipped + self.left == 0
    }

    pub(super) fn settled(&mut self, entry: &Entry, fate: Option<&Fate>, out: &mut dyn Write) -> anyhow::Result<()> {
        let (became, by, reason) = match fate {
            None => ("delivered", "", ""),
            Some(Fate::Dropped { by, reason }) => ("filtered", &**by, reason.as_deref().unwrap_or_default()),
            Some(Fate::DeadLettered { by, reason }) => ("dead-lettered", &**by, &**reason),
            Some(Fate::Rejected { by, reason }) => ("refused", &**by, &**reason),
            Some(Fate::Held { by, reason }) => ("held", &**by, &**reason),
        };
        match fate {
            None => self.delivered += 1,
            Some(Fate::Dropped { .. }) => self.filtered += 1,
            Some(Fate::DeadLettered { .. }) => self.dead_lettered += 1,
            Some(Fate::Rejected { .. } | Fate::Held { .. }) => self.refused += 1,
        }
        self.line(entry, became, by, reason, out)
    }

    pub(super) fn skipped(&mut self, entry: &Entry, reason: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        self.skipped += 1;
        self.line(entry, "passed over", "", reason, out)?;
        if self.output == Output::Table && entry.original().is_err() {
            let payload = entry.payload();
            let cut = &payload[..payload.len().min(MESSAGE_BYTES)];
            let text = human::plain(&String::from_utf8_lossy(cut)).replace('\n', " ");
            let more = if payload.len() > cut.len() { " …" } else { "" };
            writeln!(out, "    {text}{more}")?;
        }
        Ok(())
    }

    pub(super) fn noted_before(&mut self, entry: &Entry, out: &mut dyn Write) -> anyhow::Result<()> {
        self.before += 1;
        let became = entry.became.map_or("", |became| became.word());
        self.line(entry, "passed over", "", &format!("it was {became} before; --again repeats it"), out)
    }

    fn line(&self, entry: &Entry, became: &str, by: &str, reason: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.output == Output::Json {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let line = json!({
                "sink": &*entry.sink,
                "entry": entry.place(),
                "event": entry.id(),
                "became": became,
                "by": some(by),
                "reason": some(reason),
                "dryRun": self.dry,
            });
            writeln!(out, "{line}")?;
            return Ok(());
        }
        let would = if self.dry { "would be " } else { "" };
        let would = if became == "passed over" { "" } else { would };
        let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
        let reason = if reason.is_empty() { String::new() } else { format!(": {}", human::plain(reason)) };
        let line = format!("{}  {}  {would}{became}{by}{reason}", entry.place(), shortened(entry.id()));
        writeln!(out, "{}", line.replace('\n', " "))?;
        Ok(())
    }

    pub(super) fn summary(&self, tally: &BTreeMap<Arc<str>, RouteTally>, out: &mut dyn Write) -> anyhow::Result<()> {
        let Told { delivered, filtered, dead_lettered, refused, skipped, before, left, .. } = *self;
        let counts = [
            (delivered, "delivered"),
            (filtered, "filtered"),
            (dead_lettered, "dead-lettered again"),
            (refused, "refused"),
            (skipped + before, "passed over"),
            (left, "left"),
        ];
        if self.output == Output::Json {
            return Ok(());
        }
        let said: Vec<String> = counts
            .into_iter()
            .filter(|(count, word)| *count > 0 || *word == "delivered")
            .map(|(count, word)| format!("{} {word}", human::count(count as u64)))
            .collect();
        let dry = if self.dry { "Dry run: " } else { "" };
        writeln!(out, "\n{dry}{}.", said.join(", "))?;
        if !self.dry {
            let mut sinks: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
            for (sink, count) in tally.values().flat_map(|tally| &tally.delivered) {
                *sinks.entry(sink).or_default() += count;
            }
            for (sink, count) in sinks {
                writeln!(out, "{} to {sink}", human::counted(usize::try_from(count).unwrap_or(usize::MAX), "event"))?;
            }
        }
        Ok(())
    }
}
