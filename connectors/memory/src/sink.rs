//! The writer: appends to a queue, or counts.

use async_trait::async_trait;
use tidegate_connector::{WriteError, Writer};
use tidegate_event::Event;

use crate::config::Mode;
use crate::queue::{Queue, State};

#[derive(Debug)]
pub(crate) struct MemoryWriter {
    queue: Queue,
    mode: Mode,
}

impl MemoryWriter {
    pub(crate) fn new(queue: Queue, mode: Mode) -> Self {
        Self { queue, mode }
    }

    fn write_now(&self, state: &mut State, events: &[Event]) -> Result<(), WriteError> {
        let place = || format!("memory queue {}", self.queue.name());
        state.counts.writes += 1;
        if state.faults.closed {
            return Err(WriteError::Closed { place: place(), cause: "closed by the test".into() });
        }
        let failing = state.faults.transient > 0;
        // Only tests refuse: nobody else pays for looking ids up.
        let refuses = !state.faults.refused_ids.is_empty();
        let limit = if failing { state.faults.written_before_failing.min(events.len()) } else { events.len() };
        for (index, event) in events[..limit].iter().enumerate() {
            if refuses && state.faults.refused_ids.contains(event.id()) {
                return Err(WriteError::Permanent { index, place: place(), cause: "refused by the test".into() });
            }
            if self.mode == Mode::Keep
                && let Err(full) = state.append(event.clone())
            {
                return Err(WriteError::Transient {
                    written: index,
                    after: None,
                    place: place(),
                    cause: full.to_string(),
                });
            }
            state.counts.written += 1;
        }
        if failing {
            state.faults.transient -= 1;
            return Err(WriteError::Transient {
                written: limit,
                after: None,
                place: place(),
                cause: "failing as told".into(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        self.queue.wait(|state| (!state.faults.held).then_some(())).await;
        self.queue.change(|state| self.write_now(state, events))
    }

    async fn close(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}
