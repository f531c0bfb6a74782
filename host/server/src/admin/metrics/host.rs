//! Figures of the host itself, its sinks, and its process.

use std::{fmt, time::UNIX_EPOCH};

use prometheus_client::{metrics::MetricType, registry::Unit};
use tidegate_connector::SinkNumbers;
use tidegate_control::{Picture, status::Phase};

use super::{
    super::{
        health::{Health, phase},
        process::Process,
    },
    sheet::{Sheet, write_counter},
};
use crate::traces::SpanCounts;

impl Sheet<'_> {
    pub(super) fn host(&mut self, picture: &Picture) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        self.info("tidegate_build", "What runs", [[("version", version)]])?;
        let ready = u64::from(Health::of(picture).is_ready());
        self.gauge("tidegate_ready", "1 while /readyz answers 200, else 0", None, [([], ready)])?;
        let phases = [Phase::Starting, Phase::Serving, Phase::Draining]
            .map(|known| ([("phase", phase(known))], u64::from(known == picture.phase)));
        self.gauge("tidegate_phase", "1 for the phase that the host is in, 0 for others", None, phases)?;
        let swaps = "Sets of documents that went live";
        self.counter("tidegate_swaps", swaps, [([], picture.swaps)])?;
        let help = "How long making verified documents live took";
        self.durations("tidegate_swap_duration", help, [([], picture.swap_times.read())])?;
        let refused = "Sets of documents that were refused; what ran before went on";
        self.counter("tidegate_refused_documents", refused, [([], picture.refusals)])?;
        let help = "1 while the newest documents are refused and older ones run, else 0";
        self.gauge("tidegate_documents_refused", help, None, [([], u64::from(picture.refused))])?;
        let generation = picture.generation.as_ref();
        let ids = generation.map(|live| [("generation", &*live.id)]);
        self.info("tidegate_generation", "The documents that are live", ids)?;
        let since = generation.map(|live| {
            let since = live.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            ([], since)
        });
        let help = "When the live documents went live, in seconds since 1970";
        self.gauge("tidegate_generation_since", help, Some(Unit::Seconds), since)?;
        let policies = generation.into_iter().flat_map(|live| &live.policies).map(|policy| {
            let (module, version) = (policy.module.as_str(), policy.version.as_str());
            [("policy", &*policy.policy), ("module", module), ("version", version), ("digest", policy.digest.as_str())]
        });
        self.info("tidegate_policy", "Policies that are live, and the module that decides for each", policies)
    }

    pub(super) fn sinks(&mut self, picture: &Picture) -> fmt::Result {
        let count = |of: fn(&SinkNumbers) -> u64| {
            picture.sinks.iter().map(move |sink| ([("sink", &*sink.sink)], of(&sink.numbers)))
        };
        let help = "Events that a sink has accepted";
        self.counter("tidegate_sink_received", help, count(|numbers| numbers.accepted))?;
        let help = "Events that a sink has written: they are durable at the other side";
        self.counter("tidegate_sink_settled", help, count(|numbers| numbers.durable))?;
        let help = "Events that a sink will never take; they rest in a dead letter, or their lane waits";
        self.counter("tidegate_sink_refused", help, count(|numbers| numbers.refused))?;
        let help = "Writes that were tried once more after one that failed";
        self.counter("tidegate_sink_retries", help, count(|numbers| numbers.retries))?;
        let pending = picture.sinks.iter().map(|sink| ([("sink", &*sink.sink)], sink.pending as u64));
        let help = "Events that a sink has accepted and that are not yet durable";
        self.gauge("tidegate_sink_in_flight", help, None, pending)?;
        let lags = picture.sinks.iter().map(|sink| ([("sink", &*sink.sink)], sink.lag.as_secs_f64()));
        let help = "For how long the oldest event of what a sink is writing has been there; 0 while it writes nothing";
        self.gauge("tidegate_sink_lag", help, Some(Unit::Seconds), lags)?;
        let troubles = picture.sinks.iter().map(|sink| ([("sink", &*sink.sink)], u64::from(sink.trouble.is_some())));
        let help = "1 while a sink's writes fail and are tried again, else 0; /readyz says why";
        self.gauge("tidegate_sink_trouble", help, None, troubles)
    }

    /// Nothing but their names where nobody traces.
    pub(super) fn spans(&mut self, spans: Option<&SpanCounts>) -> fmt::Result {
        let exported = spans.map(|spans| ([], spans.exported()));
        self.counter("tidegate_spans_exported", "Spans that the collector has taken", exported)?;
        let dropped = spans.into_iter().flat_map(SpanCounts::dropped);
        let help =
            "Spans that nobody has: the queue was full, the collector did not take them, or a batch had too many";
        self.counter("tidegate_spans_dropped", help, dropped.map(|(reason, count)| ([("reason", reason)], count)))
    }

    /// The names that every Prometheus client uses.
    pub(super) fn process(&mut self, process: &Process) -> fmt::Result {
        let help = "Processor time used, in seconds";
        let mut metric =
            self.encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), MetricType::Counter)?;
        write_counter(&mut metric, &process.cpu_seconds)?;
        let help = "Resident memory, in bytes";
        self.gauge("process_resident_memory", help, Some(Unit::Bytes), [([], process.resident_bytes)])?;
        self.gauge("process_open_fds", "Open files", None, [([], process.open_files)])
    }
}
