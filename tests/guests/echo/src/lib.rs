//! Returns every event as a copy of all that it holds.

use tidegate_guest::{Draft, Event, transform};

#[transform(needs(attributes, extensions, data))]
fn echo(event: &Event) -> Draft {
    event.copy()
}
