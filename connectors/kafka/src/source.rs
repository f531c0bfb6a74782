//! The source: a member of a consumer group, one lane a partition.
//!
//! **Threads.** One thread a source serves the group (joining, rebalances, commits: [`group`]); messages do not pass through it. Each
//! partition has a queue of its own in librdkafka, from which its lane takes what is ready in its own task ([`lane`]): a lane that is held up
//! leaves its queue to fill up to `prefetch`, and librdkafka then fetches no more of that partition. Nothing is thrown away and
//! fetched again, as it would be by pausing.
//!
//! What a queue a partition costs beside one for all is measured (`-- polling` of the benchmarks).
//!
//! **Rebalances.** A partition that is taken away ends its lane: what is in flight is settled, committed, and only then the partition is given
//! up, within the callback of the rebalance and for at most `drainTimeout`. A partition that was lost already (the session has
//! run out) is given up at once, and nothing of it is committed.
//!
//! **Exactly once.** With `delivery: exactlyOnce` nothing is committed but in transactions, together with what came of it: see [`transactions`].
//!
//! **Position.** What was settled is committed every `commitInterval`, when a partition is given up, and when a lane is closed.

mod config;
mod context;
mod group;
mod lane;
mod look;
mod partition;
mod standing;
mod token;
mod transactions;

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connector::{Lane, Source, SourceError, Standby};

pub(crate) use self::config::SourceConfig;
use self::group::{Group, Next};
use self::lane::KafkaLane;
use self::look::Look;
use self::standing::Standing;

/// A consumer group's member; joins with the first call of `lane`.
pub(crate) struct KafkaSource {
    config: Arc<SourceConfig>,
    group: Option<Arc<Group>>,
    look: Arc<Look>,
    standing: Arc<Standing>,
}

impl KafkaSource {
    pub(crate) fn new(config: SourceConfig) -> Self {
        Self { config: Arc::new(config), group: None, look: Arc::default(), standing: Arc::default() }
    }

    fn group(&mut self) -> Result<Arc<Group>, SourceError> {
        if let Some(group) = &self.group {
            return Ok(group.clone());
        }
        let group = Group::join(&self.config, &self.look, &self.standing)?;
        Ok(self.group.insert(group).clone())
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn standby(&self) -> Option<Standby> {
        let look = self.look.clone();
        Some(Standby::new(move || look.stands_by()))
    }

    /// Never ends: a partition may be assigned at any time.
    async fn lane(&mut self) -> Result<Option<Box<dyn Lane>>, SourceError> {
        let group = self.group()?;
        match group.next().await {
            Next::Lane(partition) => Ok(Some(Box::new(KafkaLane::new(group, partition)))),
            Next::Trouble(error) => Err(error),
            // The next call joins anew, with the secrets of then.
            Next::Refused(error) => {
                self.group = None;
                Err(error)
            }
        }
    }
}
