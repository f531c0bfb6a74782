/** Writes JSON. `transform/json.js` writes `__writeJson` of a class with `@json` over `raw` and `write`. */

import { Buffer } from "../abi/buffer";
import { encode } from "../text/utf8";

/** Appends a value's JSON. */
export function writeTo<T>(value: T, out: Buffer): void {
  if (isNullable<T>()) {
    if (changetype<usize>(value) == 0) {
      encode("null", out);
      return;
    }
  }
  if (isBoolean<T>()) encode(value ? "true" : "false", out);
  else if (isFloat<T>()) encode(isFinite(<f64>value) ? value.toString() : "null", out);
  else if (isInteger<T>()) encode(value.toString(), out);
  else if (isString<T>()) writeText(changetype<string>(value), out);
  else if (isArray<T>()) writeList<NonNullable<T>>(value!, out);
  // @ts-ignore: written by the transform
  else if (isDefined(value.__writeJson)) value.__writeJson(out);
  else if (value instanceof Map) writeMap<NonNullable<T>>(value, out);
  else ERROR("JSON is written of bool, integers, floats, string, classes with @json, arrays and maps");
}

/** What is JSON already, and ASCII. */
export function raw(text: string, out: Buffer): void {
  encode(text, out);
}

function writeList<A>(values: A, out: Buffer): void {
  raw("[", out);
  // @ts-ignore: A is an array
  for (let n = 0; n < values.length; n++) {
    if (n > 0) raw(",", out);
    // @ts-ignore: A is an array
    writeTo<valueof<A>>(values[n], out);
  }
  raw("]", out);
}

function writeMap<M>(map: M, out: Buffer): void {
  // @ts-ignore: M is a map
  const keys = map.keys();
  raw("{", out);
  for (let n = 0; n < keys.length; n++) {
    if (n > 0) raw(",", out);
    writeText(keys[n], out);
    raw(":", out);
    // @ts-ignore: M is a map
    writeTo<valueof<M>>(map.get(keys[n]), out);
  }
  raw("}", out);
}

function writeText(text: string, out: Buffer): void {
  raw('"', out);
  let from = 0;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    if (unit >= 0x20 && unit != 0x22 && unit != 0x5c) continue;
    if (n > from) encode(text.substring(from, n), out);
    from = n + 1;
    raw(escaped(unit), out);
  }
  if (from == 0) encode(text, out);
  else if (from < text.length) encode(text.substring(from), out);
  raw('"', out);
}

function escaped(unit: i32): string {
  switch (unit) {
    case 0x22: return '\\"';
    case 0x5c: return "\\\\";
    case 0x08: return "\\b";
    case 0x09: return "\\t";
    case 0x0a: return "\\n";
    case 0x0c: return "\\f";
    case 0x0d: return "\\r";
    default: return "\\u00" + (unit < 16 ? "0" : "") + unit.toString(16);
  }
}
