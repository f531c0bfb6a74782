//! What is sent when, against a scripted service, driven as the framework does.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_event::Form;

use super::*;

fn event(number: usize, key: Option<&str>) -> Event {
    let event = Event::builder().id(&number.to_string()).source("/s").ty("t").data(Form::Json, "1");
    match key {
        Some(key) => event.context("key", key).build().unwrap(),
        None => event.build().unwrap(),
    }
}

fn number(event: &Event) -> usize {
    event.id().parse().unwrap()
}

fn single(concurrency: usize) -> Sending {
    Sending::Single { concurrency, unkeyed: Unkeyed::Ordered }
}

fn dispatch(sending: Sending, failures: u32) -> Dispatch {
    let mut dispatch = Dispatch::new(sending, "http://app.example/".into());
    dispatch.mind(Breaker::new(BreakerOptions { failures, ..BreakerOptions::default() }));
    dispatch
}

/// What the service answers to an event, one try after another; delivered from then on.
type Script = HashMap<usize, Vec<Outcome>>;

#[derive(Default)]
struct Service {
    script: Mutex<Script>,
    /// Requests in the order they came, each with its events.
    seen: Mutex<Vec<Vec<usize>>>,
    taken: Mutex<Vec<usize>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    keys_under_way: Mutex<HashSet<Option<String>>>,
}

impl Service {
    fn new(script: impl IntoIterator<Item = (usize, Vec<Outcome>)>) -> Service {
        Service { script: Mutex::new(script.into_iter().collect()), ..Service::default() }
    }

    fn seen(&self) -> Vec<Vec<usize>> {
        self.seen.lock().unwrap().clone()
    }

    fn taken(&self) -> Vec<usize> {
        self.taken.lock().unwrap().clone()
    }

    fn answer(&self, number: usize) -> Outcome {
        let mut script = self.script.lock().unwrap();
        let next = script.get_mut(&number).filter(|script| !script.is_empty()).map(|script| script.remove(0));
        next.unwrap_or(Outcome::Delivered)
    }
}

