//! What the rules of holding come to, with a clock of the tests.

#![expect(clippy::await_holding_lock, reason = "nobody else wants the lock")]

use super::*;

const ACK_WAIT: Duration = Duration::from_secs(10);

fn message() -> Message {
    Message {
        subject: "s".into(),
        reply: None,
        payload: "x".into(),
        headers: None,
        status: None,
        description: None,
        length: 1,
    }
}

fn came(held: &mut Held, sequence: u64, reply: &str) -> Came {
    let delivered = Delivered { sequence, consumer_sequence: sequence, published: SystemTime::UNIX_EPOCH, pending: 0 };
    held.came(message(), delivered, reply.to_owned().into())
}

fn deliver(held: &mut Held) -> Vec<u64> {
    let (_, batch) = held.next_batch();
    held.advance(batch.len());
    batch.iter().map(|one| one.sequence).collect()
}

fn acks(held: &mut Held) -> Vec<String> {
    std::iter::from_fn(|| held.next_ack()).map(|(reply, _)| reply.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_is_not_delivered_again() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    for sequence in 1..=3 {
        assert_eq!(came(&mut held, sequence, &format!("first.{sequence}")), Came::New);
    }
    assert_eq!(deliver(&mut held), [1, 2, 3]);
    held.settled(1);
    assert_eq!(acks(&mut held), ["first.1"]);
    assert_eq!(came(&mut held, 1, "again.1"), Came::Done("again.1".into(), Answer::Ack));
    assert_eq!(came(&mut held, 2, "again.2"), Came::Again);
    assert_eq!(deliver(&mut held), [0_u64; 0]);
    held.settled(3);
    assert_eq!(acks(&mut held), ["again.2", "first.3"], "the latest reply counts");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_given_up_and_not_acknowledged() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    came(&mut held, 1, "first.1");
    came(&mut held, 2, "first.2");
    deliver(&mut held);
    held.is_no_event(1);
    held.settled(2);
    let told: Vec<Answer> = std::iter::from_fn(|| held.next_ack()).map(|(_, how)| how).collect();
    assert_eq!(told, [Answer::Ack, Answer::Term]);
    assert_eq!(came(&mut held, 2, "again.2"), Came::Done("again.2".into(), Answer::Term));
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_time_is_neither_delivered_nor_acknowledged_until_it_came_again() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    came(&mut held, 1, "first.1");
    came(&mut held, 2, "first.2");
    let (_, batch) = held.next_batch();
    held.advance(1);
    assert_eq!(batch.len(), 2);
    tokio::time::advance(ACK_WAIT).await;
    held.settled(1);
    assert_eq!(acks(&mut held), Vec::<String>::new());
    assert!(held.next_batch().1.is_empty() && held.stale);
    assert_eq!(held.keep(), Vec::<Subject>::new(), "nor is more time asked for");
    held.await_stale();
    assert!(held.next_batch().1.is_empty() && !held.stale, "asked for once");
    came(&mut held, 2, "again.2");
    assert_eq!(deliver(&mut held), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_no_longer_has_stays_ours() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    came(&mut held, 1, "first.1");
    came(&mut held, 2, "first.2");
    tokio::time::advance(ACK_WAIT).await;
    held.await_stale();
    assert_eq!(deliver(&mut held), [0_u64; 0]);
    came(&mut held, 2, "again.2");
    assert_eq!(deliver(&mut held), [1, 2], "the server went past it");
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_us_gives_more_time() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    came(&mut held, 1, "first.1");
    for _ in 0..5 {
        tokio::time::advance(ACK_WAIT / 3).await;
        assert_eq!(held.keep(), ["first.1".into()]);
    }
    assert_eq!(deliver(&mut held), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_here_has_seen_is_never_taken_for_done() {
    let shared = Shared::new(ACK_WAIT, 100);
    let mut held = shared.lock();
    came(&mut held, 5, "first.5");
    deliver(&mut held);
    held.settled(1);
    assert_eq!(came(&mut held, 3, "first.3"), Came::New);
    assert_eq!(deliver(&mut held), [3]);
}
