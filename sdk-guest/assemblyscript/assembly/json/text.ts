/** Strings of JSON, with what is escaped in them. */

import { BUFFER, Buffer, copy } from "../abi/buffer";
import { text } from "../text/intern";
import { isAscii, putCode } from "../text/utf8";
import { isUtf8 } from "../text/valid";
import { digit, plain, rest, wrong } from "./scan";

/** Where the last text lies, and its length. */
export let start: usize = 0;
export let length: u32 = 0;
// @ts-ignore: decorator
@lazy const unescaped: Buffer = changetype<Buffer>(memory.data(BUFFER));

/** Reads a string from behind its opening quote: `start` and `length` are its bytes. Gives where it then is; 0 is a mistake. */
export function scanText(at: usize, end: usize): usize {
  const quote = plain(at, end);
  if (quote < end && load<u8>(quote) == 0x22) {
    start = at;
    length = <u32>(quote - at);
    return quote + 1;
  }
  const after = rest(at, end);
  return after == 0 ? 0 : unescape(at, after - 1) ? after : 0;
}

/** The last text as a string; null, with a mistake, if it is not UTF-8. */
export function lastText(): string | null {
  if (!isAscii(start, length) && !isUtf8(start, length)) {
    wrong("invalid unicode code point");
    return null;
  }
  return text(start, length);
}

/** The grammar has been checked. */
function unescape(at: usize, end: usize): bool {
  unescaped.length = 0;
  unescaped.reserve(<u32>(end - at));
  while (at < end) {
    const next = plain(at, end);
    copy(unescaped.end, at, <u32>(next - at));
    unescaped.length += <u32>(next - at);
    if (next == end) break;
    at = next + 2;
    const byte = load<u8>(next + 1);
    if (byte != 0x75) {
      put(byte == 0x62 ? 8 : byte == 0x66 ? 12 : byte == 0x6e ? 10 : byte == 0x72 ? 13 : byte == 0x74 ? 9 : byte);
      continue;
    }
    let code = unit(at);
    at += 4;
    if ((code & 0xfc00) == 0xdc00) return wrong("lone leading surrogate in hex escape") != 0;
    if ((code & 0xfc00) == 0xd800) {
      if (at + 6 > end || load<u16>(at) != 0x755c) return wrong("unexpected end of hex escape") != 0;
      const low = unit(at + 2);
      if ((low & 0xfc00) != 0xdc00) return wrong("lone leading surrogate in hex escape") != 0;
      code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
      at += 6;
    }
    put(code);
  }
  start = unescaped.start;
  length = unescaped.length;
  return true;
}

function unit(at: usize): u32 {
  return (digit(load<u8>(at)) << 12) | (digit(load<u8>(at + 1)) << 8) | (digit(load<u8>(at + 2)) << 4) | digit(load<u8>(at + 3));
}

/** A character: never longer in UTF-8 than as what it was escaped. */
function put(code: u32): void {
  unescaped.length = <u32>(putCode(unescaped.end, code) - unescaped.start);
}
