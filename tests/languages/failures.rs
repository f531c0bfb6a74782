//! What a Go filter says when it fails, and that it fails alone: the host names the event, these are the guest's words.

use tidegate_event::Event;

use super::lab;

const CONFIG: &str = r#"{"limit": 7}"#;

fn event(id: &str, ty: &str) -> Event {
    Event::builder().id(id).source("/s").ty(ty).subject("its subject").build().expect("an event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_filter_that_fails_says_why_in_its_own_words() {
    let engine = lab::engine();
    let mut worker = lab::worker(&engine, "tests/guests/failing-go", &[], CONFIG).await;
    for (ty, words) in [
        ("panic", "fault: trap: panic: no order is like this: its subject"),
        ("panic-error", "fault: trap: panic: an error"),
        ("panic-value", "fault: trap: panic: 7"),
        ("index", "fault: trap: panic: runtime error: index out of range [2] with length 0"),
        ("nil", "fault: trap: panic: runtime error: invalid memory address or nil pointer dereference"),
        ("exit", "fault: trap: the program exited"),
        ("fatal", "fault: trap: given up e2"),
        // Go's runtime ends where a function waits and nothing else runs, without a word.
        ("goroutine", "fault: trap: wasm trap: wasm `unreachable` instruction executed"),
        ("deadlock", "fault: trap: wasm trap: wasm `unreachable` instruction executed"),
        ("deep", "fault: trap: wasm trap: call stack exhausted"),
        ("memory", "fault: memory limit: linear memory in bytes would exceed 75497472"),
        // Not failures, but what one might take for one.
        ("sleep", "drop: 1h0m0s"),
        ("time", "drop: 2026-03-01T12:00:00Z"),
        ("stderr", "keep"),
    ] {
        let events: Vec<Event> = (0..5).map(|n| event(&format!("e{n}"), if n == 2 { ty } else { "fine" })).collect();
        lab::only_the_third_answers(&mut worker, &events, words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_words_are_cut_between_characters() {
    let engine = lab::engine();
    let mut worker = lab::worker(&engine, "tests/guests/failing-go", &[], CONFIG).await;
    let answer = lab::answers(&mut worker, &[event("e", "long")]).await.remove(0);
    let words = answer.strip_prefix("fault: trap: ").unwrap_or_else(|| panic!("{answer}"));
    assert!(words.starts_with("häßliches\nhäßliches\n") && words.len() > 500 && words.len() <= 512, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_refused_in_the_filters_own_words() {
    let engine = lab::engine();
    let wasm = lab::wasm("tests/guests/failing-go", &[]);
    for (config, words) in [
        (r#"{"limit": "7"}"#, "cannot unmarshal string into Go struct field Config.limit of type int32"),
        (r#"{"limit": 7.5}"#, "cannot unmarshal number 7.5 into Go struct field Config.limit of type int32"),
        (r#"{"limit": 7, "more": 1}"#, "unknown field `more`, expected `limit`"),
        ("{}", "missing field `limit`"),
        ("null", "missing field `limit`"),
        ("[]", "cannot unmarshal array into Go value of type main.Config"),
    ] {
        let refused = lab::guest(&engine, &wasm, config).await.expect_err("a wrong configuration");
        let text = format!("{refused} {refused:?}");
        assert!(text.contains(words), "{config}: {text}");
    }
}
