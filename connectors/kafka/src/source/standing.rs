//! Whether a member stands as it should: it has its place in the group, and whatever partition it has is fetched.
//!
//! librdkafka waits for an answer of its group as long as a rebalance may take, and where that answer or a state of its own is lost,
//! sometimes for ever. So it is told what a member waits for, and one that waits for longer than any rebalance may take is replaced by a
//! new one.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::statistics::Statistics;

use super::group::{Group, Trouble};
use super::partition::Partition;

/// A member that waits for so long is told of.
const TELL: Duration = Duration::from_secs(15);
/// What a rebalance may take beyond what it is told to.
const SPARE: Duration = Duration::from_secs(30);
/// Where a new member waits as well, each next one is made after twice the time; up to 64 times.
const DOUBLINGS_MAX: u32 = 6;

/// How long a member waits; outlives the clients of a source.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    told: bool,
    replaced: u32,
}

/// How a member stands.
#[derive(Debug, PartialEq, Eq)]
enum Stand {
    Well,
    /// It cannot reach its group, or has no topic to join for: that is told of elsewhere, and it waits with good reason.
    Away,
    /// For this, in librdkafka's words.
    Waits(String),
}

/// What is to be done about a member.
#[derive(Debug, PartialEq, Eq)]
enum Measure {
    Nothing,
    Tell,
    Replace,
}

impl Standing {
    /// `rebalance` is what one may take.
    fn measure(&self, stand: &Stand, rebalance: Duration, now: Instant) -> Measure {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match stand {
            Stand::Well => {
                *state = State::default();
                return Measure::Nothing;
            }
            Stand::Away => {
                *state = State { replaced: state.replaced, ..State::default() };
                return Measure::Nothing;
            }
            Stand::Waits(_) => {}
        }
        let waits = now.saturating_duration_since(*state.since.get_or_insert(now));
        if waits >= (rebalance + SPARE) * (1 << state.replaced.min(DOUBLINGS_MAX)) {
            *state = State { replaced: state.replaced + 1, ..State::default() };
            return Measure::Replace;
        }
        if waits >= TELL && !state.told {
            state.told = true;
            return Measure::Tell;
        }
        Measure::Nothing
    }
}

impl Group {
    /// Called with each of librdkafka's statistics.
    pub(super) fn stand(&self, statistics: &Statistics) {
        if self.is_closing() {
            return;
        }
        let stand = look(statistics, self.partitions().iter().map(AsRef::as_ref));
        let measure = self.standing.measure(&stand, self.config.poll_interval(), Instant::now());
        let Stand::Waits(cause) = stand else { return };
        match measure {
            Measure::Nothing => {}
            Measure::Tell => {
                tracing::warn!(group = self.name(), "the member has waited for {}s: {cause}", TELL.as_secs());
                self.report(Trouble { error: self.transient(cause), refused: false });
            }
            Measure::Replace => {
                tracing::warn!(
                    group = self.name(),
                    "the member has waited too long, a new one takes its place: {cause}"
                );
                self.report(Trouble { error: self.transient(cause), refused: true });
            }
        }
    }
}

fn look<'a>(statistics: &Statistics, partitions: impl Iterator<Item = &'a Partition>) -> Stand {
    let Some(group) = &statistics.cgrp else { return Stand::Away };
    if group.state != "up" || group.join_state == "init" {
        return Stand::Away;
    }
    if group.join_state != "steady" {
        return Stand::Waits(format!("its group is in state {}", group.join_state));
    }
    let stuck: Vec<String> = partitions
        .filter_map(|partition| {
            let known = statistics.topics.get(&*partition.topic)?.partitions.get(&partition.number)?;
            (known.fetch_state != "active")
                .then(|| format!("{}/{} is in state {}", partition.topic, partition.number, known.fetch_state))
        })
        .collect();
    if stuck.is_empty() { Stand::Well } else { Stand::Waits(stuck.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_waits_is_told_of_then_replaced_and_each_time_later() {
        let standing = Standing::default();
        let start = Instant::now();
        let rebalance = Duration::from_secs(90);
        let after =
            |seconds| standing.measure(&Stand::Waits(String::new()), rebalance, start + Duration::from_secs(seconds));
        assert_eq!(after(0), Measure::Nothing);
        assert_eq!(after(14), Measure::Nothing);
        assert_eq!(after(15), Measure::Tell);
        assert_eq!(after(16), Measure::Nothing, "told once");
        assert_eq!(after(119), Measure::Nothing);
        assert_eq!(after(120), Measure::Replace);
        // The new one has its own time, and reaches the group first.
        assert_eq!(standing.measure(&Stand::Away, rebalance, start), Measure::Nothing);
        assert_eq!(after(121), Measure::Nothing);
        assert_eq!(after(136), Measure::Tell);
        assert_eq!(after(121 + 239), Measure::Nothing);
        assert_eq!(after(121 + 240), Measure::Replace);
        assert_eq!(standing.measure(&Stand::Well, rebalance, start), Measure::Nothing);
        assert_eq!(after(1_000), Measure::Nothing);
        assert_eq!(after(1_120), Measure::Replace, "what stood well begins anew");
    }

    #[test]
    fn waiting_for_brokers_or_a_topic_is_no_fault_of_the_member() {
        let seen = |state: &str, join: &str| {
            let group = rdkafka::statistics::ConsumerGroup {
                state: state.to_owned(),
                join_state: join.to_owned(),
                ..Default::default()
            };
            look(&Statistics { cgrp: Some(group), ..Statistics::default() }, std::iter::empty())
        };
        assert_eq!(seen("wait-broker-transport", "wait-join"), Stand::Away);
        assert_eq!(seen("up", "init"), Stand::Away);
        assert_eq!(seen("up", "steady"), Stand::Well);
        assert_eq!(seen("up", "wait-join"), Stand::Waits("its group is in state wait-join".to_owned()));
    }
}
