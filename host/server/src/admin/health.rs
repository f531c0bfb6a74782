//! `/livez` and `/readyz`: whether to restart the host, and whether to send it anything.
//!
//! Ready means: documents are live, the host is not draining, every source has a lane (or stands by in its group), and no lane is paused.
//! These need a start, an end, or a person. What heals by itself is told, and leaves the host ready: a lane that is held tries again, a sink
//! in trouble pushes back (a host behind which *one* sink is down must not lose its traffic for all others), and documents
//! that were refused leave running what ran before.

use std::{fmt::Write as _, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tidegate_control::{Picture, status::Phase};
use tidegate_pipeline::{CircuitState, LaneState, OPERATOR, SourceState};

use super::{Host, PATIENCE};

/// The event loop must come round within this time to count as alive. Probes should wait a little longer.
const TURN: Duration = Duration::from_secs(5);

/// 200 while the runtime of the data path still runs what it is given.
pub(super) async fn livez(State(host): State<Host>) -> Response {
    let turned = tokio::time::timeout(TURN, host.data_path.spawn(async {})).await;
    match turned {
        Ok(Ok(())) => (StatusCode::OK, "alive\n").into_response(),
        Ok(Err(_)) | Err(_) => {
            let text = format!("the event loop has not come round for {} s\n", TURN.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// 200 or 503, and what is not ready.
pub(super) async fn readyz(State(host): State<Host>) -> Response {
    let picture = host.status.look(PATIENCE).await;
    let health = Health::of(&picture);
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, format!("{:#}\n", health.json(&picture))).into_response()
}

/// Whether a host is ready, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Health {
    not_ready: Vec<Finding>,
    told: Vec<Finding>,
}

/// One thing, and what is with it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    what: String,
    why: String,
}

impl Health {
    pub(super) fn of(picture: &Picture) -> Health {
        let mut health = Health::default();
        match picture.phase {
            Phase::Starting => {
                health.blocks("documents", "not live yet: they are verified, and their modules compiled")
            }
            Phase::Draining => health.blocks("host", "draining: it takes nothing more"),
            Phase::Serving => health.serving(picture),
        }
        if picture.refused {
            health.tells("documents", "the newest were refused: what ran before goes on; see the log");
        }
        for circuit in &picture.circuits {
            if let CircuitState::Open { cause, .. } | CircuitState::HalfOpen { cause, .. } = &circuit.state {
                health.tells(format!("policy {}", circuit.policy), format!("its module is not asked: {cause}"));
            }
        }
        for sink in &picture.sinks {
            if let Some(trouble) = &sink.trouble {
                health.tells(format!("sink {}", sink.sink), format!("{trouble}; {} events wait", sink.pending));
            }
        }
        health
    }

    fn serving(&mut self, picture: &Picture) {
        for source in &picture.sources {
            let has_lane = picture.lanes.iter().any(|lane| lane.source == source.source);
            let what = format!("source {}", source.source);
            match &source.state {
                SourceState::Open | SourceState::Complete => {}
                SourceState::Standby => {
                    self.tells(what, "others of its group have all there is; it waits for its share")
                }
                SourceState::Opening => self.blocks(what, "it has no lane yet"),
                SourceState::Trouble(why) if has_lane => self.tells(what, format!("no further lane for now: {why}")),
                SourceState::Trouble(why) => self.blocks(what, format!("tries again: {why}")),
                SourceState::Failed(why) => self.blocks(what, format!("given up: {why}")),
            }
        }
        for lane in &picture.lanes {
            let what = || format!("lane {} of {}", lane.lane, lane.source);
            match &lane.state {
                LaneState::Running | LaneState::Ended => {}
                LaneState::Held { by, reason } => {
                    self.tells(what(), format!("held, tries again: {}", said(by, reason)));
                }
                // Somebody wants it so, and knows.
                LaneState::Paused { by, reason } if **by == *OPERATOR => self.tells(what(), reason.to_string()),
                LaneState::Paused { by, reason } => {
                    self.blocks(what(), format!("paused until the documents change: {}", said(by, reason)));
                }
            }
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.not_ready.is_empty()
    }

    fn blocks(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.not_ready.push(Finding { what: what.into(), why: why.into() });
    }

    fn tells(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.told.push(Finding { what: what.into(), why: why.into() });
    }

    fn json(&self, picture: &Picture) -> Value {
        let list = |findings: &[Finding]| -> Value {
            findings.iter().map(|finding| json!({"what": finding.what, "why": finding.why})).collect()
        };
        let generation = picture.generation.as_ref();
        json!({
            "ready": self.is_ready(),
            "phase": phase(picture.phase),
            "generation": generation.map(|generation| generation.id.to_string()),
            "not_ready": list(&self.not_ready),
            "told": list(&self.told),
        })
    }
}

fn said(by: &str, reason: &str) -> String {
    let mut said = by.to_owned();
    if !reason.is_empty() {
        // A string takes everything.
        let _ = write!(said, ": {reason}");
    }
    said
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Serving => "serving",
        Phase::Draining => "draining",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use tidegate_control::{SinkStatus, SourceStatus};
    use tidegate_pipeline::{Behind, LaneStatus};

    use super::*;

    fn serving(lanes: &[LaneState], state: SourceState) -> Picture {
        let lane = |(at, state): (usize, &LaneState)| LaneStatus {
            source: "shop/orders".into(),
            lane: at.to_string(),
            state: state.clone(),
            in_flight: 0,
            behind: Behind::default(),
        };
        Picture {
            phase: Phase::Serving,
            sources: vec![SourceStatus { source: "shop/orders".into(), state }],
            lanes: lanes.iter().enumerate().map(lane).collect(),
            ..Picture::default()
        }
    }

    fn held() -> LaneState {
        LaneState::Held { by: "shop/guard".into(), reason: "later".into() }
    }

    fn paused() -> LaneState {
        LaneState::Paused { by: "shop/guard".into(), reason: "trap".into() }
    }

    #[track_caller]
    fn check(picture: &Picture, not_ready: &[&str], told: &[&str]) {
        let health = Health::of(picture);
        let named = |findings: &[Finding]| -> Vec<String> {
            findings.iter().map(|finding| format!("{}: {}", finding.what, finding.why)).collect()
        };
        assert_eq!(named(&health.not_ready), not_ready);
        assert_eq!(named(&health.told), told);
        assert_eq!(health.is_ready(), not_ready.is_empty());
    }

    #[test]
    fn what_needs_a_start_an_end_or_a_person_is_not_ready_and_is_named() {
        check(&Picture::default(), &["documents: not live yet: they are verified, and their modules compiled"], &[]);
        let trouble = SourceState::Trouble("127.0.0.1:80: in use".into());
        let failed = SourceState::Failed("no such thing".into());
        check(&serving(&[], SourceState::Opening), &["source shop/orders: it has no lane yet"], &[]);
        check(&serving(&[], trouble), &["source shop/orders: tries again: 127.0.0.1:80: in use"], &[]);
        check(&serving(&[], failed), &["source shop/orders: given up: no such thing"], &[]);
        check(
            &serving(&[LaneState::Running, paused()], SourceState::Open),
            &["lane 1 of shop/orders: paused until the documents change: shop/guard: trap"],
            &[],
        );
        let draining = Picture { phase: Phase::Draining, ..serving(&[LaneState::Running], SourceState::Open) };
        check(&draining, &["host: draining: it takes nothing more"], &[]);
    }

    #[test]
    fn what_heals_by_itself_is_told_and_leaves_it_ready() {
        check(&serving(&[LaneState::Running, LaneState::Ended], SourceState::Complete), &[], &[]);
        check(
            &serving(&[held()], SourceState::Trouble("gone".into())),
            &[],
            &[
                "source shop/orders: no further lane for now: gone",
                "lane 0 of shop/orders: held, tries again: shop/guard: later",
            ],
        );
        let standby = "source shop/orders: others of its group have all there is; it waits for its share";
        check(&serving(&[], SourceState::Standby), &[], &[standby]);
        let sinks = vec![SinkStatus {
            sink: "shop/app".into(),
            pending: 3,
            trouble: Some("refused".into()),
            ..SinkStatus::default()
        }];
        let picture = Picture { refused: true, sinks, ..serving(&[LaneState::Running], SourceState::Open) };
        check(
            &picture,
            &[],
            &[
                "documents: the newest were refused: what ran before goes on; see the log",
                "sink shop/app: refused; 3 events wait",
            ],
        );
    }
}
