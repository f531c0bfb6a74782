/** Last words: what AssemblyScript calls when an exception is thrown, an assertion fails or an index is out of bounds. */

import { codeAt, putCode } from "../text/utf8";

// @ts-ignore: decorator
@external("tidegate:guest/failure@0.1.0", "fail")
declare function fail(message: usize, length: u32): void;

/** The host passes on 512 bytes. */
const WORDS_MAX: u32 = 512;
/** Of which the place gets what it needs: `(assembly/index.ts:12:5)`. */
const MESSAGE_MAX: u32 = 384;

/** Not on the heap: that may be what is used up. */
const words: usize = memory.data(WORDS_MAX);

/** Ends the call with a message and its place. Stands in for the global `abort`. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  let end = put(words, message === null ? "aborted" : message, MESSAGE_MAX);
  if (file !== null) {
    store<u16>(end, 0x2820); // " ("
    end = put(end + 2, file, WORDS_MAX - MESSAGE_MAX - 32);
    store<u8>(end, 0x3a);
    end = number(end + 1, line);
    store<u8>(end, 0x3a);
    end = number(end + 1, column);
    store<u8>(end++, 0x29);
  }
  fail(words, <u32>(end - words));
}

/** As much of a text as fits, in UTF-8. Allocates nothing. */
function put(to: usize, text: string, most: u32): usize {
  const last = to + most - 4;
  const length = <u32>text.length;
  let at: u32 = 0;
  while (at < length && to <= last) {
    const code = codeAt(changetype<usize>(text), at, length);
    at += code >= 0x10000 ? 2 : 1;
    to = putCode(to, code);
  }
  return to;
}

function number(to: usize, value: u32): usize {
  if (value >= 10) to = number(to, value / 10);
  store<u8>(to, 0x30 + (value % 10));
  return to + 1;
}
