//! Tells the log of policies that could not decide an event, and of what became of it. What holds a lane is told by the lane.

use std::{sync::LazyLock, time::Duration};

use tidegate_connector::Repeats;
use tidegate_event::Event;

use crate::{
    dispatch::Places,
    flow::{Flow, in_words},
    plan::RoutePlan,
};

/// What was told of late, by policy and cause.
static FAILURES: LazyLock<Repeats> = LazyLock::new(|| Repeats::new(Duration::from_secs(60)));

/// Tells of a batch, up to the row that is held; of the same cause but now and then. What meets an open circuit was told when that opened.
pub(crate) fn tell(route: &RoutePlan, flow: &Flow<'_>, events: &[Event], limit: u32, places: &Places<'_>) {
    for (row, fate) in flow.fates.iter().filter(|(row, fate)| *row < limit && fate.verdict() == "fail") {
        let (stage, cause) = (&route.stages[fate.stage()], fate.cause().unwrap_or_default());
        let Some(before) = FAILURES.say(&format!("{} {cause}", stage.policy)) else { continue };
        let said = in_words(fate.verdict(), &fate.why().unwrap_or_default(), fate.word());
        let event = events.get(*row as usize).map(Event::id).unwrap_or_default();
        let from = places(*row).unwrap_or_default();
        let (policy, digest) = (&stage.policy, stage.digest());
        tracing::warn!(%policy, %digest, route = %route.id, event, from, before, "could not decide an event: {said}");
    }
}
