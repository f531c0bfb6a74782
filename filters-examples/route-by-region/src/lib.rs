//! Names `region/REGION` after the region of an event: the extension `region`, else the member `region` of its data.
//!
//! An event without a region gets no name, and goes where events go that no sink asks for.

use std::borrow::Cow;

use serde::Deserialize;
use tidegate_guest::{Event, Names, matcher};

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    region: Cow<'a, str>,
}

#[matcher(needs(extensions, data))]
fn route_by_region(event: &Event, names: &mut Names) {
    if let Some(region) = event.extension_str("region") {
        names.join(&["region", region]);
    } else if let Ok(order) = event.json::<Order>() {
        names.join(&["region", &order.region]);
    }
}

#[cfg(test)]
mod tests;
