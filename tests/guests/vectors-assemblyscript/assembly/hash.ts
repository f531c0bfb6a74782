/** FNV-1a over everything an event shows: what stands in `sdk-guest/vectors/README.md`. */

import { Event, Kind } from "tidegate-guest";

let state: u64 = 0;

export function hash(event: Event): string {
  state = 0xcbf29ce484222325;
  ended(event.id);
  ended(event.source);
  ended(event.type);
  optional(event.subject);
  optional(event.time);
  optional(event.datacontenttype);
  optional(event.dataschema);
  const names = event.extensionNames;
  for (let n = 0; n < names.length; n++) extension(event, names[n]);
  const region = event.extensionText("region");
  ended(region === null ? "-" : region);
  data(event);
  const contexts = event.contextNames;
  for (let n = 0; n < contexts.length; n++) {
    ended(contexts[n]);
    optional(event.context(contexts[n]));
  }
  text(event.nowMs.toString());
  return state.toString(16).padStart(16, "0");
}

function extension(event: Event, name: string): void {
  const value = event.extension(name)!;
  ended(name);
  byte(<u8>value.kind);
  if (value.kind == Kind.Binary) {
    const bytes = value.bytes;
    for (let n = 0; n < bytes.length; n++) byte(bytes[n]);
    byte(0);
  } else {
    ended(value.text);
  }
  if (value.isInteger) text("i" + value.integer.toString());
  if (value.isBoolean) text(value.boolean ? "t" : "f");
}

function data(event: Event): void {
  const data = event.data;
  if (data === null) {
    ended("-");
    return;
  }
  text((<i32>data.form).toString());
  const start = data.pointer;
  const length = data.length;
  for (let n = 0; n < length; n++) byte(load<u8>(start + n));
  byte(0);
}

function optional(value: string | null): void {
  ended(value === null ? "" : value);
}

function ended(value: string): void {
  text(value);
  byte(0);
}

function text(value: string): void {
  const bytes = Uint8Array.wrap(String.UTF8.encode(value));
  for (let n = 0; n < bytes.length; n++) byte(bytes[n]);
}

function byte(value: u8): void {
  state = (state ^ value) * 0x100000001b3;
}
