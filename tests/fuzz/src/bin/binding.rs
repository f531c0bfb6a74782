//! Any message, in any mode.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_connector_http::binding;

fuzz_target!(|input: &[u8]| {
    let (headers, body) = tidegate_fuzz::message(input);
    match binding::decode(&headers, body) {
        Ok(received) => {
            assert_eq!(binding::mode(&headers), Some(received.mode));
            received.events.iter().for_each(tidegate_fuzz::check_comes_back);
        }
        Err(error) => assert!(matches!(error.status().as_u16(), 400 | 415) && !error.to_string().is_empty()),
    }
});
