//! `/metrics`: what the host counts, as Prometheus reads it (OpenMetrics text).
//!
//! Nothing is counted here: every scrape reads what the data path and the control path have counted. Series are bounded:
//! routes, sinks, policies and lanes by the documents; reasons at 256 a route, the rest of them under `other`.

use std::{collections::BTreeMap, fmt, sync::Arc, time::UNIX_EPOCH};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text},
    metrics::{MetricType, exemplar::Exemplar},
    registry::{Registry, Unit},
};
use tidegate_control::{Picture, rollouts::RolloutStatus, status::Phase};
use tidegate_pipeline::{Behind, LaneState, RouteTally, SourceState, rollout::Decided};

use super::{
    Host, PATIENCE,
    health::{Health, phase},
    process::Process,
};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything there is, as text.
pub(super) async fn metrics(State(host): State<Host>) -> Response {
    let picture = host.status.look(PATIENCE).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures { picture, process: Process::now() }));
    let mut text = String::new();
    match text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(fmt::Error) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

/// What one scrape shows.
#[derive(Debug)]
struct Figures {
    picture: Arc<Picture>,
    process: Process,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut sheet = Sheet { encoder };
        sheet.host(&self.picture)?;
        sheet.routes(&self.picture.totals())?;
        let routes = self.picture.routes.iter().map(|route| ([("route", &*route.route)], route.behind));
        sheet.behind(["tidegate_route_lag", "tidegate_route_lag_events"], &routes.collect::<Vec<_>>())?;
        sheet.lanes(&self.picture)?;
        sheet.sinks(&self.picture)?;
        sheet.state(&self.picture)?;
        sheet.rollouts(&self.picture)?;
        sheet.shadows(&self.picture)?;
        sheet.process(&self.process)
    }
}

type Labels<'a> = &'a [(&'a str, &'a str)];

