//! A source that listens, and a host behind it that does what an event's type says.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_connector::{Connector, Delivery, Fate, Lane, Place, Settled, Source};
use tidegate_connector_http::Http;
use tidegate_event::Event;

/// How long anything may take that happens at all. Only reached by a test that fails.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what}: nothing happened"))
}

/// A source with lanes in hand.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) source: Box<dyn Source>,
    pub(crate) lanes: Vec<Box<dyn Lane>>,
}

/// With these options besides `listen`.
pub(crate) async fn open(options: Value) -> Rig {
    let mut config = options;
    config["listen"] = json!("127.0.0.1:0");
    let lanes = config["lanes"].as_u64().unwrap_or(8);
    let place = Place { base_dir: Path::new("."), state_dir: Path::new(".") };
    let mut source = Http::default().open_source("default/in", &config, &place).unwrap();
    let mut all = Vec::new();
    for _ in 0..lanes {
        all.push(soon("a lane", source.lane()).await.unwrap().unwrap());
    }
    let address = all[0].name().split('/').next().unwrap().parse().unwrap();
    Rig { address, source, lanes: all }
}

/// One lane that the test drives itself.
pub(crate) async fn open_one(mut options: Value) -> Rig {
    options["lanes"] = json!(1);
    open(options).await
}

/// What the host took, in order.
pub(crate) type Seen = Arc<Mutex<Vec<Event>>>;

pub(crate) fn ids(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().iter().map(|event| event.id().to_owned()).collect()
}

/// A host behind a listener.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Seen,
    _source: Box<dyn Source>,
}

/// A host that settles each delivery: see [`settle`].
pub(crate) async fn host(options: Value) -> Host {
    let Rig { address, source, lanes } = open(options).await;
    let seen = Seen::default();
    for lane in lanes {
        tokio::spawn(run(lane, seen.clone()));
    }
    Host { address, seen, _source: source }
}

async fn run(mut lane: Box<dyn Lane>, seen: Seen) {
    while let Some(delivery) = lane.next().await.unwrap() {
        seen.lock().unwrap().extend(delivery.events.iter().cloned());
        settle(delivery).await;
    }
}

/// As the types of the events say: `drop`, `dead`, `reject`, `hold`; anything else is delivered.
pub(crate) async fn settle(mut delivery: Delivery) {
    let (by, reason): (Arc<str>, Arc<str>) = ("default/judge".into(), "because".into());
    let mut fates = Vec::new();
    let mut outcome = Settled::Ack;
    for (position, event) in delivery.events.iter().enumerate() {
        let (by, reason) = (by.clone(), reason.clone());
        match event.ty() {
            "drop" => fates.push((position, Fate::Dropped { by, reason: Some(reason) })),
            "dead" => fates.push((position, Fate::DeadLettered { by, reason })),
            "reject" => fates.push((position, Fate::Rejected { by, reason })),
            "hold" => {
                fates.push((position, Fate::Held { by, reason }));
                outcome = Settled::Nack { events: position, delay: Duration::from_millis(1500) };
                break;
            }
            _ => {}
        }
    }
    assert!(delivery.settlement.answers());
    delivery.settlement.report(fates);
    delivery.settlement.settle(outcome).await.unwrap();
}

/// Takes from a lane what comes next.
pub(crate) async fn next(lane: &mut Box<dyn Lane>) -> Delivery {
    soon("a delivery", lane.next()).await.unwrap().expect("the lane ended")
}
