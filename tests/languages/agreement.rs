//! The same example in several languages decides the same, whatever its data looks like.

use tidegate_event::{Event, Form};

use super::lab;

/// Texts that a JSON parser may take or not, and what lies near an order.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "{}",
        "{ }",
        "null",
        "true",
        "0",
        "-0",
        "[]",
        "\"amount\"",
        "{\"amount\":1}",
        "{\"amount\":0}",
        "{\"amount\":-0}",
        "{\"amount\":-1e-7}",
        "{\"amount\":1E400}",
        "{\"amount\":-1E400}",
        "{\"amount\":1e-400}",
        "{\"amount\":12345678901234567890123}",
        "{\"amount\":01}",
        "{\"amount\":1.}",
        "{\"amount\":.5}",
        "{\"amount\":+1}",
        "{\"amount\":1e}",
        "{\"amount\":0x10}",
        "{\"amount\":\"1\"}",
        "{\"amount\":null}",
        "{\"amount\":true}",
        "{\"amount\":[1]}",
        "{\"amount\":{}}",
        "{\"amount\":NaN}",
        "{\"Amount\":1}",
        "{\"\\u0061mount\":1}",
        "{\"amount\":1,\"amount\":1}",
        "{\"amount\":1,}",
        "{,\"amount\":1}",
        "{\"amount\" 1}",
        "{\"amount\":1}}",
        "{\"amount\":1} x",
        "{\"amount\":1",
        "{\"x\":[1,{\"amount\":2}],\"amount\":3}",
        "{\"x\":{\"amount\":2}}",
        "{\"x\":\"\\u00e9\\ud83d\\ude00\",\"amount\":1}",
        "{\"x\":\"\\ud83d\",\"amount\":1}",
        "{\"x\":\"\\x\",\"amount\":1}",
        "{\"x\":\"a\nb\",\"amount\":1}",
        "{\"x\":\"a\\nb\",\"amount\":1}",
        "{\"x\":\"\u{1}\",\"amount\":1}",
        "{\"é\":1,\"amount\":1}",
        "\u{feff}{\"amount\":1}",
        " \t\r\n{ \"amount\" : 1 } \n",
        "{\"amount\":1,\"x\":tru}",
        "{\"amount\":1,\"x\":truee}",
        "{\"amount\":1,\"x\":[}",
        "{\"amount\":1,\"x\":[1,]}",
        "{\"amount\":1,\"x\":1.5e+3}",
        "{\"amount\":1,\"x\":-}",
        "{\"amount\":1,\"\":{\"\":\"\"}}",
        "{'amount':1}",
        "{amount:1}",
        "{\"card\":1,\"customer\":{\"email\":\"a\"}}",
        "{\"customer\":\"\\ud800\"}",
        "{\"customer\":[[{\"email\":[]}]],\"card\":{\"card\":\"x\"}}",
        "{\"card\":1e999}",
        "{\"customer\":1e999}",
        "[{\"card\":1},2]",
        "{\"card\":\"x\",\"card\":\"y\"}",
        "{\"c\\u0061rd\":1}",
    ]
    .map(str::to_owned)
    .into();
    for depth in [60, 64, 65, 120, 126, 127, 128, 129, 500] {
        texts.push(format!("{{\"amount\":1,\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth)));
        texts.push(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        texts.push(format!("{}1{}", "{\"customer\":".repeat(depth), "}".repeat(depth)));
    }
    // Every way to cut, and to lose a byte of, an order.
    let order = "{\"id\": \"o-1\\\"\\u00e9\", \"items\": [{\"sku\":\"A\",\"n\":[1,-2.5e3]},{}], \"amount\": 12.50, \"ok\":true}";
    for at in 1..order.len() {
        texts.push(order[..at].to_owned());
        texts.push(format!("{}{}", &order[..at - 1], &order[at..]));
    }
    texts
}

fn events() -> Vec<Event> {
    let mut events: Vec<Event> = texts()
        .into_iter()
        .enumerate()
        .map(|(n, text)| order(&n.to_string()).data(Form::Text, text).build().expect("an event"))
        .collect();
    events.push(order("no-data").build().expect("an event"));
    events.push(order("test").ty("com.acme.order.test").build().expect("an event"));
    events
}

fn order(id: &str) -> tidegate_event::EventBuilder {
    Event::builder().id(id).source("/shop/eu").ty("com.acme.order.placed")
}

/// Few names, which come again; at the end one that is too long to be remembered, and one that just is not.
fn repeated() -> Vec<Event> {
    let event = |source: &str, id: &str| Event::builder().id(id).source(source).ty("t").build().expect("an event");
    let mut events: Vec<Event> =
        (0..300).map(|n| event(["/shop/eu", "/shop/us"][n % 2], &format!("{}é", n * n % 41))).collect();
    for length in [505, 504, 503, 502] {
        events.push(event("/shop/eu", &"x".repeat(length)));
    }
    events
}

/// The example in each of its folders.
async fn agree(folders: &[&str], config: &str, events: &[Event]) {
    let engine = lab::engine();
    let mut first: Option<Vec<String>> = None;
    for folder in folders {
        let mut worker = lab::worker(&engine, folder, &[], config).await;
        let answers = lab::answers(&mut worker, events).await;
        let Some(first) = &first else {
            assert!(answers.iter().any(|answer| answer.starts_with("keep")), "{answers:?}");
            assert!(answers.iter().any(|answer| answer.starts_with("reject")), "{answers:?}");
            first = Some(answers);
            continue;
        };
        for ((event, found), expected) in events.iter().zip(&answers).zip(first) {
            let text = event.data().map(|data| String::from_utf8_lossy(data.bytes).into_owned());
            assert_eq!(found, expected, "{folder} and {} on {text:?}", folders[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_guard_decides_the_same_in_every_language() {
    agree(
        &[
            "filters-examples/order-guard",
            "filters-examples/go/order-guard",
            "filters-examples/assemblyscript/order-guard",
        ],
        "null",
        &events(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redact_fields_makes_the_same_in_every_language() {
    agree(
        &["filters-examples/redact-fields", "filters-examples/go/redact-fields"],
        r#"{"fields": ["card", "customer.email", "items.note"]}"#,
        &events(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dedupe_window_remembers_the_same_in_every_language() {
    agree(
        &[
            "filters-examples/dedupe-window",
            "filters-examples/go/dedupe-window",
            "filters-examples/assemblyscript/dedupe-window",
        ],
        r#"{"window_seconds": 60}"#,
        &repeated(),
    )
    .await;
}
