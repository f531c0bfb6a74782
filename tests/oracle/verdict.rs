//! The comparison: every event that was produced is in exactly one place, and each key is in its order.

use std::collections::HashMap;

use crate::ledger::{Expect, Produced};

/// What ledgers come to. Unit: events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) received: usize,
    /// Different events in the sink.
    pub(crate) delivered: usize,
    /// Were to be dropped, and are nowhere.
    pub(crate) dropped: usize,
    /// Different events in the dead letter.
    pub(crate) dead_lettered: usize,
    /// Nowhere, or not where they belong.
    pub(crate) lost: usize,
    /// Copies beyond the first, anywhere.
    pub(crate) duplicated: usize,
    /// Came for the first time after a later one of their key.
    pub(crate) out_of_order: usize,
    /// Came out without having gone in, or after having to be dropped.
    pub(crate) invented: usize,
}

impl Verdict {
    /// An error where the producers' ledgers contradict themselves.
    pub(crate) fn of(produced: &[Produced], delivered: &[String], dead: &[String]) -> Result<Verdict, String> {
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (number, event) in produced.iter().enumerate() {
            if known.insert(&event.id, number).is_some() {
                return Err(format!("`{}` was produced twice", event.id));
            }
        }
        let mut verdict = Verdict { received: produced.len(), ..Verdict::default() };
        let at_sink = verdict.arrived(produced, &known, delivered, Expect::Delivered);
        let at_rest = verdict.arrived(produced, &known, dead, Expect::DeadLettered);
        verdict.delivered = at_sink.iter().filter(|&&copies| copies > 0).count();
        verdict.dead_lettered = at_rest.iter().filter(|&&copies| copies > 0).count();
        for (number, event) in produced.iter().enumerate() {
            match event.expect {
                Expect::Delivered if at_sink[number] == 0 => verdict.lost += 1,
                Expect::DeadLettered if at_rest[number] == 0 => verdict.lost += 1,
                Expect::Dropped if at_sink[number] + at_rest[number] == 0 => verdict.dropped += 1,
                Expect::Delivered | Expect::DeadLettered | Expect::Dropped => {}
            }
        }
        Ok(verdict)
    }

    /// Goes through what one place holds; how often each produced event is there.
    fn arrived(
        &mut self,
        produced: &[Produced],
        known: &HashMap<&str, usize>,
        ids: &[String],
        place: Expect,
    ) -> Vec<usize> {
        let mut copies = vec![0; produced.len()];
        let mut latest: HashMap<&str, usize> = HashMap::new();
        for id in ids {
            let Some(&number) = known.get(id.as_str()) else {
                self.invented += 1;
                continue;
            };
            let event = &produced[number];
            if event.expect != place {
                self.invented += 1;
            }
            copies[number] += 1;
            if copies[number] > 1 {
                self.duplicated += 1;
                continue;
            }
            let latest = latest.entry(&event.key).or_insert(number);
            if number < *latest {
                self.out_of_order += 1;
            }
            *latest = number.max(*latest);
        }
        copies
    }

    /// Whether nothing is wrong.
    pub(crate) fn holds(&self, duplicates_max: usize) -> bool {
        self.lost == 0 && self.out_of_order == 0 && self.invented == 0 && self.duplicated <= duplicates_max
    }

    pub(crate) fn line(&self, name: &str) -> String {
        let Verdict { received, delivered, dropped, dead_lettered, lost, duplicated, out_of_order, invented } = self;
        format!(
            "oracle {name} received={received} delivered={delivered} dropped={dropped} dead_lettered={dead_lettered} \
             lost={lost} duplicated={duplicated} out_of_order={out_of_order} invented={invented}"
        )
    }
}
