//! Orders over HTTP, while the file flows: the demo posts some, and whoever watches may post theirs.
//!
//! What is answered 204 is accounted for. Unlike those in the file, these orders come by several lanes, so that nobody knows
//! which generation decides which: only such are posted that every generation decides alike.

use std::{
    collections::HashMap,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidegate_pipeline::RouteTally;
use tokio::{net::TcpStream, task::JoinHandle, time::sleep};

use crate::demo::orders::{Fate, Generation, Order};

/// Orders that the demo posts.
pub(crate) const COUNT: u64 = 100;
/// Their numbers begin behind all that a file may have.
const FIRST: u64 = 2_000_000;
/// Between two of them: together they take as long as the file does.
const PACE: Duration = Duration::from_millis(60);
/// After an answer that asks for another try, or none.
const AGAIN: Duration = Duration::from_millis(100);

/// An address of this machine that nobody listens at.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// The line for whoever watches.
pub(crate) fn curl(address: SocketAddr) -> [String; 4] {
    [
        format!("curl -i http://{address}/ \\"),
        "  -H 'ce-specversion: 1.0' -H 'ce-type: com.acme.order.placed' -H 'ce-source: /me' -H 'ce-id: 1' \\"
            .to_owned(),
        "  -H 'content-type: application/json' \\".to_owned(),
        r#"  -d '{"region": "eu", "amount": 49.9, "card": "4111-1111-1111-1111"}'"#.to_owned(),
    ]
}

/// The orders that are posted.
fn orders() -> impl Iterator<Item = Order> {
    let alike = |order: &Order| order.fate(Generation::First) == order.fate(Generation::Second);
    (FIRST..).map(Order::nth).filter(alike).take(usize::try_from(COUNT).unwrap_or(usize::MAX))
}

/// Somebody who posts orders, one after another, and again what was not taken. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Poster {
    answered: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Poster {
    /// To be called inside a runtime.
    pub(crate) fn start(address: SocketAddr) -> Poster {
        let answered = Arc::new(AtomicU64::new(0));
        let count = answered.clone();
        let task = tokio::spawn(async move {
            let mut left = orders().peekable();
            while let Some(order) = left.peek() {
                if matches!(post(address, *order).await, Ok(StatusCode::NO_CONTENT)) {
                    count.fetch_add(1, Ordering::Relaxed);
                    left.next();
                    sleep(PACE).await;
                } else {
                    sleep(AGAIN).await;
                }
            }
        });
        Poster { answered, task }
    }

    /// Orders that were answered 204: delivered, or dropped on purpose.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Poster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection a request, as `curl` does.
async fn post(address: SocketAddr, order: Order) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its only request; what went wrong with it the request knows.
    tokio::spawn(connection);
    let mut line = Vec::new();
    order.write_line(&mut line);
    let request = Request::post("/")
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/cloudevents+json")
        .body(String::from_utf8(line)?)?;
    Ok(sender.send_request(request).await?.status())
}

/// What became of everything that came over HTTP.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Settled, those of whoever watched among them.
    pub(crate) received: u64,
    /// Of others than the demo.
    pub(crate) yours: u64,
    pub(crate) dropped: u64,
    /// Lines that came out.
    pub(crate) delivered: u64,
    /// One sentence each.
    pub(crate) findings: Vec<String>,
}

/// Holds the output against what was posted and what the host counted.
pub(crate) fn account(tally: &RouteTally, output: &Path) -> io::Result<Account> {
    let text = match fs::read_to_string(output) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut account = Account {
        received: tally.received,
        yours: tally.received.saturating_sub(COUNT),
        dropped: tally.dropped.values().sum(),
        delivered: text.lines().count() as u64,
        findings: Vec::new(),
    };
    if tally.received < COUNT {
        account.findings.push(format!("{COUNT} orders were posted, but {} were received", tally.received));
    }
    if account.received != account.delivered + account.dropped {
        let (received, dropped, out) = (account.received, account.dropped, account.delivered);
        account.findings.push(format!("{received} came over HTTP, but {dropped} were dropped and {out} came out"));
    }
    let mut times: HashMap<u64, u32> = HashMap::new();
    for line in text.lines() {
        let event: Option<Value> = serde_json::from_str(line).ok();
        let number = event.as_ref().and_then(|event| Order::number_of(event.get("id")?.as_str()?));
        if let (Some(event), Some(number)) = (event, number.filter(|number| *number >= FIRST)) {
            *times.entry(number).or_default() += 1;
            if let Err(problem) = Order::nth(number).check_redacted(line, &event) {
                account.findings.push(format!("{}: {problem}", Order::nth(number).id()));
            }
        }
    }
    for order in orders() {
        let wanted = u32::from(!matches!(order.fate(Generation::First), Fate::Dropped(_)));
        let found = times.get(&order.number()).copied().unwrap_or(0);
        if found != wanted {
            account.findings.push(format!("{} came out {found} times; it must be {wanted}", order.id()));
        }
    }
    Ok(account)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    /// What comes out of a host that did everything right.
    fn right() -> (RouteTally, Vec<String>) {
        let mut tally = RouteTally { received: COUNT, ..RouteTally::default() };
        let mut lines = Vec::new();
        for order in orders() {
            match order.fate(Generation::First) {
                Fate::Dropped(why) => {
                    *tally.dropped.entry(("shop/order-guard".into(), why.into())).or_default() += 1;
                }
                Fate::Delivered(_) | Fate::Nobody => {
                    let mut data = order.data();
                    data["card"] = json!("***");
                    data["customer"]["email"] = json!("***");
                    lines.push(json!({"id": order.id(), "data": data}).to_string());
                }
            }
        }
        (tally, lines)
    }

    fn findings(tally: &RouteTally, lines: &[String]) -> usize {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("web.jsonl");
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("write");
        account(tally, &path).expect("an account").findings.len()
    }

    #[test]
    fn what_is_lost_doubled_or_not_redacted_is_found() {
        let (tally, lines) = right();
        assert!(!tally.dropped.is_empty() && lines.len() > 50);
        assert_eq!(findings(&tally, &lines), 0);
        assert!(findings(&tally, &lines[1..]) > 0);
        assert!(findings(&tally, &[&lines[..], &lines[..1]].concat()) > 0);
        let plain =
            lines.iter().map(|line| line.replace("\"card\":\"***\"", "\"card\":\"4111-1\"")).collect::<Vec<_>>();
        assert!(findings(&tally, &plain) > 0);
        assert!(findings(&RouteTally { received: COUNT - 1, ..tally }, &lines) > 0);
    }

    #[test]
    fn whoever_watches_is_accounted_for() {
        let (mut tally, mut lines) = right();
        tally.received += 1;
        assert!(findings(&tally, &lines) > 0, "an order of theirs is missing");
        lines.push(r#"{"id":"1"}"#.to_owned());
        assert_eq!(findings(&tally, &lines), 0);
    }
}
