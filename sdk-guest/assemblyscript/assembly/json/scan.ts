/** Steps over JSON. Every function takes where it is and where the text ends, and gives where it then is; 0 is a mistake. */

import { BUFFER, Buffer } from "../abi/buffer";

/** What is wrong, after a 0. */
export let mistake: string = "";

/** A mistake at hand. */
export function wrong(what: string): usize {
  mistake = what;
  return 0;
}

/** Past white space. */
@inline
export function space(at: usize, end: usize): usize {
  return at < end && load<u8>(at) <= 0x20 ? spaces(at, end) : at;
}

function spaces(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) break;
    at++;
  }
  return at;
}

/** The next quote, backslash or control character, or the end. */
export function plain(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const bytes = v128.load(at);
    const odd = v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
      i8x16.lt_u(bytes, i8x16.splat(0x20)),
    );
    const found = i8x16.bitmask(odd);
    if (found != 0) return at + ctz(found);
    at += 16;
  }
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x22 || byte == 0x5c || byte < 0x20) break;
    at++;
  }
  return at;
}

/** From behind the opening quote to behind the closing one. */
@inline
export function rest(at: usize, end: usize): usize {
  at = plain(at, end);
  return at < end && load<u8>(at) == 0x22 ? at + 1 : restOf(at, end);
}

/** From the first that is not plain. */
function restOf(at: usize, end: usize): usize {
  while (true) {
    at = plain(at, end);
    if (at == end) return wrong("EOF while parsing a string");
    const byte = load<u8>(at);
    if (byte == 0x22) return at + 1;
    if (byte != 0x5c) return wrong("control character (\\u0000-\\u001F) found while parsing a string");
    at = escape(at + 1, end);
    if (at == 0) return 0;
  }
}

/** From behind the backslash. */
function escape(at: usize, end: usize): usize {
  if (at == end) return wrong("EOF while parsing a string");
  const byte = load<u8>(at);
  if (byte != 0x75) return isEscape(byte) ? at + 1 : wrong("invalid escape");
  if (at + 5 > end) return wrong("EOF while parsing a string");
  for (let n: u32 = 1; n <= 4; n++) {
    if (digit(load<u8>(at + n)) > 15) return wrong("invalid escape");
  }
  return at + 5;
}

/** One of `"\/bfnrt`. */
export function isEscape(byte: u8): bool {
  switch (byte) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return true;
    default: return false;
  }
}

/** Of a hexadecimal digit; past 15 it is none. */
export function digit(byte: u8): u32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

/** A number, from its sign or first digit. */
export function number(at: usize, end: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (at == end) return wrong("EOF while parsing a value");
  const isZero = load<u8>(at) == 0x30;
  const whole = digits(at, end);
  if (whole == at || (isZero && whole > at + 1)) return wrong("invalid number");
  at = whole;
  if (at < end && load<u8>(at) == 0x2e) {
    const fraction = digits(at + 1, end);
    if (fraction == at + 1) return wrong(fraction == end ? "EOF while parsing a value" : "invalid number");
    at = fraction;
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    const exponent = digits(at, end);
    if (exponent == at) return wrong(exponent == end ? "EOF while parsing a value" : "invalid number");
    at = exponent;
  }
  return at;
}

/** Past decimal digits. */
@inline
export function digits(at: usize, end: usize): usize {
  while (at < end && <u32>load<u8>(at) - 0x30 <= 9) at++;
  return at;
}

/** One of `true`, `false` and `null`, by its first letter. */
export function word(at: usize, end: usize): usize {
  const first = load<u8>(at);
  const length: u32 = first == 0x66 ? 5 : 4;
  if (at + length > end) return wrong("EOF while parsing a value");
  const rest = load<u32>(first == 0x66 ? at + 1 : at);
  // "true", "null", and "alse" of "false".
  const expected: u32 = first == 0x74 ? 0x65757274 : first == 0x6e ? 0x6c6c756e : 0x65736c61;
  return rest == expected ? at + length : wrong("expected ident");
}

/** Which brackets are open beyond the innermost 64. On the heap: a text may open as many as it has bytes. */
// @ts-ignore: decorator
@lazy const outer: Buffer = changetype<Buffer>(memory.data(BUFFER));

/** A whole value, of any depth. */
export function value(at: usize, end: usize): usize {
  let depth: u32 = 0;
  // One bit a bracket, the innermost lowest: 1 is an object.
  let open: u64 = 0;
  while (true) {
    at = space(at, end);
    if (at == end) return wrong("EOF while parsing a value");
    const byte = load<u8>(at);
    if (byte == 0x22) {
      at = rest(at + 1, end);
    } else if (<u32>byte - 0x30 <= 9 || byte == 0x2d) {
      at = number(at, end);
    } else if ((byte | 0x20) == 0x7b) {
      const isObject = byte == 0x7b;
      at = space(at + 1, end);
      if (at == end) return eof(isObject);
      if (load<u8>(at) != byte + 2) {
        if (depth != 0 && (depth & 63) == 0) spill(depth, open);
        depth++;
        open = (open << 1) | u64(isObject);
        if (isObject) {
          at = key(at, end);
          if (at == 0) return 0;
        }
        continue;
      }
      at++;
    } else if (byte == 0x74 || byte == 0x66 || byte == 0x6e) {
      at = word(at, end);
    } else {
      return wrong("expected value");
    }
    if (at == 0) return 0;
    // What comes after a value: its sibling, or the end of what it is in.
    while (true) {
      if (depth == 0) return at;
      const isObject = (open & 1) != 0;
      at = space(at, end);
      if (at == end) return eof(isObject);
      const next = load<u8>(at);
      const close: u8 = isObject ? 0x7d : 0x5d;
      if (next == 0x2c) {
        at = space(at + 1, end);
        if (at == end) return wrong("EOF while parsing a value");
        if (load<u8>(at) == close) return wrong("trailing comma");
        if (isObject) {
          at = key(at, end);
          if (at == 0) return 0;
        }
        break;
      }
      if (next != close) return wrong(isObject ? "expected `,` or `}`" : "expected `,` or `]`");
      at++;
      depth--;
      open = depth != 0 && (depth & 63) == 0 ? unspill(depth) : open >> 1;
    }
  }
}

/** Puts 64 brackets away; `depth` is theirs and that of all around them. */
function spill(depth: u32, open: u64): void {
  outer.length = (depth >> 3) - 8;
  store<u64>(outer.reserve(8), open);
}

function unspill(depth: u32): u64 {
  return load<u64>(outer.start + (depth >> 3) - 8);
}

function eof(isObject: bool): usize {
  return wrong(isObject ? "EOF while parsing an object" : "EOF while parsing a list");
}

/** A key and its colon. */
@inline
function key(at: usize, end: usize): usize {
  if (load<u8>(at) != 0x22) return wrong("key must be a string");
  at = rest(at + 1, end);
  return at == 0 ? 0 : colon(at, end);
}

/** A colon, and to what comes after it. */
@inline
export function colon(at: usize, end: usize): usize {
  at = space(at, end);
  if (at == end) return wrong("EOF while parsing an object");
  if (load<u8>(at) != 0x3a) return wrong("expected `:`");
  return space(at + 1, end);
}
