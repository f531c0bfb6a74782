//! Bodies of batches.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_connector_http::binding;

fuzz_target!(|input: &[u8]| {
    let (headers, _) = binding::encode_batch(&[]);
    let Ok(received) = binding::decode(&headers, Bytes::copy_from_slice(input)) else { return };
    let (headers, body) = binding::encode_batch(&received.events);
    let again = binding::decode(&headers, body).expect("what was read is written well");
    assert_eq!(again.events.len(), received.events.len());
    for (before, after) in received.events.iter().zip(&again.events) {
        assert_eq!((before.id(), before.source(), before.ty()), (after.id(), after.source(), after.ty()));
    }
    received.events.iter().for_each(tidegate_fuzz::check_comes_back);
});
