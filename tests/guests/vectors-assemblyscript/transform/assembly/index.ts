import { Draft, Event, Form, Kind, Needs, Output, json } from "tidegate-guest";
import { hash } from "../../assembly/hash";

export const needs = Needs.Attributes | Needs.Extensions | Needs.Data | Needs.Context;

@json
class Derived {
  id: string;
}

export function transform(event: Event): Output {
  const make = event.extensionText("make");
  if (make == "copy") return Output.of([copy(event)]);
  if (make == "derive") return Output.of([derive(event)]);
  if (make == "split") return Output.of(split(event));
  if (make == "all") return Output.of([all(event)]);
  if (make == "unused") {
    event.patch().setId(event.id + "-x");
    return Output.of([event.patch().setId(event.id + "-y")]);
  }
  if (make == "drop") return Output.drop(hash(event));
  if (make == "reject") return Output.reject(hash(event));
  if (make == "retry") return Output.retry(hash(event));
  return Output.of([patch(event)]);
}

function bytes(values: u8[]): Uint8Array {
  const made = new Uint8Array(values.length);
  for (let n = 0; n < values.length; n++) made[n] = values[n];
  return made;
}

function patch(event: Event): Draft {
  const h = hash(event);
  const draft = event
    .patch()
    .setSubject("vector")
    .extension("hash", h)
    .extension("flag", true)
    .extension("bin", bytes([0x00, 0xff, 0x41]))
    .extensionOf(Kind.Uri, "link", "https://example.com/v")
    .extensionOf(Kind.UriRef, "ref", "/v")
    .extensionOf(Kind.Timestamp, "at", "2026-01-31T08:00:00Z");
  const n = event.extension("n");
  if (n !== null && n.isInteger) draft.extension("n", n.integer + 1);
  return draft.removeExtension("gone").key(event.id).header("x-hash", h);
}

function copy(event: Event): Draft {
  return event.copy().setType("copied").dataText("text: ü").extension("hash", hash(event)).removeExtension("gone");
}

function derive(event: Event): Draft {
  const h = hash(event);
  const data = new Derived();
  data.id = event.id;
  return event.derive(event.id + "-d", "/derived", "derived").setSubject(h).extension("hash", h).dataJson(data);
}

function split(event: Event): Draft[] {
  const data = event.data;
  const payload = data === null ? new Uint8Array(0) : data.bytes;
  return [
    event.patch().setId(event.id + "-a"),
    event.patch().dataPieces(Form.Binary, [bytes([0]), payload]),
    event.patch().removeData(),
  ];
}

function all(event: Event): Draft {
  return event
    .patch()
    .setSource("/all")
    .setType("all")
    .setSubject("")
    .setTime("2026-01-31T08:00:00Z")
    .setDatacontenttype("text/plain")
    .setDataschema("https://example.com/s")
    .dataText(hash(event));
}
