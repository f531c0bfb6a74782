//! The matcher.

use tidegate_guest::{Event, Names, Verdict, matcher};

use crate::hash;

#[matcher(needs(attributes, extensions, data, context), name = "vectors")]
fn vectors(event: &Event, names: &mut Names) -> Verdict {
    names.add("all");
    if let Some(region) = event.extension_str("region") {
        names.join(&["region", region]);
    }
    if let Some(name) = event.extension_str("name") {
        names.add(name);
        names.add(name);
    }
    if event.extension_str("verdict") == Some("drop") { Verdict::drop(hash(event)) } else { Verdict::Keep }
}
