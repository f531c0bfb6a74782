/** Text between the wire (UTF-8) and AssemblyScript (UTF-16), by words where it is ASCII. */

import { Buffer } from "../abi/buffer";

/** A string of `length` bytes of UTF-8, which must be valid. */
export function decode(start: usize, length: u32): string {
  if (length == 0) return "";
  const units = unitsOf(start, length);
  const text = changetype<string>(__new(<usize>units << 1, idof<string>()));
  let to = changetype<usize>(text);
  let at = start;
  const end = start + length;
  while (at < end) {
    while (at + 4 <= end) {
      const four = load<u32>(at);
      if ((four & 0x80808080) != 0) break;
      store<u64>(to, widen(four));
      at += 4;
      to += 8;
    }
    if (at == end) break;
    let code = <u32>load<u8>(at++);
    if (code >= 0x80) {
      const more: u32 = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;
      code &= 0x3f >> more;
      for (let n: u32 = 0; n < more; n++) code = (code << 6) | (load<u8>(at++) & 0x3f);
    }
    if (code >= 0x10000) {
      code -= 0x10000;
      store<u16>(to, 0xd800 | (code >> 10));
      to += 2;
      code = 0xdc00 | (code & 0x3ff);
    }
    store<u16>(to, code);
    to += 2;
  }
  return text;
}

/** UTF-16 has one unit for each character, and two for those that UTF-8 begins with 0xf0 and above. */
function unitsOf(start: usize, length: u32): u32 {
  if (isAscii(start, length)) return length;
  let units: u32 = 0;
  for (let at: u32 = 0; at < length; at++) {
    const byte = load<u8>(start + at);
    units += u32((byte & 0xc0) != 0x80) + u32(byte >= 0xf0);
  }
  return units;
}

/** Four bytes as four code units. */
@inline
function widen(bytes: u32): u64 {
  let wide = <u64>bytes;
  wide = (wide | (wide << 16)) & 0x0000ffff0000ffff;
  return (wide | (wide << 8)) & 0x00ff00ff00ff00ff;
}

export function isAscii(start: usize, length: u32): bool {
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) {
    if ((load<u64>(start + at) & 0x8080808080808080) != 0) return false;
  }
  for (; at < length; at++) {
    if (load<u8>(start + at) >= 0x80) return false;
  }
  return true;
}

/** Appends a text as UTF-8; half a surrogate pair becomes U+FFFD. Gives the number of bytes. */
export function encode(text: string, out: Buffer): u32 {
  const length = <u32>text.length;
  const from = changetype<usize>(text);
  const to = out.reserve(length * 3);
  let at: u32 = 0;
  for (; at + 4 <= length; at += 4) {
    const units = load<u64>(from + (<usize>at << 1));
    if ((units & 0xff80ff80ff80ff80) != 0) break;
    const pairs = (units | (units >> 8)) & 0x0000ffff0000ffff;
    store<u32>(to + at, <u32>(pairs | (pairs >> 16)));
  }
  for (; at < length; at++) {
    const unit = load<u16>(from + (<usize>at << 1));
    if (unit >= 0x80) break;
    store<u8>(to + at, <u8>unit);
  }
  let end = to + at;
  while (at < length) {
    const code = codeAt(from, at, length);
    at += code >= 0x10000 ? 2 : 1;
    end = putCode(end, code);
  }
  const bytes = <u32>(end - to);
  out.length += bytes;
  return bytes;
}

/** The character at a unit; half a surrogate pair is U+FFFD. */
export function codeAt(units: usize, at: u32, length: u32): u32 {
  const unit = <u32>load<u16>(units + (<usize>at << 1));
  if ((unit & 0xf800) != 0xd800) return unit;
  const low = at + 1 < length ? <u32>load<u16>(units + (<usize>at << 1), 2) : 0;
  if (unit >= 0xdc00 || (low & 0xfc00) != 0xdc00) return 0xfffd;
  return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
}

/** Writes a character in UTF-8: at most four bytes. Gives where the next goes. */
export function putCode(to: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(to, code);
    return to + 1;
  }
  const more: u32 = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  for (let n = more; n > 0; n--) {
    store<u8>(to + n, 0x80 | (code & 0x3f));
    code >>= 6;
  }
  store<u8>(to, (0xf80 >> more) & 0xff | code);
  return to + more + 1;
}

/** Whether `length` bytes are this text, if the text is ASCII. */
export function isText(start: usize, length: u32, text: string): bool {
  if (<u32>text.length != length) return false;
  const units = changetype<usize>(text);
  let at: u32 = 0;
  for (; at + 4 <= length; at += 4) {
    if (widen(load<u32>(start + at)) != load<u64>(units + (<usize>at << 1))) return false;
  }
  for (; at < length; at++) {
    if (<u16>load<u8>(start + at) != load<u16>(units + (<usize>at << 1))) return false;
  }
  return true;
}