impl Post for Service {
    async fn post(&self, events: &[Event]) -> Posted {
        let key = events[0].ordering_key().map(str::to_owned);
        assert!(self.keys_under_way.lock().unwrap().insert(key.clone()), "two at once of key {key:?}");
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        let numbers: Vec<usize> = events.iter().map(number).collect();
        // Some take longer than others.
        for _ in 0..numbers[0] * 7 % 5 {
            tokio::task::yield_now().await;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.keys_under_way.lock().unwrap().remove(&key);
        self.seen.lock().unwrap().push(numbers.clone());
        let outcomes: Vec<Outcome> = numbers.iter().map(|number| self.answer(*number)).collect();
        let bad = outcomes.iter().max_by_key(|outcome| severity(outcome)).cloned().unwrap();
        match bad {
            Outcome::Refused(cause) => Posted::Split(cause),
            Outcome::Delivered => {
                self.taken.lock().unwrap().extend(numbers);
                Posted::All(bad)
            }
            Outcome::Retry(_) | Outcome::Closed(_) => Posted::All(bad),
        }
    }
}

/// Calls as the framework does; what it refused, and the causes it waited with.
async fn drive(dispatch: &mut Dispatch, service: &Service, events: &[Event]) -> (Vec<usize>, Vec<String>) {
    let (mut refused, mut causes, mut written) = (Vec::new(), Vec::new(), 0);
    while written < events.len() {
        match dispatch.write(service, &events[written..]).await {
            Ok(()) => written = events.len(),
            Err(WriteError::Transient { written: some, after, cause, .. }) => {
                written += some;
                causes.push(cause);
                tokio::time::sleep(after.unwrap_or(Duration::from_millis(100))).await;
            }
            Err(WriteError::Permanent { index, .. }) => {
                refused.push(number(&events[written + index]));
                written += index + 1;
            }
            Err(error @ WriteError::Closed { .. }) => panic!("{error}"),
        }
    }
    (refused, causes)
}

fn retry() -> Outcome {
    Outcome::Retry(Retry::new("500"))
}

fn busy(after_s: u64) -> Outcome {
    let after = Some(Duration::from_secs(after_s));
    Outcome::Retry(Retry { cause: "429".into(), after, scope: Scope::Service })
}

fn refuse() -> Outcome {
    Outcome::Refused("422".into())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![3 => Just(retry()), 1 => Just(busy(1)), 2 => Just(refuse()), 2 => Just(Outcome::Delivered)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the service answers: every event is taken or refused once, those of a key are taken in their order, and no more
    /// than `concurrency` are under way.
    #[test]
    fn order_of_keys_and_exactly_one_end(
        keys in prop::collection::vec(prop::option::of(0..4u8), 1..40),
        script in prop::collection::hash_map(0..40usize, prop::collection::vec(outcome(), 1..4), 0..20),
        concurrency in 1..6usize,
        failures in 1..6u32,
        batched in prop::option::of(1..10usize),
    ) {
        let keys: Vec<Option<String>> = keys.into_iter().map(|key| key.map(|key| format!("k{key}"))).collect();
        let events: Vec<Event> = keys.iter().enumerate().map(|(n, key)| event(n, key.as_deref())).collect();
        let service = Service::new(script);
        let sending = batched.map_or(single(concurrency), |events| Sending::Batched { events, bytes: 1 << 20 });
        let mut dispatch = dispatch(sending, failures);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (refused, _) = runtime.block_on(drive(&mut dispatch, &service, &events));
        let taken = service.taken();
        let mut ended: Vec<usize> = taken.iter().chain(&refused).copied().collect();
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..events.len()).collect::<Vec<_>>());
        for key in keys.iter().collect::<HashSet<_>>() {
            let of_key: Vec<usize> = taken.iter().copied().filter(|n| keys[*n] == *key).collect();
            prop_assert!(of_key.is_sorted(), "{:?} of {:?}", of_key, key);
        }
        let most = if batched.is_some() { 1 } else { concurrency };
        prop_assert!(service.most_under_way.load(Ordering::SeqCst) <= most);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_only_to_what_is_not_done() {
    let events: Vec<Event> = (0..6).map(|n| event(n, Some(["a", "b", "c"][n % 3]))).collect();
    let service = Service::new([(0, vec![retry()]), (4, vec![retry()])]);
    let mut dispatch = dispatch(single(8), 100);
    drive(&mut dispatch, &service, &events).await;
    let mut count = [0; 6];
    service.seen().iter().flatten().for_each(|n| count[*n] += 1);
    assert_eq!(count, [2, 1, 1, 1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_for_a_pause_gets_it() {
    let events: Vec<Event> = (0..50).map(|n| event(n, Some(&n.to_string()))).collect();
    let service = Service::new([(0, vec![busy(7)])]);
    let mut dispatch = dispatch(single(1), 100);
    let started = Instant::now();
    let (_, causes) = drive(&mut dispatch, &service, &events).await;
    assert_eq!((causes, service.seen()[1].clone()), (vec!["429".to_owned()], vec![0]));
    assert_eq!(started.elapsed(), Duration::from_secs(7), "of the paused clock");
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_even_if_a_refusal_is_told_first() {
    let events: Vec<Event> = (0..2).map(|n| event(n, Some(&n.to_string()))).collect();
    let service = Service::new([(0, vec![refuse()]), (1, vec![busy(7)])]);
    let mut dispatch = dispatch(single(2), 100);
    let Err(WriteError::Permanent { index: 0, .. }) = dispatch.write(&service, &events).await else { panic!() };
    let held = dispatch.write(&service, &events[1..]).await;
    assert!(matches!(held, Err(WriteError::Transient { written: 0, after: Some(_), .. })), "{held:?}");
    assert_eq!(service.seen().len(), 2, "nothing was sent during the pause");
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_one_event_try() {
    let events: Vec<Event> = (0..50).map(|n| event(n, Some(&n.to_string()))).collect();
    let service = Service::new((0..50).map(|n| (n, vec![retry(); 2])));
    let mut dispatch = dispatch(single(4), 3);
    let first = dispatch.write(&service, &events).await;
    assert!(matches!(first, Err(WriteError::Transient { written: 0, .. })), "{first:?}");
    let sent = service.seen().len();
    assert!((3..=6).contains(&sent), "{sent} sent: 3 that failed, and what was under way then");
    let second = dispatch.write(&service, &events).await;
    let Err(WriteError::Transient { after: Some(after), cause, .. }) = second else { panic!("{second:?}") };
    assert!(cause.contains("500") && cause.contains("in a row"), "{cause}");
    assert_eq!(service.seen().len(), sent, "nothing is sent while it is open");
    tokio::time::sleep(after).await;
    dispatch.write(&service, &events).await.unwrap_err();
    assert_eq!(service.seen().len(), sent + 1, "one tries");
    service.script.lock().unwrap().clear();
    drive(&mut dispatch, &service, &events).await;
    assert_eq!(service.taken().len(), 50);
}

#[tokio::test]
async fn gone_is_gone() {
    let service = Service::new([(0, vec![Outcome::Closed("410".into())])]);
    let outcome = dispatch(single(4), 3).write(&service, &[event(0, None)]).await;
    assert!(matches!(outcome, Err(WriteError::Closed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_refused_batch_is_split_down_to_the_guilty_events() {
    let events: Vec<Event> = (0..10).map(|n| event(n, None)).collect();
    let service = Service::new([(3, vec![refuse(); 10]), (8, vec![refuse(); 10])]);
    let mut dispatch = dispatch(Sending::Batched { events: 8, bytes: 1 << 20 }, 3);
    let (refused, causes) = drive(&mut dispatch, &service, &events).await;
    assert_eq!((refused, causes), (vec![3, 8], Vec::<String>::new()));
    assert_eq!(service.taken(), [0, 1, 2, 4, 5, 6, 7, 9], "the others, once each and in order");
    assert_eq!(service.seen()[0], (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn batches_keep_their_bounds() {
    let events: Vec<Event> = (0..10).map(|n| event(n, None)).collect();
    let lengths = async |sending| {
        let service = Service::default();
        drive(&mut dispatch(sending, 3), &service, &events).await;
        service.seen().iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(Sending::Batched { events: 4, bytes: 1 << 20 }).await, [4, 4, 2]);
    let two = 2 * events[0].size();
    assert_eq!(lengths(Sending::Batched { events: 4, bytes: two }).await, [2; 5]);
    assert_eq!(lengths(Sending::Batched { events: 4, bytes: 1 }).await, [1; 10], "an event that is larger goes alone");
}

#[tokio::test]
async fn what_has_no_key_goes_as_it_came_unless_it_may_not_matter() {
    let peer = |n: usize, peer: &str| event(n, None).with_context(&[("peer", peer)]);
    let events = [peer(0, "a"), peer(1, "b"), peer(2, "a"), event(3, None), event(4, None)];
    let chains = |unkeyed| dispatch(single(1), 1).opened(&events).chains(&events, unkeyed);
    assert_eq!(chains(Unkeyed::Ordered), [vec![0, 2], vec![1], vec![3, 4]]);
    assert_eq!(chains(Unkeyed::Concurrent), [[0], [1], [2], [3], [4]]);
}

impl Dispatch {
    fn opened(mut self, events: &[Event]) -> Dispatch {
        self.progress.begin(events);
        self
    }
}
