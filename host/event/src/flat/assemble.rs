//! From separately owned events to one batch.

use super::{FlatBatch, Needs, ROW_WORDS};
use crate::Event;
use crate::row::{self, Row};

impl FlatBatch {
    /// Fills this batch with the given rows of `events`, without what `needs` leaves out.
    ///
    /// Together the values must stay under 4 GiB; any single event does.
    ///
    /// # Panics
    /// If a row is not one of `events`.
    pub fn assemble(&mut self, events: &[Event], rows: &[u32], needs: Needs, now_ms: u64) {
        self.now_ms = now_ms;
        self.bytes.clear();
        self.index.clear();
        self.index.reserve(rows.len() * ROW_WORDS);
        let plan = Plan::new(needs);
        for (position, &at) in rows.iter().enumerate() {
            let event = &events[at as usize];
            let mut out: Row = [0; ROW_WORDS];
            out[row::FLAGS] = event.row[row::FLAGS] & plan.keep | plan.withheld;
            out[row::ORIGIN] = position as u32;
            for field in plan.fields() {
                let value = event.bytes(field);
                row::set_span(&mut out, field, self.bytes.len() as u32, value.len() as u32);
                self.bytes.extend_from_slice(value);
            }
            self.index.extend_from_slice(&out);
        }
    }
}

/// What a batch for these needs holds.
struct Plan {
    needs: Needs,
    /// Flags of an event that go on.
    keep: u32,
    /// Flags that say what is withheld.
    withheld: u32,
}

impl Plan {
    fn new(needs: Needs) -> Self {
        let flag = |needed, flag| if needed { 0 } else { flag };
        let withheld = flag(needs.attributes, row::WITHHELD_ATTRIBUTES)
            | flag(needs.extensions, row::WITHHELD_EXTENSIONS)
            | flag(needs.data, row::WITHHELD_DATA)
            | flag(needs.context, row::WITHHELD_CONTEXT);
        // Whether there is data, and of which form, stays visible: it is no value.
        Self { needs, keep: row::HAS_DATA | row::FORM_MASK, withheld }
    }

    fn fields(&self) -> impl Iterator<Item = usize> {
        let needs = self.needs;
        (0..row::FIELDS).filter(move |&field| match field {
            row::EXTENSIONS => needs.extensions,
            row::DATA => needs.data,
            row::CONTEXT => needs.context,
            _ => needs.attributes,
        })
    }
}
