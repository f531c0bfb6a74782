//! Members of a group come and go: what is in flight is settled before a partition is given up, and nothing falls silent.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_connector::{Lane, Settled, Source};
use tidegate_event::Event;

use crate::rig::{self, broker, soon, unique};

fn numbered(
    from: usize,
    count: usize,
    partitions: i32,
) -> impl Iterator<Item = tidegate_brokers::kafka::clients::Record> {
    (from..from + count).map(move |number| {
        let event = Event::builder().id(&number.to_string()).source("/s").ty("t").build().unwrap();
        rig::structured(&event).partition(i32::try_from(number).unwrap() % partitions)
    })
}

/// Reads lanes as they come and acks everything, until it is dropped; ids go to `seen`.
struct Member {
    task: tokio::task::JoinHandle<()>,
}

impl Member {
    fn start(mut source: Box<dyn Source>, seen: tokio::sync::mpsc::Sender<String>) -> Member {
        let run = async move {
            let mut lanes = tokio::task::JoinSet::new();
            loop {
                match source.lane().await {
                    Ok(Some(lane)) => drop(lanes.spawn(read(lane, seen.clone()))),
                    Ok(None) => return,
                    Err(error) => println!("{error}"),
                }
            }
        };
        Member { task: tokio::spawn(run) }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(mut lane: Box<dyn Lane>, seen: tokio::sync::mpsc::Sender<String>) {
    while let Some(delivery) = lane.next().await.unwrap() {
        for event in &delivery.events {
            seen.send(event.id().to_owned()).await.unwrap();
        }
        delivery.settlement.settle(Settled::Ack).await.unwrap();
    }
    lane.close().await.unwrap();
}

/// Reads until all of these were seen; how many came twice.
async fn all_seen(seen: &mut tokio::sync::mpsc::Receiver<String>, range: std::ops::Range<usize>) -> usize {
    let mut missing: std::collections::HashSet<String> = range.map(|number| number.to_string()).collect();
    let mut twice = 0;
    soon("every event", async {
        while !missing.is_empty() {
            let id = seen.recv().await.unwrap();
            twice += usize::from(!missing.remove(&id));
        }
    })
    .await;
    twice
}

/// Several times: a partition that comes back has a new queue, which the end of the old one must not silence.
#[tokio::test(flavor = "multi_thread")]
async fn members_join_and_leave_and_every_partition_goes_on() {
    for rebalance in ["cooperative", "classic"] {
        let topic = rig::topic("members", 4);
        let more = json!({"rebalance": rebalance, "commitInterval": "50ms"});
        let (sender, mut seen) = tokio::sync::mpsc::channel(1000);
        let stays = Member::start(rig::source(&topic, &topic, &more), sender.clone());
        let mut number = 0;
        let mut more_events = |count| {
            broker().write(&topic, numbered(number, count, 4));
            number += count;
            number - count..number
        };
        assert_eq!(all_seen(&mut seen, more_events(400)).await, 0);
        for _ in 0..4 {
            let guest = Member::start(rig::source(&topic, &topic, &more), sender.clone());
            all_seen(&mut seen, more_events(400)).await;
            drop(guest);
            all_seen(&mut seen, more_events(400)).await;
        }
        drop(stays);
    }
}

/// The first member holds a delivery while a second joins: the rebalance waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_settled_before_a_partition_is_given_up() {
    for rebalance in ["cooperative", "classic"] {
        let topic = rig::topic("drained", 2);
        let more = json!({"rebalance": rebalance});
        broker().write(&topic, numbered(0, 20, 2));
        let mut first = rig::source(&topic, &topic, &more);
        let mut lanes = vec![rig::lane(&mut first).await, rig::lane(&mut first).await];
        let mut held = Vec::new();
        for lane in &mut lanes {
            let mut events = 0;
            while events < 10 {
                let delivery = rig::delivery(lane).await;
                events += delivery.events.len();
                held.push(delivery);
            }
        }
        let (sender, mut seen) = tokio::sync::mpsc::channel(1000);
        let second = Member::start(rig::source(&topic, &topic, &more), sender.clone());
        // A lane is told that its partition goes: only then what it delivered is settled.
        let mut ending = lanes.iter_mut().map(|lane| lane.next()).collect::<Vec<_>>();
        let (ended, at, _) = soon("a lane that ends", futures_util::future::select_all(ending.drain(..))).await;
        assert!(ended.unwrap().is_none(), "lane {at} has more");
        drop(ending);
        for delivery in held.drain(..) {
            delivery.settlement.settle(Settled::Ack).await.unwrap();
        }
        broker().write(&topic, numbered(20, 20, 2));
        let reading = tokio::spawn(async move {
            let stays = Member::start(first, sender.clone());
            for lane in lanes {
                tokio::spawn(read(lane, sender.clone()));
            }
            std::future::pending::<()>().await;
            drop(stays);
        });
        assert_eq!(all_seen(&mut seen, 20..40).await, 0, "{rebalance}: something came twice");
        reading.abort();
        drop(second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_does_not_wait_for_ever() {
    let topic = rig::topic("stuck", 1);
    broker().write(&topic, numbered(0, 10, 1));
    let more = json!({"rebalance": "classic", "drainTimeout": "200ms"});
    let mut first = rig::source(&topic, &topic, &more);
    let mut lane = rig::lane(&mut first).await;
    let stuck = rig::delivery(&mut lane).await;
    // Two members and one partition: one of them gets it, and if it is the first, again and again.
    let (sender, mut seen) = tokio::sync::mpsc::channel(1000);
    let second = Member::start(rig::source(&topic, &topic, &more), sender.clone());
    assert!(soon("the end", lane.next()).await.unwrap().is_none());
    let first = Member::start(first, sender);
    all_seen(&mut seen, 0..10).await;
    // Late, and for nobody: the partition is another's.
    stuck.settlement.settle(Settled::Ack).await.unwrap();
    lane.close().await.unwrap();
    drop((first, second));
}

#[tokio::test]
async fn positions_are_committed_while_a_lane_runs() {
    let topic = rig::topic("positions", 1);
    broker().write(&topic, numbered(0, 10, 1));
    let mut source = rig::source(&topic, &topic, &json!({"commitInterval": "10ms"}));
    let mut lane = rig::lane(&mut source).await;
    assert_eq!(rig::take(&mut lane, 10).await.len(), 10);
    soon("a commit", async {
        while broker().committed(&topic, &topic, 0) != Some(10) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn patterns_mean_whole_words() {
    let base = unique("words");
    let names = ["a", "b", "a.x"].map(|word| format!("{base}.{word}"));
    for name in &names {
        broker().topic(name, 1);
    }
    broker().topic(&base, 1);
    for (pattern, expected) in [(format!("{base}.*"), 2), (format!("{base}.>"), 3), (format!("{base}.*.x"), 1)] {
        let mut source = rig::source(&pattern, &unique("group"), &json!({}));
        let mut lanes = Vec::new();
        for _ in 0..expected {
            lanes.push(rig::lane(&mut source).await.name().to_owned());
        }
        lanes.sort();
        let mut fitting: Vec<String> = match expected {
            3 => names.to_vec(),
            2 => names[..2].to_vec(),
            _ => names[2..].to_vec(),
        };
        fitting.iter_mut().for_each(|name| *name += "/0");
        fitting.sort();
        assert_eq!(lanes, fitting, "{pattern}");
    }
}

/// A group without a position begins where it is told to.
#[tokio::test]
async fn a_new_group_starts_where_it_is_told() {
    let topic = rig::topic("start", 1);
    broker().write(&topic, numbered(0, 5, 1));
    let begin = |start: &str| rig::source(&topic, &unique("group"), &json!({"start": start}) as &Value);
    let mut beginning = begin("beginning");
    let mut lane = rig::lane(&mut beginning).await;
    assert_eq!(rig::ids(&rig::take(&mut lane, 5).await), ["0", "1", "2", "3", "4"]);
    let mut end = begin("end");
    let mut lane = rig::lane(&mut end).await;
    let mut number = 5;
    // Whether it has found the end already nobody can tell: what is written comes once it has.
    let first = soon("an event", async {
        loop {
            broker().write(&topic, numbered(number, 1, 1));
            number += 1;
            if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(200), lane.next()).await {
                break delivery.unwrap().unwrap().events[0].id().parse::<usize>().unwrap();
            }
        }
    })
    .await;
    assert!(first >= 5, "it began at {first}");
}

/// Another member takes its time to give up what it has: whoever joins meanwhile says what it waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_waits_for_its_place_says_so() {
    let topic = rig::topic("waits", 1);
    broker().write(&topic, numbered(0, 1, 1));
    let more = |drain: &str| json!({"rebalance": "classic", "drainTimeout": drain});
    let mut slow = rig::source(&topic, &topic, &more("10m"));
    let mut lane = rig::lane(&mut slow).await;
    let held = rig::delivery(&mut lane).await;
    let mut joins = rig::source(&topic, &topic, &more("1s"));
    let said = soon("trouble", async {
        loop {
            match joins.lane().await {
                Ok(_) => panic!("a lane of a partition that is in use"),
                Err(error) if error.to_string().contains("wait-") => return error.to_string(),
                Err(error) => println!("{error}"),
            }
        }
    })
    .await;
    assert!(said.contains(&topic) && said.contains("its group is in state wait-join"), "{said}");
    held.settlement.settle(Settled::Ack).await.unwrap();
    soon("the end of the lane", async { while lane.next().await.unwrap().is_some() {} }).await;
    lane.close().await.unwrap();
    drop(slow);
    let mut next = rig::lane(&mut joins).await;
    broker().write(&topic, numbered(1, 1, 1));
    assert_eq!(rig::ids(&rig::take(&mut next, 1).await), ["1"]);
}
