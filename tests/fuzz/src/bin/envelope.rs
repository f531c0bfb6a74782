//! Plain requests under each kind of rule: the first byte picks the rule, the first line is `METHOD TARGET`, the rest a message.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tidegate_connector_http::binding;

fn rule(number: u8) -> Value {
    match number % 5 {
        0 => json!("generic"),
        1 => json!("github"),
        2 => json!({"type": "t", "source": "/x${path}", "subject": "${query.q}"}),
        3 => {
            json!({"type": "${data.type}", "source": "/s", "time": "${data.at.0}", "extensions": {"k": "${header.x-k}"}})
        }
        _ => json!({
            "type": "${method}", "source": "/s", "id": "${requestid}-${hash}", "datacontenttype": "text/plain",
        }),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((number, rest)) = input.split_first() else { return };
    let line_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, rest) = rest.split_at(line_end);
    let (method, target) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
    let (headers, body) = tidegate_fuzz::message(rest.strip_prefix(b"\n").unwrap_or(rest));
    let request = http::Request::builder().method(method).uri(target.trim_ascii());
    let Ok(request) = request.body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    parts.headers = headers;
    let wrap = |body: &Bytes| binding::wrap_once(&rule(*number), &parts, body.clone());
    if let Ok(event) = wrap(&body) {
        tidegate_fuzz::check_comes_back(&event);
        assert_eq!(wrap(&body).expect("as before"), event, "the same request is the same event");
    }
});