struct Sheet<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Sheet<'_> {
    fn host(&mut self, picture: &Picture) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        self.info("tidegate_build", "What runs", [[("version", version)]])?;
        let ready = u64::from(Health::of(picture).is_ready());
        self.gauge("tidegate_ready", "1 while /readyz answers 200, else 0", None, [([], ready)])?;
        let phases = [Phase::Starting, Phase::Serving, Phase::Draining]
            .map(|known| ([("phase", phase(known))], u64::from(known == picture.phase)));
        self.gauge("tidegate_phase", "1 for the phase that the host is in, 0 for others", None, phases)?;
        let swaps = "Sets of documents that went live";
        self.counter("tidegate_swaps", swaps, [([], picture.swaps)])?;
        let refused = "Sets of documents that were refused; what ran before went on";
        self.counter("tidegate_refused_documents", refused, [([], picture.refusals)])?;
        let help = "1 while the newest documents are refused and older ones run, else 0";
        self.gauge("tidegate_documents_refused", help, None, [([], u64::from(picture.refused))])?;
        let Some(generation) = &picture.generation else { return Ok(()) };
        self.info("tidegate_generation", "The documents that are live", [[("generation", &*generation.id)]])?;
        let since = generation.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let help = "When the live documents went live, in seconds since 1970";
        self.gauge("tidegate_generation_since", help, Some(Unit::Seconds), [([], since)])?;
        let policies = generation.policies.iter().map(|policy| {
            let (module, version) = (policy.module.as_str(), policy.version.as_str());
            [("policy", &*policy.policy), ("module", module), ("version", version), ("digest", policy.digest.as_str())]
        });
        self.info("tidegate_policy", "Policies that are live, and the module that decides for each", policies)
    }

    fn routes(&mut self, totals: &BTreeMap<Arc<str>, RouteTally>) -> fmt::Result {
        let by_route = |count: fn(&RouteTally) -> u64| {
            totals.iter().map(move |(route, tally)| ([("route", &**route)], count(tally)))
        };
        let received = "Events that came in and are settled, by route";
        self.counter("tidegate_received", received, by_route(|tally| tally.received))?;
        let malformed = "Messages that were no events, by route";
        self.counter("tidegate_malformed", malformed, by_route(|tally| tally.malformed))?;
        let transformed = "Events changed by a policy, by route";
        self.counter("tidegate_transformed", transformed, by_route(|tally| tally.transformed))?;
        let unmatched = "Events dropped because no target of the route wanted them";
        self.counter("tidegate_unmatched", unmatched, by_route(|tally| tally.unmatched))?;
        let delivered = totals.iter().flat_map(|(route, tally)| {
            tally.delivered.iter().map(move |(sink, count)| ([("route", &**route), ("sink", &**sink)], *count))
        });
        self.counter("tidegate_delivered", "Events that are durable at a sink, by route and sink", delivered)?;
        self.caused(
            "tidegate_dropped",
            "Events a policy dropped on purpose, by route, policy and reason",
            ["policy", "reason"],
            totals,
            |tally| &tally.dropped,
        )?;
        let lost = "Events lost by a failure rule `Drop`: the policy could not decide them";
        self.caused("tidegate_dropped_by_failure", lost, ["policy", "cause"], totals, |tally| {
            &tally.dropped_by_failure
        })?;
        let bypassed = "Events that went on past a failing policy, by its failure rule `Bypass`";
        self.caused("tidegate_bypassed", bypassed, ["policy", "cause"], totals, |tally| &tally.bypassed)?;
        let rejected = "Events refused to whoever sent them, and kept nowhere; by: policy, route or sink";
        self.caused("tidegate_rejected", rejected, ["by", "cause"], totals, |tally| &tally.rejected)?;
        let letters = "Events that rest in the dead letter; by: policy, sink, route or source";
        self.caused("tidegate_dead_lettered", letters, ["by", "cause"], totals, |tally| &tally.dead_lettered)?;
        let errors = totals.iter().flat_map(|(route, tally)| {
            tally.condition_errors.iter().map(move |(by, count)| ([("route", &**route), ("by", &**by)], *count))
        });
        let help = "Evaluations of conditions that came to an error, which is no match; by: policy or sink";
        self.counter("tidegate_condition_errors", help, errors)
    }

    fn lanes(&mut self, picture: &Picture) -> fmt::Result {
        let lanes = || picture.lanes.iter().map(|lane| (lane, [("source", &*lane.source), ("lane", &*lane.lane)]));
        let in_flight = lanes().map(|(lane, labels)| (labels, lane.in_flight as u64));
        self.gauge("tidegate_lane_in_flight", "Events a lane has taken and not yet settled", None, in_flight)?;
        let behind = lanes().map(|(lane, labels)| (labels, lane.behind)).collect::<Vec<_>>();
        self.behind(["tidegate_lane_lag", "tidegate_lane_lag_events"], &behind)?;
        let states = lanes().flat_map(|(lane, [source, name])| {
            let now = state(&lane.state);
            STATES.map(|known| ([source, name, ("state", known)], u64::from(known == now)))
        });
        self.gauge("tidegate_lane_state", "1 for the state that a lane is in, 0 for others", None, states)?;
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
        all: &[([(&'l str, &'l str); N], Behind)],
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

    fn sinks(&mut self, picture: &Picture) -> fmt::Result {
        let pending = picture.sinks.iter().map(|sink| ([("sink", &*sink.sink)], sink.pending as u64));
        self.gauge("tidegate_sink_pending", "Events a sink has accepted that are not yet durable", None, pending)?;
        let troubles = picture.sinks.iter().map(|sink| ([("sink", &*sink.sink)], u64::from(sink.trouble.is_some())));
        let help = "1 while a sink's writes fail and are tried again, else 0; /readyz says why";
        self.gauge("tidegate_sink_trouble", help, None, troubles)
    }

    fn state(&mut self, picture: &Picture) -> fmt::Result {
        let kept = || {
            picture.state.iter().filter(|(_, usage)| usage.keys > 0).map(|(of, usage)| {
                let (source, lane) = (&*of.lane.source, &*of.lane.lane);
                ([("policy", &*of.policy), ("route", &*of.route), ("source", source), ("lane", lane)], usage)
            })
        };
        let bytes = kept().map(|(labels, usage)| (labels, usage.bytes));
        let help = "What a policy keeps, by route and lane: keys and values, and 64 bytes more for each key";
        self.gauge("tidegate_policy_state", help, Some(Unit::Bytes), bytes)?;
        let keys = kept().map(|(labels, usage)| (labels, usage.keys));
        self.gauge("tidegate_policy_state_keys", "Keys that a policy keeps, by route and lane", None, keys)
    }

    fn rollouts(&mut self, picture: &Picture) -> fmt::Result {
        let percent = picture.rollouts.iter().map(|found| ([("policy", &*found.policy)], u64::from(found.percent)));
        let help = "Keys of which the module on its way decides, in percent; 0 where it was taken back";
        self.gauge("tidegate_rollout_percent", help, None, percent)?;
        let candidate = |found: &RolloutStatus| {
            let live = picture.generation.iter().flat_map(|live| &live.policies);
            live.into_iter().find(|policy| policy.policy == found.policy).map(|policy| policy.digest.as_str())
        };
        let versions: Vec<_> = picture
            .rollouts
            .iter()
            .flat_map(|found| {
                let of = |version, digest| [("policy", &*found.policy), ("version", version), ("digest", digest)];
                [
                    (of("candidate", candidate(found).unwrap_or_default()), found.candidate_decided),
                    (of("baseline", found.baseline.as_str()), found.baseline_decided),
                ]
            })
            .collect();
        let each = |count: fn(&Decided) -> u64| versions.iter().map(move |(labels, decided)| (*labels, count(decided)));
        let help = "Events that each version of a policy was asked about during a rollout";
        self.counter("tidegate_rollout_events", help, each(|decided| decided.events))?;
        let help = "Events that each version could not decide: traps, timeouts, invalid replies";
        self.counter("tidegate_rollout_failed", help, each(|decided| decided.failed))?;
        let help = "Events that each version dropped or rejected";
        self.counter("tidegate_rollout_refused", help, each(|decided| decided.refused))
    }

    fn shadows(&mut self, picture: &Picture) -> fmt::Result {
        let outcomes = picture.shadows.iter().flat_map(|found| {
            let (policy, digest) = (("policy", &*found.policy), ("digest", found.digest.as_str()));
            found
                .report
                .outcomes
                .iter()
                .map(move |(outcome, count)| ([policy, digest, ("outcome", outcome.word())], *count))
        });
        let help = "Events that a policy in shadow was asked about, by what it would have made of them; nothing of it took place";
        self.counter("tidegate_shadow_events", help, outcomes)?;
        let skipped = picture
            .shadows
            .iter()
            .map(|found| ([("policy", &*found.policy), ("digest", found.digest.as_str())], found.report.skipped));
        let help = "Events that a policy in shadow was not asked about: it had no time";
        self.counter("tidegate_shadow_skipped", help, skipped)
    }

    /// The names that every Prometheus client uses.
    fn process(&mut self, process: &Process) -> fmt::Result {
        let help = "Processor time used, in seconds";
        let mut metric =
            self.encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), MetricType::Counter)?;
        write_counter(&mut metric, &process.cpu_seconds)?;
        let help = "Resident memory, in bytes";
        self.gauge("process_resident_memory", help, Some(Unit::Bytes), [([], process.resident_bytes)])?;
        self.gauge("process_open_fds", "Open files", None, [([], process.open_files)])
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
                let labels: Labels<'_> = &[("route", route), (who, by), (why, cause)];
                write_counter(&mut metric.encode_family(&labels)?, count)?;
            }
        }
        Ok(())
    }

    fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in series {
            match labels.as_slice() {
                [] => write_counter(&mut metric, &count)?,
                labels => write_counter(&mut metric.encode_family(&labels)?, &count)?,
            }
        }
        Ok(())
    }

    fn gauge<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        series: impl IntoIterator<Item = ([(&'l str, &'l str); N], impl EncodeGaugeValue)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in series {
            match labels.as_slice() {
                [] => metric.encode_gauge(&value)?,
                labels => metric.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn info<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = [(&'l str, &'l str); N]>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for labels in series {
            metric.encode_info(&labels.as_slice())?;
        }
        Ok(())
    }
}

fn write_counter(metric: &mut MetricEncoder<'_>, count: &impl EncodeCounterValue) -> fmt::Result {
    metric.encode_counter(count, None::<&Exemplar<NoLabelSet, u64>>)
}

const STATES: [&str; 4] = ["running", "held", "paused", "ended"];

pub(super) fn state(state: &LaneState) -> &'static str {
    match state {
        LaneState::Running => "running",
        LaneState::Held { .. } => "held",
        LaneState::Paused { .. } => "paused",
        LaneState::Ended => "ended",
    }
}
