/** One event as a module sees it: a view of a row, nothing copied. */

import { fieldLength, fieldStart, noteIfWithheld, nowMs } from "./abi/batch";
import {
  CONTEXT, DATA, DATACONTENTTYPE, DATASCHEMA, EXTENSIONS, FLAGS, FORM, FORM_SHIFT, HAS_DATA, ID, INHERIT_ALL, SOURCE, SUBJECT, TIME,
  TYPE, ENTRY_HEAD,
} from "./abi/layout";
import { Draft } from "./draft";
import { noData, problem, readInto } from "./json/reader";
import { Needs } from "./needs";
import { text } from "./text/intern";
import { decode } from "./text/utf8";
import { isUtf8 } from "./text/valid";
import { Value, findEntry, nextEntry } from "./value";

/** How the data of an event is to be read. */
export enum Form {
  /** Bytes. */
  Binary,
  /** UTF-8 text. */
  Text,
  /** JSON text. */
  Json,
}

/**
 * One CloudEvent of the batch at hand: a view, valid until the function returns.
 *
 * Reading what the module's `needs` do not list gives nothing, and fails the whole call with an error that says so.
 */
// @ts-ignore: decorator
@unmanaged @final
export class Event {
  /** Unique within its source. */
  get id(): string {
    return attribute(this, ID);
  }

  /** The context in which it happened; a URI reference. */
  get source(): string {
    return attribute(this, SOURCE);
  }

  /** The `type` attribute. */
  get type(): string {
    return attribute(this, TYPE);
  }

  /** What of the source it is about. */
  get subject(): string | null {
    return optional(this, SUBJECT);
  }

  /** When it happened: RFC 3339, as received. */
  get time(): string | null {
    return optional(this, TIME);
  }

  /** The media type of the data. */
  get datacontenttype(): string | null {
    return optional(this, DATACONTENTTYPE);
  }

  /** The schema of the data; a URI. */
  get dataschema(): string | null {
    return optional(this, DATASCHEMA);
  }

  /** An extension attribute. */
  extension(name: string): Value | null {
    const row = changetype<usize>(this);
    const length = fieldLength(row, EXTENSIONS, Needs.Extensions);
    const start = fieldStart(row, EXTENSIONS);
    return length == 0 ? null : changetype<Value | null>(findEntry(start, start + length, name));
  }

  /** An extension attribute in canonical string form, whatever its kind; absent if it is bytes. */
  extensionText(name: string): string | null {
    return textOf(this.extension(name));
  }

  /** The names of all extension attributes, in the order received. */
  get extensionNames(): string[] {
    return names(this, EXTENSIONS, Needs.Extensions);
  }

  /** The payload; absent is not the same as empty. */
  get data(): Data | null {
    const row = changetype<usize>(this);
    if ((load<u32>(row, FLAGS) & HAS_DATA) == 0) {
      noteIfWithheld(row, Needs.Data);
      return null;
    }
    return changetype<Data>(row);
  }

  /** The payload as text, if there is one and it is UTF-8. */
  get text(): string | null {
    const data = this.data;
    return data === null ? null : data.text;
  }

  /**
   * The payload, read into a class with `@json`; null if it cannot be, and then `problem` says why.
   *
   * What is returned is used again for the next event.
   */
  json<T>(): T | null {
    const row = changetype<usize>(this);
    if (this.data === null) {
      noData();
      return null;
    }
    return readInto<T>(fieldStart(row, DATA), fieldLength(row, DATA, Needs.Data));
  }

  /** Why the payload could not be read: a reason for `Verdict.reject`. */
  get problem(): string {
    return problem();
  }

  /** What the transport knows: `topic`, `key`, `partition`, `header.NAME`, … */
  context(name: string): string | null {
    const row = changetype<usize>(this);
    const length = fieldLength(row, CONTEXT, Needs.Context);
    const start = fieldStart(row, CONTEXT);
    return length == 0 ? null : textOf(changetype<Value | null>(findEntry(start, start + length, name)));
  }

  /** The names of everything the transport knows. */
  get contextNames(): string[] {
    return names(this, CONTEXT, Needs.Context);
  }

  /** The host's clock when the batch was formed, in milliseconds since the Unix epoch: the only clock there is. */
  get nowMs(): u64 {
    return nowMs;
  }

  /** An output that is this event, but for what is then changed. Costs only what is changed. */
  patch(): Draft {
    return Draft.begin(changetype<usize>(this), INHERIT_ALL);
  }

  /** An output that stands for itself: a copy of everything this event holds. */
  copy(): Draft {
    return Draft.copyOf(changetype<usize>(this));
  }

  /** An output that has nothing of this event but its place in the stream. */
  derive(id: string, source: string, type: string): Draft {
    return Draft.begin(changetype<usize>(this), 0).setId(id).setSource(source).setType(type);
  }
}

/** The payload of an event: a view, valid until the function returns. */
// @ts-ignore: decorator
@unmanaged @final
export class Data {
  /** As the transport delivered it. A form of a later contract is read as bytes. */
  get form(): Form {
    const form = <Form>((load<u32>(changetype<usize>(this), FLAGS) & FORM) >> FORM_SHIFT);
    return form > Form.Json ? Form.Binary : form;
  }

  /** In bytes. */
  get length(): i32 {
    return fieldLength(changetype<usize>(this), DATA, Needs.Data);
  }

  /** Where it lies, for those who read memory themselves. */
  get pointer(): usize {
    return fieldStart(changetype<usize>(this), DATA);
  }

  /** One byte. */
  // @ts-ignore: decorator
  @operator("[]")
  private at(index: i32): u8 {
    if (<u32>index >= <u32>this.length) throw new RangeError("Index out of range");
    return load<u8>(this.pointer + <u32>index);
  }

  /** A copy. */
  get bytes(): Uint8Array {
    const copied = new Uint8Array(this.length);
    memory.copy(copied.dataStart, this.pointer, this.length);
    return copied;
  }

  /** As text, if it is UTF-8. Whoever sent the event may have called anything text. */
  get text(): string | null {
    const length = <u32>this.length;
    return isUtf8(this.pointer, length) ? decode(this.pointer, length) : null;
  }
}

@inline
function attribute(event: Event, field: u32): string {
  const row = changetype<usize>(event);
  return text(fieldStart(row, field), fieldLength(row, field, Needs.Attributes));
}

@inline
function optional(event: Event, field: u32): string | null {
  const row = changetype<usize>(event);
  const length = fieldLength(row, field, Needs.Attributes);
  return length == 0 ? null : text(fieldStart(row, field), length);
}

function textOf(value: Value | null): string | null {
  return value === null || load<u8>(changetype<usize>(value), 1) == 4 ? null : value.text;
}

function names(event: Event, field: u32, needs: Needs): string[] {
  const row = changetype<usize>(event);
  let entry = fieldStart(row, field);
  const end = entry + fieldLength(row, field, needs);
  const found: string[] = [];
  while (true) {
    const next = nextEntry(entry, end);
    if (next == 0) return found;
    found.push(text(entry + ENTRY_HEAD, load<u8>(entry)));
    entry = next;
  }
}
