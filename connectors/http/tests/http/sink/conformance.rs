//! The kit, in every mode.

use async_trait::async_trait;
use serde_json::{Value, json};
use tidegate_connector::Writer;
use tidegate_connector::conformance::{self, SinkHarness, event};
use tidegate_event::Event;

use super::upstream::{Upstream, decoded, status};
use super::{open, with};

const REFUSED: &str = "refused";

struct Harness {
    upstream: Upstream,
    more: Value,
}

async fn upstream() -> Upstream {
    Upstream::start(|request| {
        let refused = decoded(request).iter().any(|event| event.id() == REFUSED);
        status(if refused { 422 } else { 204 })
    })
    .await
}

#[async_trait]
impl SinkHarness for Harness {
    async fn fresh(&mut self) {
        self.upstream = upstream().await;
    }

    async fn open(&mut self) -> Box<dyn Writer> {
        open(&with(self.upstream.config(), self.more.clone()))
    }

    async fn durable(&mut self) -> Vec<Event> {
        let requests = self.upstream.requests();
        let taken = requests.iter().map(decoded).filter(|events| events.iter().all(|event| event.id() != REFUSED));
        taken.flatten().collect()
    }

    async fn refused(&mut self) -> Option<Event> {
        Some(event(REFUSED, "1"))
    }
}

#[tokio::test]
async fn every_mode_conforms() {
    for mode in ["binary", "structured", "batched"] {
        let mut harness = Harness { upstream: upstream().await, more: json!({"mode": mode}) };
        conformance::sink_conforms(&mut harness).await;
    }
}
