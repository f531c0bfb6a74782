//! Names `orders/REGION` after the extension `region`, and `orders/all` beside it. Without one: `orders/unknown` alone.

use tidegate_guest::{Event, Names, matcher};

#[matcher(needs(attributes, extensions))]
fn region(event: &Event, names: &mut Names) {
    match event.extension_str("region") {
        Some(region) => {
            names.join(&["orders", region]);
            names.add("orders/all");
        }
        None => names.add("orders/unknown"),
    }
}
