//! A thousand connections that say nothing and five hundred that say a byte a second: every event of the others is taken at once.
//! How fast is printed, alone and among them.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::client::{Client, free_address};
use crate::rig::docs::Docs;
use crate::rig::host::{self, Start};

const IDLE: usize = 1_000;
const SLOW: usize = 500;
const SENDERS: usize = 8;
const EVENTS: usize = 4_000;

/// This process holds the other ends of all those connections.
fn many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(8_192, |most| most.min(8_192));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).unwrap();
}

/// Says a byte of a request each second, and begins anew when it is cut off.
async fn dawdle(address: SocketAddr, stop: Arc<AtomicBool>) {
    let request =
        b"POST / HTTP/1.1\r\nhost: slow\r\ncontent-type: application/cloudevents+json\r\ncontent-length: 100\r\n\r\n{";
    while !stop.load(SeqCst) {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        for byte in request.iter().cycle() {
            if stop.load(SeqCst) || stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Posts events one by one over a few connections; every one has to be taken at once. Returns events a second.
async fn speed(address: SocketAddr, phase: &'static str) -> f64 {
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(async move {
            let mut client = Client::new(address);
            for number in 0..EVENTS / SENDERS {
                let event = format!(
                    "{{\"specversion\":\"1.0\",\"id\":\"{phase}-{sender}-{number}\",\"source\":\"/test\",\"type\":\"t\",\"data\":1}}"
                );
                let answer = client.post_event(&event).await.unwrap();
                assert_eq!(answer.status, 204, "{}", answer.text());
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    EVENTS as f64 / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_and_slow_connections_change_nothing_for_the_others() {
    many_files();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("docs")).unwrap();
    let address = free_address();
    let docs = Docs::new()
        .doc("Source", "in", &format!("{{http: {{listen: '{address}'}}}}"))
        .doc("Sink", "out", "{file: {path: ../out.jsonl}}")
        .doc("Route", "main", "{from: [{name: in}], to: [{sink: out}]}");
    fs::write(dir.join("docs/all.yaml"), docs.text()).unwrap();
    let mut host = Start::new(dir).spawn();
    host.logged("host is ready", 1);
    host.until("the listener", || std::net::TcpStream::connect(address).ok());

    let alone = speed(address, "alone").await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        slow.spawn(dawdle(address, stop.clone()));
    }
    // Longer than the default time for a head: slow ones are cut off meanwhile, and come back.
    let crowded_from = Instant::now();
    let mut crowded = 0.0_f64;
    let mut rounds = 0;
    while crowded_from.elapsed() < Duration::from_secs(12) {
        crowded = crowded.max(speed(address, ["a", "b", "c", "d", "e", "f", "g", "h"][rounds % 8]).await);
        rounds += 1;
    }
    stop.store(true, SeqCst);
    slow.abort_all();
    println!("crowd: {alone:.0} events/s alone, {crowded:.0} among {IDLE} idle and {SLOW} slow connections");
    assert_eq!(host::lines(&dir.join("out.jsonl")), EVENTS * (rounds + 1));
    drop(idle);
    assert!(host.stop().success());
}
