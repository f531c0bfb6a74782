//! Keeps all events but those whose data begins with the byte 255. Reads everything: what a whole batch costs is measured with it.

use tidegate_guest::{Event, filter};

#[filter(needs(attributes, extensions, data, context))]
fn passthrough(event: &Event) -> bool {
    event.data().is_none_or(|data| data.bytes.first() != Some(&255))
}
