//! The three things a worker asks of a guest, in the shape that bisection needs: ask for some rows, collect what came back.

use std::{collections::HashMap, future::Future, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use tidegate_event::{
    Event,
    flat::{self, Asked, FlatBatch, Outputs, Rights},
};

use crate::{
    decision::Decision,
    fault::Fault,
    instance::{Live, Reply},
    interner::Interner,
    reply,
};

/// One question about a batch. Rows are answered in ascending order, each once.
pub(crate) trait Job {
    /// A reply that has passed all checks.
    type Reply: Send;

    /// Calls the guest with `batch`, which is the rows `rows` of the whole; checks the reply.
    fn ask(
        &mut self,
        live: &mut Live,
        batch: &FlatBatch,
        rows: Range<usize>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Self::Reply, Fault>> + Send;

    /// Keeps what is not a decision; returns the decisions for the rows from `start` on.
    fn collect(&mut self, start: usize, reply: Self::Reply) -> Vec<Decision>;
}

/// `filter.evaluate`.
pub(crate) struct Evaluate<'a> {
    pub(crate) interner: &'a mut Interner,
}

impl Job for Evaluate<'_> {
    type Reply = Vec<Decision>;

    async fn ask(
        &mut self,
        live: &mut Live,
        batch: &FlatBatch,
        rows: Range<usize>,
        timeout: Duration,
    ) -> Result<Vec<Decision>, Fault> {
        let outcomes = live.evaluate(batch, timeout).await?;
        reply::decide(&outcomes, rows.len(), self.interner)
    }

    fn collect(&mut self, _start: usize, reply: Vec<Decision>) -> Vec<Decision> {
        reply
    }
}

/// `transform.apply`.
pub(crate) struct Apply<'a> {
    pub(crate) interner: &'a mut Interner,
    pub(crate) rights: &'a Rights,
    pub(crate) events: &'a [Event],
    /// Which of the events the rows are.
    pub(crate) rows: &'a [u32],
    pub(crate) outputs: Outputs,
}

impl Job for Apply<'_> {
    type Reply = (Vec<Decision>, Outputs);

    async fn ask(
        &mut self,
        live: &mut Live,
        batch: &FlatBatch,
        rows: Range<usize>,
        timeout: Duration,
    ) -> Result<Self::Reply, Fault> {
        let Reply { outcomes, row_words, bytes, index } = live.apply(batch, timeout).await?;
        let decisions = reply::decide(&outcomes, rows.len(), self.interner)?;
        let asked = Asked { batch, events: self.events, rows: &self.rows[rows] };
        let own = || Bytes::copy_from_slice(&bytes);
        let outputs = flat::outputs(&bytes, own, &index, row_words, &asked, self.rights).map_err(Fault::reply)?;
        reply::agree(&decisions, &outputs)?;
        Ok((decisions, outputs))
    }

    fn collect(&mut self, start: usize, (decisions, outputs): Self::Reply) -> Vec<Decision> {
        if self.outputs.is_empty() && start == 0 {
            self.outputs = outputs;
        } else {
            self.outputs.append(outputs, start as u32);
        }
        decisions
    }
}

/// `matcher.assign`.
pub(crate) struct Assign<'a> {
    pub(crate) interner: &'a mut Interner,
    pub(crate) positions: HashMap<Arc<str>, u32>,
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) pairs: Vec<(u32, u32)>,
}

/// A matcher's reply, its names already shared.
pub(crate) struct Assigned {
    decisions: Vec<Decision>,
    names: Vec<Arc<str>>,
    pairs: Vec<(u32, u32)>,
}

impl Job for Assign<'_> {
    type Reply = Assigned;

    async fn ask(
        &mut self,
        live: &mut Live,
        batch: &FlatBatch,
        rows: Range<usize>,
        timeout: Duration,
    ) -> Result<Assigned, Fault> {
        let reply = live.assign(batch, timeout).await?;
        let decisions = reply::decide(&reply.outcomes, rows.len(), self.interner)?;
        let pairs = reply::pairs(&reply, &decisions)?;
        let names = reply.names.iter().map(|name| self.interner.get(name)).collect();
        Ok(Assigned { decisions, names, pairs })
    }

    /// Names of later calls join those of earlier ones.
    fn collect(&mut self, start: usize, reply: Assigned) -> Vec<Decision> {
        let joined: Vec<u32> = reply.names.iter().map(|name| self.position(name)).collect();
        self.pairs.extend(reply.pairs.iter().map(|&(row, name)| (row + start as u32, joined[name as usize])));
        reply.decisions
    }
}

impl Assign<'_> {
    fn position(&mut self, name: &Arc<str>) -> u32 {
        *self.positions.entry(Arc::clone(name)).or_insert_with(|| {
            self.names.push(Arc::clone(name));
            self.names.len() as u32 - 1
        })
    }
}
