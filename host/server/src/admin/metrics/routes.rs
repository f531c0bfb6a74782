//! Figures of routes, and of the lanes that feed them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{metrics::MetricType, registry::Unit};
use tidegate_control::Picture;
use tidegate_pipeline::{Behind, LaneState, RouteTally, SourceState};

use super::sheet::{Labels, Sheet, write_counter};

impl Sheet<'_> {
    /// What became of events. What was dropped on purpose, lost, refused and at rest in a dead letter never share a counter.
    pub(super) fn routes(&mut self, picture: &Picture) -> fmt::Result {
        let totals = &picture.totals();
        let by_route = |count: fn(&RouteTally) -> u64| {
            totals.iter().map(move |(route, tally)| ([("route", &**route)], count(tally)))
        };
        let received =
            "Events taken from sources that were settled or given back since; one that comes again counts again";
        self.counter("tidegate_route_received", received, by_route(|tally| tally.received + tally.retried))?;
        let settled = "Events that are done with: delivered, dropped, refused, or at rest in the dead letter";
        self.counter("tidegate_route_settled", settled, by_route(|tally| tally.received))?;
        let retries = "Events given back to come again: held by a policy, or not taken by a sink";
        self.counter("tidegate_route_retries", retries, by_route(|tally| tally.retried))?;
        let malformed = "Messages that were no events";
        self.counter("tidegate_route_malformed", malformed, by_route(|tally| tally.malformed))?;
        let transformed = "Events that came out of transforms";
        self.counter("tidegate_route_transformed", transformed, by_route(|tally| tally.transformed))?;
        let unmatched = "Events dropped because no target of the route wanted them";
        self.counter("tidegate_route_unmatched", unmatched, by_route(|tally| tally.unmatched))?;
        let delivered = totals.iter().flat_map(|(route, tally)| {
            tally.delivered.iter().map(move |(sink, count)| ([("route", &**route), ("sink", &**sink)], *count))
        });
        self.counter("tidegate_route_delivered", "Events that are durable at a sink", delivered)?;
        self.caused(
            "tidegate_route_dropped",
            "Events a policy dropped on purpose, by its reason",
            ["policy", "reason"],
            totals,
            |tally| &tally.dropped,
        )?;
        let lost = "Events lost by a failure rule `Drop`: the policy could not decide them";
        self.caused("tidegate_route_lost", lost, ["policy", "cause"], totals, |tally| &tally.dropped_by_failure)?;
        let bypassed = "Events that went on past a failing policy, by its failure rule `Bypass`";
        self.caused("tidegate_route_bypassed", bypassed, ["policy", "cause"], totals, |tally| &tally.bypassed)?;
        let rejected = "Events refused to whoever sent them, and kept nowhere; by: policy, route or sink";
        self.caused("tidegate_route_rejected", rejected, ["by", "cause"], totals, |tally| &tally.rejected)?;
        let letters = "Events that rest in the dead letter; by: policy, sink, route or source";
        self.caused("tidegate_route_dead_lettered", letters, ["by", "cause"], totals, |tally| &tally.dead_lettered)?;
        let errors = totals.iter().flat_map(|(route, tally)| {
            tally.condition_errors.iter().map(move |(by, count)| ([("route", &**route), ("by", &**by)], *count))
        });
        let help = "Evaluations of conditions that came to an error, which is no match; by: policy or sink";
        self.counter("tidegate_route_condition_errors", help, errors)?;
        let in_flight = picture.routes.iter().map(|route| ([("route", &*route.route)], route.in_flight as u64));
        let help = "Events that the lanes of a route have taken and not yet settled";
        self.gauge("tidegate_route_in_flight", help, None, in_flight)?;
        let routes = picture.routes.iter().map(|route| ([("route", &*route.route)], route.behind));
        self.behind(["tidegate_route_lag", "tidegate_route_lag_events"], &routes.collect::<Vec<_>>())
    }

    pub(super) fn lanes(&mut self, picture: &Picture) -> fmt::Result {
        let lanes = || picture.lanes.iter().map(|lane| (lane, [("source", &*lane.source), ("lane", &*lane.lane)]));
        let in_flight = lanes().map(|(lane, labels)| (labels, lane.in_flight as u64));
        self.gauge("tidegate_lane_in_flight", "Events a lane has taken and not yet settled", None, in_flight)?;
        let behind = lanes().map(|(lane, labels)| (labels, lane.behind)).collect::<Vec<_>>();
        self.behind(["tidegate_lane_lag", "tidegate_lane_lag_events"], &behind)?;
        let states = lanes().map(|(lane, labels)| (labels, state(&lane.state)));
        self.state("tidegate_lane_state", "1 for the state that a lane is in, 0 for others", &STATES, states)?;
        let troubles = picture.sources.iter().map(|source| {
            let trouble = matches!(source.state, SourceState::Trouble(_) | SourceState::Failed(_));
            ([("source", &*source.source)], u64::from(trouble))
        });
        let help = "1 while a source cannot be opened or listened on, else 0; /readyz says why";
        self.gauge("tidegate_source_trouble", help, None, troubles)
    }

    /// How far lanes or routes are behind; by what they have in common.
    fn behind<'l, const N: usize>(
        &mut self,
        [name, events]: [&str; 2],
        all: &[(Labels<'l, N>, Behind)],
    ) -> fmt::Result {
        let counted = all.iter().filter_map(|(labels, behind)| Some((*labels, behind.events?)));
        self.gauge(
            events,
            "Events that came in and are not settled; absent where they cannot be counted",
            None,
            counted,
        )?;
        let sized = all.iter().filter_map(|(labels, behind)| Some((*labels, behind.bytes?)));
        self.gauge(name, "Bytes that are not taken yet, where only these are known", Some(Unit::Bytes), sized)?;
        let ages = all.iter().map(|(labels, behind)| (*labels, behind.age.as_secs_f64()));
        let help = "For how long the oldest event that is not settled has been there; 0 where all is settled";
        self.gauge(name, help, Some(Unit::Seconds), ages)
    }

    fn caused(
        &mut self,
        name: &str,
        help: &str,
        [who, why]: [&str; 2],
        totals: &BTreeMap<Arc<str>, RouteTally>,
        counts: impl Fn(&RouteTally) -> &BTreeMap<(Arc<str>, Arc<str>), u64>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (route, tally) in totals {
            for ((by, cause), count) in counts(tally) {
                let labels: &[(&str, &str)] = &[("route", route), (who, by), (why, cause)];
                write_counter(&mut metric.encode_family(&labels)?, count)?;
            }
        }
        Ok(())
    }
}

const STATES: [&str; 4] = ["running", "held", "paused", "ended"];

/// The word for what a lane does.
pub(in crate::admin) fn state(state: &LaneState) -> &'static str {
    match state {
        LaneState::Running => "running",
        LaneState::Held { .. } => "held",
        LaneState::Paused { .. } => "paused",
        LaneState::Ended => "ended",
    }
}
