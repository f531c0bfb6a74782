//! From finished spans to requests: a bounded queue that never holds who finished them, and the task that empties it.
//!
//! The SDK's own processor is not used: it tells nobody how many spans it drops, and shuts down when the exporter likes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{post::Heard, settings::Settings};

/// What became of spans, since the process began.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    exported: AtomicU64,
    queue_full: AtomicU64,
    not_exported: AtomicU64,
    batch_limit: AtomicU64,
}

impl SpanCounts {
    /// The collector has them.
    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Relaxed)
    }

    /// Nobody has them, by reason.
    pub(crate) fn dropped(&self) -> [(&'static str, u64); 3] {
        let counts = [
            ("queue full", &self.queue_full),
            ("not exported", &self.not_exported),
            ("batch limit", &self.batch_limit),
        ];
        counts.map(|(reason, count)| (reason, count.load(Relaxed)))
    }

    /// Events of a batch that were sampled, and have no span for there were too many of them.
    pub(super) fn beyond(&self, events: u64) {
        self.batch_limit.fetch_add(events, Relaxed);
    }
}

/// Takes what is finished, at once.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    counts: Arc<SpanCounts>,
}

impl Queue {
    pub(super) fn new(spans: mpsc::Sender<SpanData>, counts: Arc<SpanCounts>) -> Queue {
        Queue { spans, counts }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.counts.queue_full.fetch_add(1, Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    // What is queued is sent by whoever empties the queue.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Empties the queue.
#[derive(Debug)]
pub(super) struct Exporting {
    exporter: SpanExporter,
    spans: mpsc::Receiver<SpanData>,
    /// Until when spans are sent, once the host stops.
    stop: watch::Receiver<Option<Instant>>,
    settings: Settings,
    counts: Arc<SpanCounts>,
    heard: Arc<Heard>,
    /// The last request failed, and the log knows.
    failing: bool,
}

impl Exporting {
    pub(super) fn new(
        exporter: SpanExporter,
        spans: mpsc::Receiver<SpanData>,
        stop: watch::Receiver<Option<Instant>>,
        settings: Settings,
        counts: Arc<SpanCounts>,
        heard: Arc<Heard>,
    ) -> Exporting {
        Exporting { exporter, spans, stop, settings, counts, heard, failing: false }
    }

    /// Until the host stops and all is sent, or its time is up.
    pub(super) async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                break;
            }
            self.export(batch).await;
        }
    }

    /// What goes together: as many as may, or what comes within the delay. None: the host stops, and all is taken.
    async fn gather(&mut self) -> Vec<SpanData> {
        let Settings { batch: most, delay, .. } = self.settings;
        let first = tokio::select! {
            span = self.spans.recv() => span,
            _ = stopping(&mut self.stop) => None,
        };
        let mut batch: Vec<SpanData> = first.into_iter().collect();
        let due = sleep(delay);
        tokio::pin!(due);
        while !batch.is_empty() && batch.len() < most {
            tokio::select! {
                span = self.spans.recv() => match span {
                    Some(span) => batch.push(span),
                    None => break,
                },
                _ = stopping(&mut self.stop) => break,
                () = &mut due => break,
            }
        }
        while batch.len() < most
            && let Ok(span) = self.spans.try_recv()
        {
            batch.push(span);
        }
        batch
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let Exporting { exporter, stop, .. } = self;
        let late = async { sleep_until(stopping(stop).await).await };
        let sent = tokio::select! {
            sent = exporter.export(batch) => sent.map_err(|error| error.to_string()),
            () = late => Err("the host has stopped".to_owned()),
        };
        let rejected = self.heard.rejected().min(count);
        let exported = if sent.is_ok() { count - rejected } else { 0 };
        self.counts.exported.fetch_add(exported, Relaxed);
        self.counts.not_exported.fetch_add(count - exported, Relaxed);
        self.tell(sent.err(), count - exported);
    }

    /// The log hears of trouble when it begins, and of its end.
    fn tell(&mut self, error: Option<String>, dropped: u64) {
        let endpoint = &self.settings.endpoint;
        // The client knows more than the exporter says.
        let cause = self.heard.trouble().filter(|_| dropped > 0).or(error);
        match cause {
            Some(cause) if !self.failing => {
                tracing::warn!(%endpoint, dropped, "spans are dropped, events are not affected: {cause}");
            }
            None if self.failing => tracing::info!(%endpoint, "spans are exported again"),
            Some(_) | None => {}
        }
        self.failing = dropped > 0;
    }
}

/// Waits until the host stops: until when spans are sent then. Cancel-safe.
async fn stopping(stop: &mut watch::Receiver<Option<Instant>>) -> Instant {
    match stop.wait_for(Option::is_some).await {
        Ok(until) => until.unwrap_or_else(Instant::now),
        // Whoever would say so is gone.
        Err(_) => Instant::now(),
    }
}
