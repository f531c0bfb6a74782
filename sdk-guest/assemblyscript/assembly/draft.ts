/** Events on their way out: drafts are rows in one buffer a batch, so that an output costs no allocation. */

import * as rows from "./abi/drafts";
import { CONTEXT, DATA, DATACONTENTTYPE, DATASCHEMA, EXTENSIONS, ID, SOURCE, SUBJECT, TIME, TYPE } from "./abi/layout";
import { Form } from "./event";
import { writeTo } from "./json/writer";
import { encode } from "./text/utf8";
import { Kind } from "./value";

/**
 * An output event being written; see `event.patch()`, `event.copy()` and `event.derive()`.
 *
 * A draft that is not returned is not sent. An empty string removes an optional attribute (CloudEvents forbids empty ones).
 */
// @ts-ignore: decorator
@unmanaged @final
export class Draft {
  /** What events call. A draft is 1 + the number of its row. */
  static begin(origin: usize, inherited: u32): Draft {
    return changetype<Draft>(rows.begin(origin, inherited) + 1);
  }

  /** What events call. */
  static copyOf(origin: usize): Draft {
    return changetype<Draft>(rows.copyOf(origin) + 1);
  }

  /** Several outputs of one event that inherit its `id` get `<id>.<k>` from the host. */
  setId(id: string): Draft {
    return this.set(ID, id);
  }

  /** A URI reference. */
  setSource(source: string): Draft {
    return this.set(SOURCE, source);
  }

  /** The `type` attribute. */
  setType(type: string): Draft {
    return this.set(TYPE, type);
  }

  /** What of the source the event is about. */
  setSubject(subject: string): Draft {
    return this.set(SUBJECT, subject);
  }

  /** RFC 3339. */
  setTime(time: string): Draft {
    return this.set(TIME, time);
  }

  /** The media type of the data. Setting data does not change it. */
  setDatacontenttype(mediaType: string): Draft {
    return this.set(DATACONTENTTYPE, mediaType);
  }

  /** A URI. */
  setDataschema(schema: string): Draft {
    return this.set(DATASCHEMA, schema);
  }

  /** Adds or replaces an extension attribute: a string, an integer of 32 bits, a boolean, or bytes. Names are lower-case letters and digits. */
  extension<T>(name: string, value: T): Draft {
    if (isBoolean<T>()) return this.entry(EXTENSIONS, name, Kind.Boolean, value ? "true" : "false");
    if (isInteger<T>()) return this.entry(EXTENSIONS, name, Kind.Integer, (<i32>value).toString());
    if (isString<T>()) return this.entry(EXTENSIONS, name, Kind.String, changetype<string>(value));
    if (value instanceof Uint8Array) {
      rows.openEntry(this.row, EXTENSIONS, name, Kind.Binary);
      rows.bytes.append(changetype<Uint8Array>(value).dataStart, changetype<Uint8Array>(value).length);
      rows.closeEntry(this.row, EXTENSIONS);
      return this;
    }
    ERROR("an extension attribute is a string, an integer, a boolean, or a Uint8Array");
    return this;
  }

  /** Adds or replaces an extension attribute of a kind that is written as text: a URI, a timestamp. */
  extensionOf(kind: Kind, name: string, text: string): Draft {
    return this.entry(EXTENSIONS, name, kind, text);
  }

  /** Takes an extension attribute away, if it is there. */
  removeExtension(name: string): Draft {
    rows.removeExtension(this.row, name);
    return this;
  }

  /** Sets the payload. */
  data(form: Form, bytes: Uint8Array): Draft {
    const start = rows.bytes.length;
    rows.bytes.append(bytes.dataStart, bytes.length);
    rows.setData(this.row, start, form);
    return this;
  }

  /** Sets the payload to these pieces, one after the other: to change a part of the data without copying it twice. */
  dataPieces(form: Form, pieces: Uint8Array[]): Draft {
    const start = rows.bytes.length;
    for (let n = 0; n < pieces.length; n++) rows.bytes.append(pieces[n].dataStart, pieces[n].length);
    rows.setData(this.row, start, form);
    return this;
  }

  /** Sets the payload to text. */
  dataText(text: string): Draft {
    const start = rows.bytes.length;
    encode(text, rows.bytes);
    rows.setData(this.row, start, Form.Text);
    return this;
  }

  /** Sets the payload to JSON: of a class with `@json`, an array or a map of such, a string, a number or a boolean. */
  dataJson<T>(value: T): Draft {
    const start = rows.bytes.length;
    writeTo<T>(value, rows.bytes);
    rows.setData(this.row, start, Form.Json);
    return this;
  }

  /** Takes the payload away. */
  removeData(): Draft {
    rows.removeData(this.row);
    return this;
  }

  /** Sets the key that sinks partition by. */
  key(key: string): Draft {
    return this.entry(CONTEXT, "key", Kind.String, key);
  }

  /** Sets a transport header, for sinks that pass it on. */
  header(name: string, value: string): Draft {
    return this.entry(CONTEXT, "header." + name, Kind.String, value);
  }

  @inline
  private get row(): u32 {
    return <u32>changetype<usize>(this) - 1;
  }

  private set(field: u32, value: string): Draft {
    const start = rows.bytes.length;
    encode(value, rows.bytes);
    rows.setSpan(this.row, field, start);
    return this;
  }

  private entry(field: u32, name: string, kind: Kind, value: string): Draft {
    rows.openEntry(this.row, field, name, kind);
    encode(value, rows.bytes);
    rows.closeEntry(this.row, field);
    return this;
  }
}
