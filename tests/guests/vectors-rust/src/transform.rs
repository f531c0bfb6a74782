//! The transform.

use tidegate_guest::{Draft, Event, Form, Output, Value, transform};

use crate::hash;

#[transform(needs(attributes, extensions, data, context), name = "vectors")]
fn vectors(event: &Event) -> Output {
    match event.extension_str("make") {
        Some("copy") => [copy(event)].into_iter().collect(),
        Some("derive") => [derive(event)].into_iter().collect(),
        Some("split") => split(event).into_iter().collect(),
        Some("all") => [all(event)].into_iter().collect(),
        Some("unused") => {
            let [x, y] = ["x", "y"].map(|end| event.patch().set_id(&format!("{}-{end}", event.id())));
            drop(x);
            [y].into_iter().collect()
        }
        Some("drop") => Output::drop(hash(event)),
        Some("reject") => Output::reject(hash(event)),
        Some("retry") => Output::retry(hash(event)),
        _ => [patch(event)].into_iter().collect(),
    }
}

fn patch(event: &Event) -> Draft {
    let hash = hash(event);
    let draft = event
        .patch()
        .set_subject("vector")
        .extension("hash", &hash)
        .extension("flag", true)
        .extension("bin", &[0x00, 0xff, 0x41][..])
        .extension("link", Value::Uri("https://example.com/v"))
        .extension("ref", Value::UriRef("/v"))
        .extension("at", Value::Timestamp("2026-01-31T08:00:00Z"));
    let draft = match event.extension("n").and_then(Value::to_integer) {
        Some(n) => draft.extension("n", n.wrapping_add(1)),
        None => draft,
    };
    draft.remove_extension("gone").key(event.id()).header("x-hash", &hash)
}

fn copy(event: &Event) -> Draft {
    let draft = event.copy().set_type("copied").data_text("text: ü");
    draft.extension("hash", &hash(event)).remove_extension("gone")
}

fn derive(event: &Event) -> Draft {
    let hash = hash(event);
    let json = format!("{{\"id\":\"{}\"}}", event.id());
    event
        .derive(&format!("{}-d", event.id()), "/derived", "derived")
        .set_subject(&hash)
        .extension("hash", &hash)
        .data(Form::Json, json.as_bytes())
}

fn split(event: &Event) -> [Draft; 3] {
    let data = event.data().map(|data| data.bytes).unwrap_or_default();
    [
        event.patch().set_id(&format!("{}-a", event.id())),
        event.patch().data_pieces(Form::Binary, [&[0][..], data]),
        event.patch().remove_data(),
    ]
}

fn all(event: &Event) -> Draft {
    event
        .patch()
        .set_source("/all")
        .set_type("all")
        .set_subject("")
        .set_time("2026-01-31T08:00:00Z")
        .set_datacontenttype("text/plain")
        .set_dataschema("https://example.com/s")
        .data_text(&hash(event))
}
