//! Sets the extension `xpatched` and leaves the rest to the host.

use tidegate_guest::{Draft, Event, transform};

#[transform(needs(attributes))]
fn patch(event: &Event) -> Draft {
    event.patch().extension("xpatched", "yes")
}
