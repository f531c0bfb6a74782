//! A filter that fails in the way the type of an event asks for.

use std::hint::black_box;
use std::sync::Mutex;

use serde::Deserialize;
use tidegate_guest::{Event, Verdict, filter};

/// There to be got wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    limit: i32,
}

#[filter]
fn failing(event: &Event, config: &Config) -> Verdict {
    match event.ty() {
        "panic" => panic!("no order is like this: {}", event.subject().unwrap_or_default()),
        "panic-value" => std::panic::panic_any(config.limit),
        "unwrap" => drop(event.id().parse::<i32>().unwrap()),
        "index" => drop(black_box(&[1, 2][..])[event.id().len() + 1]),
        "long" => panic!("{}", "häßliches\n".repeat(1000)),
        "deadlock" => twice(&Mutex::new(())),
        "deep" => return Verdict::drop(deep(1).to_string()),
        "memory" => loop {
            black_box(vec![1_u8; 1 << 20].leak());
        },
        "exit" => std::process::exit(3),
        _ => {}
    }
    Verdict::Keep
}

fn twice(mutex: &Mutex<()>) {
    let _first = mutex.lock();
    let _second = mutex.lock();
}

fn deep(n: u64) -> u64 {
    if n == 0 { 0 } else { black_box(deep(n + 1)) + n }
}
