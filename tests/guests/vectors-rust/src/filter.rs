//! The filter.

use tidegate_guest::{Event, Verdict, filter};

use crate::hash;

#[filter(needs(attributes, extensions, data, context), name = "vectors")]
#[expect(clippy::panic, reason = "that is asked for")]
fn vectors(event: &Event) -> Verdict {
    let reason = event.extension_str("reason").map_or_else(|| hash(event), str::to_owned);
    match event.extension_str("verdict") {
        Some("keep") => Verdict::Keep,
        Some("reject") => Verdict::reject(reason),
        Some("retry") => Verdict::retry(reason),
        Some("panic") => panic!("vector {}", event.id()),
        _ => Verdict::drop(reason),
    }
}
