//! Ten times what the sink can take, for a minute: memory stays within its bound, senders are told to come back, nothing that
//! was answered with 2xx is lost, and afterwards every event is taken at once again. How fast is printed, before and after.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client::{Client, free_address, respond};
use crate::rig::docs::Docs;
use crate::rig::host::{Host, Start};

const OVERLOAD: Duration = Duration::from_secs(60);
/// Requests the sink has under way at once, and how long the service takes for each: 400 events a second.
const AT_ONCE: usize = 16;
const EACH: Duration = Duration::from_millis(40);
const CONNECTIONS: usize = 400;
const BATCH: usize = 10;
/// Ten times 400 events a second, in batches.
const PAUSE: Duration = Duration::from_secs(1);
/// A window of 2,048 events and a queue of 128, each of less than 1 KiB with what belongs to it; the rest is what 400 connections
/// and the allocator may keep.
const GROWTH_MAX: u64 = 64 << 20;
/// Events by which the speed before and after is told.
const MEASURED: usize = 2_000;

type Seen = Arc<Mutex<HashSet<String>>>;

/// A service that takes its time, and remembers what it has got.
async fn service(seen: Seen) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    tokio::time::sleep(EACH).await;
                    let id = request.headers()["ce-id"].to_str().unwrap().to_owned();
                    seen.lock().unwrap().insert(id);
                    Ok::<_, Infallible>(respond(StatusCode::NO_CONTENT))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
        }
    });
    address
}

fn deploy(dir: &Path, listen: SocketAddr, to: SocketAddr) {
    fs::create_dir(dir.join("docs")).unwrap();
    let source = format!("{{http: {{listen: '{listen}', lanes: 1, queue: {{events: 128}}}}}}");
    let docs = Docs::new()
        .doc("Source", "in", &source)
        .doc("Sink", "out", &format!("{{http: {{url: 'http://{to}/', concurrency: {AT_ONCE}}}}}"))
        .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
}

fn event(id: &str) -> String {
    format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/test\",\"type\":\"t\",\"data\":1}}")
}

/// What a sender does that is told to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToldToComeBack {
    ComesBack,
    Fails,
}

/// Events a second that get through when nobody sends more than the service can take.
async fn speed(address: SocketAddr, phase: &str, then: ToldToComeBack) -> f64 {
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..AT_ONCE {
        let phase = phase.to_owned();
        senders.spawn(async move {
            let mut client = Client::new(address);
            for number in 0..MEASURED / AT_ONCE {
                let event = event(&format!("{phase}-{sender}-{number}"));
                loop {
                    let answer = client.post_event(&event).await;
                    if answer.as_ref().is_ok_and(|answer| answer.status == 204) {
                        break;
                    }
                    assert_eq!(then, ToldToComeBack::ComesBack, "{answer:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    MEASURED as f64 / start.elapsed().as_secs_f64()
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    told_to_come_back: AtomicUsize,
}

/// Posts batches at its pace, whatever comes back. Returns the ids of those that were answered with 2xx.
async fn insist(address: SocketAddr, sender: usize, until: Instant, counts: Arc<Counts>) -> Vec<String> {
    let mut client = Client::new(address);
    let mut accepted = Vec::new();
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    for number in 0.. {
        ticks.tick().await;
        if Instant::now() >= until {
            break;
        }
        let ids: Vec<String> = (0..BATCH).map(|at| format!("over-{sender}-{number}-{at}")).collect();
        let events: Vec<String> = ids.iter().map(|id| event(id)).collect();
        let answer = client.post_batch(&events).await.unwrap();
        if answer.status.is_success() {
            counts.accepted.fetch_add(BATCH, SeqCst);
            accepted.extend(ids);
        } else {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.retry_after.is_some(), "503 without Retry-After");
            counts.told_to_come_back.fetch_add(BATCH, SeqCst);
        }
    }
    accepted
}

/// Asks the admin port until the time has come. Returns the most memory the host was seen with.
async fn watch(host: &Host, admin: SocketAddr, until: Instant) -> u64 {
    let mut client = Client::new(admin);
    let mut most = 0;
    while Instant::now() < until {
        assert_eq!(client.get("/livez").await.unwrap().status, 200);
        let metrics = client.get("/metrics").await.unwrap();
        assert!(metrics.text().contains("tidegate_"), "{}", metrics.text());
        most = most.max(host.resident());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_is_told_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let seen = Seen::default();
    let (address, admin) = (free_address(), free_address());
    deploy(dir, address, service(seen.clone()).await);
    let admin_text = admin.to_string();
    let mut host = Start { args: &["--dev", "--sidecar", "--admin", &admin_text], ..Start::new(dir) }.spawn();
    host.logged("host is ready", 1);

    let before = speed(address, "before", ToldToComeBack::ComesBack).await;
    let resident = host.resident();
    let until = Instant::now() + OVERLOAD;
    let counts = Arc::new(Counts::default());
    let mut senders = JoinSet::new();
    for sender in 0..CONNECTIONS {
        senders.spawn(insist(address, sender, until, counts.clone()));
    }
    let most = watch(&host, admin, until).await;
    let mut accepted = Vec::new();
    while let Some(ids) = senders.join_next().await {
        accepted.extend(ids.unwrap());
    }
    // What waits in the windows is delivered before anything new.
    speed(address, "drain", ToldToComeBack::ComesBack).await;
    let after = speed(address, "after", ToldToComeBack::Fails).await;

    let seen = seen.lock().unwrap();
    let lost = accepted.iter().filter(|id| !seen.contains(*id)).count();
    let (accepted, back) = (counts.accepted.load(SeqCst), counts.told_to_come_back.load(SeqCst));
    println!(
        "overload: {accepted} accepted, {back} told to come back, {lost} lost; resident {} KiB, then at most {} KiB more; {before:.0} events/s \
         before, {after:.0} after",
        resident >> 10,
        most.saturating_sub(resident) >> 10
    );
    assert_eq!(lost, 0);
    assert!(accepted > 0 && back > accepted, "it was no overload");
    assert!(most <= resident + GROWTH_MAX, "{} MiB more", most.saturating_sub(resident) >> 20);
    drop(seen);
    assert!(host.stop().success());
}
