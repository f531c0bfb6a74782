//! `/status`: what runs, as JSON, for people and their scripts.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tidegate_control::Picture;
use tidegate_pipeline::{Behind, LaneState, LaneStatus};

use super::{Host, PATIENCE, health::phase, metrics::state};

/// Routes, lanes and sinks, and how far each is behind.
pub(super) async fn status(State(host): State<Host>) -> Response {
    let picture = host.status.look(PATIENCE).await;
    ([(header::CONTENT_TYPE, "application/json")], shown(&picture).to_string()).into_response()
}

pub(super) fn shown(picture: &Picture) -> Value {
    let list = |values: Vec<Value>| Value::Array(values);
    json!({
        "phase": phase(picture.phase),
        "generation": picture.generation.as_ref().map(|generation| generation.id.to_string()),
        "routes": list(picture.routes.iter().map(|route| json!({
            "route": *route.route, "in_flight": route.in_flight, "lag": lag(route.behind),
        })).collect()),
        "lanes": list(picture.lanes.iter().map(lane).collect()),
        "sinks": list(picture.sinks.iter().map(|sink| json!({
            "sink": *sink.sink,
            "pending": sink.pending,
            "lag_seconds": sink.lag.as_secs_f64(),
            "trouble": sink.trouble,
        })).collect()),
    })
}

fn lane(lane: &LaneStatus) -> Value {
    let held = match &lane.state {
        LaneState::Running | LaneState::Ended => Value::Null,
        LaneState::Held { by, reason } | LaneState::Paused { by, reason } => json!({"by": **by, "reason": **reason}),
    };
    json!({
        "source": *lane.source,
        "lane": lane.lane,
        "state": state(&lane.state),
        "held": held,
        "in_flight": lane.in_flight,
        "lag": lag(lane.behind),
    })
}

/// What is not known is null.
fn lag(behind: Behind) -> Value {
    json!({"events": behind.events, "bytes": behind.bytes, "seconds": behind.age.as_secs_f64()})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_control::RouteStatus;

    use super::*;

    #[test]
    fn it_names_what_holds_a_lane_and_how_far_it_is_behind() {
        let behind = Behind { events: Some(7), bytes: None, age: Duration::from_millis(1500) };
        let state = LaneState::Paused { by: "shop/guard".into(), reason: "trap".into() };
        let lane = LaneStatus { source: "shop/orders".into(), lane: "orders/0".into(), state, in_flight: 3, behind };
        let route = RouteStatus { route: "shop/bill".into(), behind, in_flight: 3 };
        let shown = shown(&Picture { lanes: vec![lane], routes: vec![route], ..Picture::default() });
        let lag = json!({"events": 7, "bytes": null, "seconds": 1.5});
        assert_eq!(shown["routes"], json!([{"route": "shop/bill", "in_flight": 3, "lag": lag}]));
        assert_eq!(
            shown["lanes"],
            json!([{
                "source": "shop/orders", "lane": "orders/0", "state": "paused",
                "held": {"by": "shop/guard", "reason": "trap"}, "in_flight": 3, "lag": lag,
            }])
        );
    }
}
