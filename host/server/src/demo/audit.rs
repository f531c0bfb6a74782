//! Says of every order where it must be, and looks whether it is there: once, in order, redacted, and nothing else.
//!
//! This does not believe the host's own counts: it reads the output files, and holds the counts against them. All it takes from
//! the host is how many orders each generation took; since one lane is in order, that names the generation of every order.

use std::{collections::HashMap, fs, io, path::Path};

use serde_json::Value;

use crate::demo::{
    account::Entry,
    orders::{Fate, Generation, Order},
};

/// Findings shown of one kind; the rest is counted.
const SHOWN_MAX: usize = 5;

/// An output: `namespace/name` of the sink, and its file.
pub(crate) type Output<'a> = (&'a str, &'a Path);

/// What was found in the outputs. Empty findings: every event is where it must be.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// Orders read back.
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) invented: u64,
    pub(crate) reordered: u64,
    /// One sentence each.
    pub(crate) findings: Vec<String>,
}

/// Holds the outputs against what `count` orders must have become under the generations of `entries`.
pub(crate) fn audit(count: u64, entries: &[Entry], outputs: &[Output<'_>]) -> io::Result<Audit> {
    let mut audit = Audit::default();
    let fates: Vec<Fate> =
        generations(entries).zip(0..count).map(|(under, number)| Order::nth(number).fate(under)).collect();
    let received: u64 = entries.iter().map(|entry| entry.tally.received).sum();
    if received != count {
        audit.findings.push(format!("{count} orders were written, but {received} were received"));
    }
    for (sink, path) in outputs {
        let wanted: Vec<u64> =
            (0..).zip(&fates).filter(|(_, fate)| fate.is_to(sink)).map(|(number, _)| number).collect();
        audit.output(sink, path, &wanted)?;
    }
    audit.counts(entries, &fates, outputs);
    Ok(audit)
}

/// The generation of each order, in order.
fn generations(entries: &[Entry]) -> impl Iterator<Item = Generation> + '_ {
    entries.iter().enumerate().flat_map(|(at, entry)| {
        let generation = if at == 0 { Generation::First } else { Generation::Second };
        std::iter::repeat_n(generation, usize::try_from(entry.tally.received).unwrap_or(usize::MAX))
    })
}

impl Audit {
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn output(&mut self, sink: &str, path: &Path, wanted: &[u64]) -> io::Result<()> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut times: HashMap<u64, u32> = wanted.iter().map(|number| (*number, 0)).collect();
        let mut last = None;
        let mut findings = Vec::new();
        for line in text.lines() {
            let Some((number, event)) = parse(line) else {
                self.invented += 1;
                findings.push(format!("{sink}: a line that is no order: {line:.80}"));
                continue;
            };
            self.delivered += 1;
            match times.get_mut(&number) {
                None => {
                    self.invented += 1;
                    findings.push(format!("{sink}: {} should not be here", Order::nth(number).id()));
                }
                Some(0) => {
                    times.insert(number, 1);
                    // Of doubled ones the first counts for the order.
                    if last.is_some_and(|last| last > number) {
                        self.reordered += 1;
                        findings.push(format!("{sink}: {} came after a later one", Order::nth(number).id()));
                    }
                    last = last.max(Some(number));
                }
                Some(_) => {
                    self.doubled += 1;
                    findings.push(format!("{sink}: {} came twice", Order::nth(number).id()));
                }
            }
            if let Err(problem) = Order::nth(number).check_redacted(line, &event) {
                findings.push(format!("{sink}: {}: {problem}", Order::nth(number).id()));
            }
        }
        for number in wanted.iter().filter(|number| times.get(number) == Some(&0)) {
            self.lost += 1;
            findings.push(format!("{sink}: {} is missing", Order::nth(*number).id()));
        }
        if findings.len() > SHOWN_MAX {
            let more = findings.len() - SHOWN_MAX;
            findings.truncate(SHOWN_MAX);
            findings.push(format!("{sink}: and {more} more"));
        }
        self.findings.extend(findings);
        Ok(())
    }

    /// The host's own counts must say the same.
    fn counts(&mut self, entries: &[Entry], fates: &[Fate], outputs: &[Output<'_>]) {
        let mut fates = fates.iter();
        for entry in entries {
            let taken = usize::try_from(entry.tally.received).unwrap_or(usize::MAX);
            let own: Vec<&Fate> = fates.by_ref().take(taken).collect();
            let expected = |wanted: &dyn Fn(&Fate) -> bool| own.iter().filter(|fate| wanted(fate)).count() as u64;
            let mut compare = |what: &str, counted: u64, expected: u64| {
                if counted != expected {
                    let number = entry.number;
                    self.findings.push(format!("generation {number} counts {counted} {what}; it must be {expected}"));
                }
            };
            compare("dropped", entry.dropped(), expected(&|fate| matches!(fate, Fate::Dropped(_))));
            compare("transformed", entry.tally.transformed, expected(&|fate| !matches!(fate, Fate::Dropped(_))));
            compare("for nobody", entry.tally.unmatched, expected(&|fate| matches!(fate, Fate::Nobody)));
            compare("failed", entry.mishaps(), 0);
            for (sink, _) in outputs {
                compare(&format!("to {sink}"), entry.delivered(sink), expected(&|fate| fate.is_to(sink)));
            }
            for ((_, reason), counted) in &entry.tally.dropped {
                let expected = expected(&|fate| matches!(fate, Fate::Dropped(why) if **why == **reason));
                compare(&format!("dropped because \"{reason}\""), *counted, expected);
            }
        }
    }
}

