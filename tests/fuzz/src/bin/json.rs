//! Structured events, against serde_json.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_event::json::{self, Validate};

fuzz_target!(|input: &[u8]| {
    let text = Bytes::copy_from_slice(input);
    let whole = json::decode(&text, Validate::Full);
    let loose = json::decode(&text, Validate::Envelope);
    if let Ok(event) = &whole {
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(input) {
            // The grammar has them (RFC 8259, sections 6 and 8.2), and types for values have no room for them.
            let roomless = ["number out of range", "surrogate", "hex escape"];
            let error = error.to_string();
            assert!(roomless.iter().any(|what| error.contains(what)), "good, and no JSON: {error}");
        }
        assert_eq!(loose.as_ref().ok(), Some(event));
        tidegate_fuzz::check_comes_back(event);
    }
});
