//! What a filter says when it fails, in each language, and that it fails alone: the host names the event, these are the guest's words.

use tidegate_engine::Worker;
use tidegate_event::Event;

use super::{assemblyscript, lab};

/// What goes wrong, by the type of an event, and how the answer about it begins.
type Failures = &'static [(&'static str, &'static str)];

/// Configurations that are refused, and with which words.
type Refusals = &'static [(&'static str, &'static str)];

const CONFIG: &str = r#"{"limit": 7}"#;

fn event(id: &str, ty: &str) -> Event {
    let event = Event::builder().id(id).source("/s").ty(ty);
    // One of the ways to fail is that there is none.
    let event = if ty == "null" { event } else { event.subject("its subject") };
    event.build().expect("an event")
}

async fn fails_alone_and_says_why(wasm: &[u8], config: &str, failures: Failures) {
    let engine = lab::engine();
    let guest = lab::guest(&engine, wasm, config).await.expect("its configuration");
    let mut worker = Worker::new(&guest);
    for (ty, words) in failures {
        let events: Vec<Event> = (0..5).map(|n| event(&format!("e{n}"), if n == 2 { ty } else { "fine" })).collect();
        lab::only_the_third_answers(&mut worker, &events, words).await;
    }
    // The last words are cut between characters.
    let answer = lab::answers(&mut worker, &[event("e", "long")]).await.remove(0);
    let words = answer.strip_prefix("fault: trap: ").unwrap_or_else(|| panic!("{answer}"));
    assert!(words.contains("häßliches\nhäßliches\n") && words.len() > 380 && words.len() <= 512, "{answer}");
}

async fn is_refused(wasm: &[u8], refusals: Refusals) {
    let engine = lab::engine();
    for (config, words) in refusals {
        let refused = lab::guest(&engine, wasm, config).await.expect_err("a wrong configuration");
        let text = format!("{refused} {refused:?}");
        assert!(text.contains(words), "{config}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_filter_that_fails_says_why_in_its_own_words() {
    let wasm = lab::wasm("tests/guests/failing", &[]);
    fails_alone_and_says_why(
        &wasm,
        CONFIG,
        &[
            ("panic", "fault: trap: panic: no order is like this: its subject (failing/src/lib.rs:19)"),
            ("panic-value", "fault: trap: panic: without a message (failing/src/lib.rs:20)"),
            ("unwrap", "fault: trap: panic: called `Result::unwrap()` on an `Err` value: ParseIntError"),
            ("index", "fault: trap: panic: index out of bounds: the len is 2 but the index is 3"),
            ("deadlock", "fault: trap: panic: "),
            ("deep", "fault: trap: wasm trap: "),
            (
                "memory",
                "fault: memory limit: linear memory in bytes would exceed 75497472: out of memory: 1048576 bytes were refused",
            ),
            ("exit", "fault: trap: wasm trap: wasm `unreachable` instruction executed"),
        ],
    )
    .await;
    is_refused(
        &wasm,
        &[
            (r#"{"limit": "7"}"#, r#"invalid type: string "7", expected i32"#),
            (r#"{"limit": 7.5}"#, "invalid type: floating point `7.5`, expected i32"),
            (r#"{"limit": 7, "more": 1}"#, "unknown field `more`, expected `limit`"),
            ("{}", "missing field `limit`"),
            ("[]", "invalid"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_filter_that_fails_says_why_in_its_own_words() {
    let wasm = lab::wasm("tests/guests/failing-go", &[]);
    fails_alone_and_says_why(
        &wasm,
        CONFIG,
        &[
            ("panic", "fault: trap: panic: no order is like this: its subject"),
            ("panic-error", "fault: trap: panic: an error"),
            ("panic-value", "fault: trap: panic: 7"),
            ("index", "fault: trap: panic: runtime error: index out of range [2] with length 0"),
            ("nil", "fault: trap: panic: runtime error: invalid memory address or nil pointer dereference"),
            ("exit", "fault: trap: the program exited"),
            ("fatal", "fault: trap: given up e2"),
            ("goroutine", "fault: trap: panic: in a goroutine"),
            ("deadlock", "fault: trap: fatal error: all goroutines are asleep - deadlock!"),
            ("deep", "fault: trap: wasm trap: call stack exhausted"),
            (
                "memory",
                "fault: memory limit: linear memory in bytes would exceed 75497472: runtime: out of memory: cannot allocate",
            ),
            // Not failures, but what one might take for one.
            ("sleep", "drop: 1h0m0s"),
            ("time", "drop: 2026-03-01T12:00:00Z"),
            ("stderr", "keep"),
        ],
    )
    .await;
    is_refused(
        &wasm,
        &[
            (r#"{"limit": "7"}"#, "cannot unmarshal string into Go struct field Config.limit of type int32"),
            (r#"{"limit": 7.5}"#, "cannot unmarshal number 7.5 into Go struct field Config.limit of type int32"),
            (r#"{"limit": 7, "more": 1}"#, "unknown field `more`, expected `limit`"),
            ("{}", "missing field `limit`"),
            ("null", "missing field `limit`"),
            ("[]", "cannot unmarshal array into Go value of type main.Config"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assemblyscript_filter_that_fails_says_why_in_its_own_words() {
    fails_alone_and_says_why(
        &assemblyscript::failing(),
        "null",
        &[
            ("throw", "fault: trap: no order is like this: e2 (assembly/index.ts:5:"),
            ("assert", "fault: trap: häßlich 😀 (assembly/index.ts:6:"),
            ("index", "fault: trap: Index out of range (~lib/"),
            ("null", "fault: trap: Unexpected 'null'"),
            ("memory", "fault: memory limit: linear memory in bytes would exceed 75497472: out of memory"),
            ("deep", "fault: trap: wasm trap: call stack exhausted"),
        ],
    )
    .await;
    is_refused(
        &lab::wasm("filters-examples/assemblyscript/order-guard", &[]),
        &[
            (r#"{"test_type": 7}"#, "invalid type: integer `7`, expected a string"),
            (r#"{"test_typ": "x"}"#, "unknown field `test_typ`, expected `test_type`"),
            ("[]", "invalid type: sequence, expected struct Config"),
        ],
    )
    .await;
}