fn parse(line: &str) -> Option<(u64, Value)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let number = Order::number_of(event.get("id")?.as_str()?)?;
    Some((number, event))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::path::PathBuf;

    use serde_json::json;
    use tempfile::TempDir;
    use tidegate_pipeline::RouteTally;

    use super::*;
    use crate::demo::orders::{EU, US};

    const COUNT: u64 = 400;

    /// A host that did everything right: half of the orders under each generation.
    struct Run {
        dir: TempDir,
        entries: Vec<Entry>,
        lines: Vec<String>,
    }

    impl Run {
        fn right() -> Run {
            let halves = [(Generation::First, 0..COUNT / 2), (Generation::Second, COUNT / 2..COUNT)];
            let mut lines = Vec::new();
            let mut entries = Vec::new();
            for (at, (under, numbers)) in (1..).zip(halves) {
                let mut tally = RouteTally { received: COUNT / 2, ..RouteTally::default() };
                for order in numbers.map(Order::nth) {
                    match order.fate(under) {
                        Fate::Dropped(why) => {
                            *tally.dropped.entry(("shop/order-guard".into(), why.into())).or_default() += 1;
                            continue;
                        }
                        Fate::Nobody => tally.unmatched += 1,
                        Fate::Delivered(sink) => {
                            *tally.delivered.entry(sink.into()).or_default() += 1;
                            if sink == EU {
                                lines.push(redacted(order));
                            }
                        }
                    }
                    tally.transformed += 1;
                }
                entries.push(Entry { number: at, id: "id".into(), filter: "0.1.0".into(), tally });
            }
            Run { dir: tempfile::tempdir().expect("a folder"), entries, lines }
        }

        fn audit(self) -> Audit {
            let eu = self.dir.path().join("eu");
            fs::write(&eu, self.lines.join("\n")).expect("write");
            let us: PathBuf = self.dir.path().join("us");
            let others = (0..COUNT).map(Order::nth).filter(|order| {
                let under =
                    if order.id() < Order::nth(COUNT / 2).id() { Generation::First } else { Generation::Second };
                order.fate(under).is_to(US)
            });
            fs::write(&us, others.map(|order| redacted(order) + "\n").collect::<String>()).expect("write");
            audit(COUNT, &self.entries, &[(EU, &eu), (US, &us)]).expect("the outputs are there")
        }
    }

    fn redacted(order: Order) -> String {
        let mut data = order.data();
        data["card"] = json!("***");
        data["customer"]["email"] = json!("***");
        json!({"id": order.id(), "data": data}).to_string()
    }

    fn found(audit: &Audit) -> [u64; 4] {
        [audit.lost, audit.doubled, audit.invented, audit.reordered]
    }

    #[test]
    fn a_run_without_fault_is_clean() {
        let audit = Run::right().audit();
        assert!(audit.is_clean(), "{audit:?}");
        assert!(audit.delivered > COUNT / 2);
    }

    #[test]
    fn every_fault_is_found_and_named() {
        type Fault = fn(&mut Vec<String>);
        let faults: [(Fault, [u64; 4]); 6] = [
            (|lines| drop(lines.remove(20)), [1, 0, 0, 0]),
            (|lines| lines.insert(21, lines[20].clone()), [0, 1, 0, 0]),
            (|lines| lines.push(lines[0].clone()), [0, 1, 0, 0]),
            (|lines| lines.push(redacted(Order::nth(COUNT))), [0, 0, 1, 0]),
            (|lines| lines.push("{".to_owned()), [0, 0, 1, 0]),
            (|lines| lines.swap(20, 21), [0, 0, 0, 1]),
        ];
        for (at, (fault, wanted)) in faults.into_iter().enumerate() {
            let mut run = Run::right();
            fault(&mut run.lines);
            let audit = run.audit();
            assert_eq!(found(&audit), wanted, "fault {at}: {audit:?}");
            assert!(!audit.is_clean(), "fault {at}");
        }
    }

    #[test]
    fn what_was_decided_by_the_wrong_generation_is_found() {
        let mut run = Run::right();
        // The second generation decided what the first one took.
        run.entries[0].tally.received -= 60;
        run.entries[1].tally.received += 60;
        assert!(!run.audit().is_clean());
    }

    #[test]
    fn counts_that_do_not_fit_the_outputs_are_found() {
        let mut run = Run::right();
        run.entries[0].tally.malformed += 1;
        let audit = run.audit();
        assert_eq!(found(&audit), [0; 4]);
        assert_eq!(audit.findings, ["generation 1 counts 1 failed; it must be 0"]);
    }
}
