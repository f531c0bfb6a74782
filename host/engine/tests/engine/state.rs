//! What guests remember: read and written by call, kept only of calls that went well, and bounded whatever a guest tries.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex, time::Duration};

use tidegate_engine::{
    Capability, GuestSpec, Limits, StateGone, StateLimits, StateValue, StateView, StateWrites, Worker,
};

use crate::{
    support::{batch, events, faults, letters, load, spec, worker},
    wat::{Guest, code, each, when},
};

/// A filter that does by the first letter of an id: P writes `a`; G drops where `a` is there; T writes `b` and traps; H drops where
/// `b` is there; F writes as many values of 60,000 bytes as it may, and rejects when it is refused; R reads for ever.
fn remembering() -> Guest {
    let libc = r#"(core module $libc-module (memory (export "memory") 4)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 40960)))
        (core instance $libc (instantiate $libc-module))"#;
    let component = format!(
        r#"{libc} (import "tidegate:guest/state@0.1.0" (instance $state
             (type $r (enum "full" "too-large"))
             (export "refusal" (type $refusal (eq $r)))
             (export "get" (func (param "keys" (list u8)) (result (list u8))))
             (export "put" (func (param "entries" (list u8)) (result (result (error $refusal)))))))
           (core func $get (canon lower (func $state "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
           (core func $put (canon lower (func $state "put") (memory (core memory $libc "memory"))))"#
    );
    let there = |at: u32, found: &str| {
        format!(
            "(call $get (i32.const {at}) (i32.const 5) (i32.const 3072))
             (if (i32.ne (i32.load (i32.load (i32.const 3072))) (i32.const -1)) (then {found}))"
        )
    };
    let write = |at: u32| format!("(call $put (i32.const {at}) (i32.const 18) (i32.const 3072))");
    let flood = format!(
        "(block $full (loop $more
           (i32.store (i32.const 150016) (i32.add (i32.load (i32.const 150016)) (i32.const 1)))
           (call $put (i32.const 150000) (i32.const 60020) (i32.const 3072))
           (br_if $full (i32.load8_u (i32.const 3072))) (br $more))) {}",
        code(2)
    );
    let body = [
        when('P', &write(2064)),
        when('G', &there(2048, &code(1))),
        when('T', &format!("{} (unreachable)", write(2096))),
        when('H', &there(2056, &code(1))),
        when('F', &flood),
        when('R', "(loop $more (call $get (i32.const 2048) (i32.const 5) (i32.const 3072)) (br $more))"),
    ]
    .concat();
    Guest {
        component,
        with: r#"(with "libc" (instance $libc)) (with "host" (instance (export "get" (func $get)) (export "put" (func $put))))"#.into(),
        core_imports: r#"(import "libc" "memory" (memory 4)) (import "host" "get" (func $get (param i32 i32 i32)))
            (import "host" "put" (func $put (param i32 i32 i32)))"#
            .into(),
        memory: r#"(export "memory" (memory 0))"#.into(),
        ..Guest::filter(&each(&body))
    }
    .core(
        r#"(data (i32.const 2048) "\01\00\00\00a") (data (i32.const 2056) "\01\00\00\00b")
           (data (i32.const 2064) "\01\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00av")
           (data (i32.const 2096) "\01\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00bv")
           (data (i32.const 150000) "\04\00\00\00\60\ea\00\00\00\00\00\00\00\00\00\00")"#,
    )
}

fn granted() -> GuestSpec {
    GuestSpec { capabilities: [Capability::State].into(), ..spec() }
}

async fn decide(worker: &mut Worker, marks: &str) -> String {
    letters(&worker.evaluate(&batch(&events(marks))).await)
}

#[tokio::test]
async fn a_worker_that_is_told_nothing_remembers_by_itself() {
    let mut worker = worker(&remembering(), granted()).await;
    assert_eq!(decide(&mut worker, "GPG").await, "kkd", "within a call");
    assert_eq!(decide(&mut worker, "GH").await, "dk", "from call to call");
    worker.discard();
    assert_eq!(decide(&mut worker, "GH").await, "dk", "it is not the instance that remembers");
}

#[tokio::test]
async fn a_call_that_fails_leaves_nothing_and_its_neighbours_are_asked_from_before_it() {
    let mut worker = worker(&remembering(), granted()).await;
    // The whole call has written `a` and `b` when it traps. Asked again in halves, only `T` fails.
    assert_eq!(decide(&mut worker, "GPGTHG").await, "kkdfkd");
    assert_eq!(decide(&mut worker, "GH").await, "dk");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_before_anything_runs() {
    let (engine, module) = load(&remembering()).await;
    let refused = tidegate_engine::Guest::verify(&engine, &module, spec()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the module needs the capability `state`, which the policy does not grant");
}

/// What a lane would give: values, and room.
#[derive(Clone, Default)]
struct View {
    values: Arc<Mutex<BTreeMap<Vec<u8>, StateValue>>>,
    room: u64,
    gone: bool,
}

impl StateView for View {
    fn get(&mut self, key: &[u8]) -> Result<Option<StateValue>, StateGone> {
        if self.gone {
            return Err(StateGone("the disk is gone".into()));
        }
        Ok(self.values.lock().unwrap().get(key).cloned())
    }

    fn room(&self) -> u64 {
        self.room
    }
}

fn keys(writes: &StateWrites) -> Vec<String> {
    writes.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

#[tokio::test]
async fn through_a_view_what_a_batch_wrote_is_handed_over() {
    let view = View { room: 1 << 20, ..View::default() };
    let b = StateValue { bytes: b"v".as_slice().into(), expires_ms: 0 };
    view.values.lock().unwrap().insert(b"b".to_vec(), b);
    let mut worker = worker(&remembering(), granted()).await;
    worker.remember(Box::new(view.clone()));
    assert_eq!(decide(&mut worker, "GHPTG").await, "kdkfd");
    assert_eq!(keys(&worker.written().writes), ["a"]);
    worker.remember(Box::new(view));
    assert_eq!(decide(&mut worker, "GH").await, "kd", "the last batch was not kept");
    assert!(worker.written().writes.is_empty());
}

#[tokio::test]
async fn when_the_state_cannot_be_read_nobody_is_guilty() {
    let mut worker = worker(&remembering(), granted()).await;
    worker.remember(Box::new(View { gone: true, room: 1 << 20, ..View::default() }));
    assert_eq!(decide(&mut worker, "GG").await, "uu");
}

#[tokio::test]
async fn a_flood_is_refused_at_the_limit() {
    let state = StateLimits { max_bytes: 1_000_000, ttl: None };
    let limits = Limits { state, timeout: Duration::from_secs(10), ..granted().limits };
    let mut worker = worker(&remembering(), GuestSpec { limits, ..granted() }).await;
    worker.remember(Box::new(View { room: 1_000_000, ..View::default() }));
    assert_eq!(decide(&mut worker, "FPG").await, "jkd", "there is still room for what is small");
    let written = worker.written().writes;
    let bytes: usize = written.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |v| v.bytes.len())).sum();
    assert!(written.len() > 10 && bytes < 1_000_000, "{} keys, {bytes} bytes", written.len());
}

#[tokio::test]
async fn reading_for_ever_ends() {
    let limits = Limits { timeout: Duration::from_secs(60), ..granted().limits };
    let mut worker = worker(&remembering(), GuestSpec { limits, ..granted() }).await;
    let decisions = worker.evaluate(&batch(&events("PRP"))).await;
    assert_eq!(letters(&decisions), "kfk");
    assert_eq!(faults(&decisions), ["error: too many keys read in one call"]);
}
