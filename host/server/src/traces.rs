//! Traces over OTLP: a span for each batch, for each policy that was asked about it, and for events that are sampled, sent to the
//! collector that OpenTelemetry's own variables name (`OTEL_…`). [TRACES.md](../TRACES.md) has all of it.
//!
//! The variables are the one way to have it: whoever runs a collector sets them for every program alike, and headers with secrets belong
//! on no command line. Without an endpoint nothing here is made, and the data path knows of no tracer. What is set and cannot be used is an
//! error in the log and no reason not to run: such variables often stand in an environment that was not made for this program.
//!
//! Lanes never wait: finished spans go to a bounded queue, or are counted as dropped; a thread of its own sends them.

mod context;
mod export;
mod post;
mod settings;
mod spans;

use std::{sync::Arc, thread};

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, SpanExporter as _},
};
use tidegate_pipeline::Tracer;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant, timeout},
};

pub(crate) use self::export::SpanCounts;
use self::{
    export::{Exporting, Queue},
    post::Poster,
    settings::{Settings, Wanted},
    spans::Spans,
};
use crate::problem::OrProblem as _;

/// What is still to be sent when the host stops may take this long: less than the 5 s that `deploy/tidegate.service` leaves behind `--grace`.
const FLUSH: Duration = Duration::from_secs(3);

/// What SDKs call a service whose name nobody said.
const UNNAMED: &str = "unknown_service";

/// Tracing that is switched on.
#[derive(Debug)]
pub(crate) struct Traces {
    tracer: Arc<Spans>,
    counts: Arc<SpanCounts>,
    /// When sending ends, once the host stops.
    stop: watch::Sender<Option<Instant>>,
    // Its sender goes when the last span is sent.
    ended: oneshot::Receiver<()>,
}

impl Traces {
    /// What the environment asks for; `None`: nothing, or nothing that can be done, which the log then says.
    pub(crate) fn from_env() -> Option<Traces> {
        let variable = |name: &str| std::env::var(name).ok();
        let begun = match Settings::read(variable) {
            Wanted::No => return None,
            Wanted::Unusable(why) => Err(anyhow::anyhow!(why)),
            Wanted::Yes(settings) => Traces::start(settings),
        };
        begun.inspect_err(|error| tracing::error!("traces are off, events are not affected: {error:#}")).ok()
    }

    fn start(settings: Settings) -> anyhow::Result<Traces> {
        let counts = Arc::<SpanCounts>::default();
        let (poster, heard) = Poster::new(&settings)?;
        let exporter = SpanExporter::builder().with_http().with_http_client(poster);
        let mut exporter = exporter.build().or_problem("the exporter refuses its variables", "")?;
        let resource = resource();
        exporter.set_resource(&resource);
        let (queue, spans) = mpsc::channel(settings.queue);
        let (stop, stopping) = watch::channel(None);
        let queue = Queue::new(queue, counts.clone());
        let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue).build();
        let tracer = Arc::new(Spans::new(provider.tracer("tidegate"), settings.roots, counts.clone()));
        let endpoint = settings.endpoint.clone();
        let exporting = Exporting::new(exporter, spans, stopping, settings, counts.clone(), heard);
        let what = "no thread can be started";
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.or_problem(what, "")?;
        let (until, ended) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(exporting.run());
            drop(until);
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("traces".into()).spawn(run).or_problem(what, "")?;
        tracing::info!(%endpoint, "traces are exported");
        Ok(Traces { tracer, counts, stop, ended })
    }

    /// Who traces batches.
    pub(crate) fn tracer(&self) -> Arc<dyn Tracer> {
        self.tracer.clone()
    }

    /// What became of spans.
    pub(crate) fn counts(&self) -> Arc<SpanCounts> {
        self.counts.clone()
    }

    /// Sends what is left, within [`FLUSH`]: a collector that is down keeps no host from ending.
    pub(crate) async fn close(self) {
        self.stop.send_replace(Some(Instant::now() + FLUSH));
        // Sending ends by itself then; one second more is for a thread that gets no time.
        if timeout(FLUSH + Duration::from_secs(1), self.ended).await.is_err() {
            tracing::warn!("the last spans are not sent: their thread does not end");
        }
    }
}

/// Who the spans are of: what the environment says, else this program.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let has = |key: &'static str| said.get(&key.into());
    let unnamed = has("service.name").is_none_or(|name| name.as_str().starts_with(UNNAMED));
    let name = unnamed.then(|| KeyValue::new("service.name", "tidegate"));
    let version = has("service.version").is_none();
    let version = version.then(|| KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    Resource::builder().with_attributes(name.into_iter().chain(version)).build()
}
