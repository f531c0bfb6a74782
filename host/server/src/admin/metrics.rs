//! `/metrics`: what the host counts, as Prometheus reads it (OpenMetrics text). [METRICS.md](../../METRICS.md) lists all of it.
//!
//! Nothing is counted here: every scrape reads what the data path and the control path have counted. Series are bounded:
//! routes, sinks, policies and lanes by the documents; reasons at 256 a route, the rest of them under `other`; digests by what
//! is live and ran lately, the rest of them under `earlier`.

mod host;
mod policies;
mod rollouts;
mod routes;
mod sheet;

use std::{fmt, sync::Arc};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};
use tidegate_control::Picture;

use self::sheet::Sheet;
pub(super) use self::{policies::circuit, routes::state};
use super::{Host, PATIENCE, process::Process};
use crate::traces::SpanCounts;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything there is, as text.
pub(super) async fn metrics(State(host): State<Host>) -> Response {
    let picture = host.status.look(PATIENCE).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures { picture, process: Process::now(), spans: host.spans.clone() }));
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
    spans: Option<Arc<SpanCounts>>,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut sheet = Sheet { encoder };
        sheet.host(&self.picture)?;
        sheet.routes(&self.picture)?;
        sheet.policies(&self.picture)?;
        sheet.rollouts(&self.picture)?;
        sheet.shadows(&self.picture)?;
        sheet.lanes(&self.picture)?;
        sheet.sinks(&self.picture)?;
        sheet.state_kept(&self.picture)?;
        sheet.spans(self.spans.as_deref())?;
        sheet.process(&self.process)
    }
}
