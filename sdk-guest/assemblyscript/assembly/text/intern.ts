/**
 * Strings that come again: a stream has few types, sources and regions, and many events.
 *
 * A short text gives the same string object each time, as long as its slot is not taken by another. So reading an attribute
 * that repeats allocates nothing, and comparing it with what it was compared before is comparing pointers.
 */

import { copy, same } from "../abi/buffer";
import { decode } from "./utf8";

/** Slots: one page of memory for all the copies. */
const SLOTS: u32 = 128;
/** Bytes of a text that gets a slot. */
const SHORT: u32 = 60;
/** Its length, then its bytes. */
const SLOT: u32 = 64;

const strings: StaticArray<string | null> = new StaticArray<string | null>(SLOTS);
let copies: usize = 0;

/** The text of `length` bytes of UTF-8. */
export function text(start: usize, length: u32): string {
  if (length == 0) return "";
  if (length > SHORT) return decode(start, length);
  if (copies == 0) {
    copies = heap.alloc(SLOTS * SLOT);
    memory.fill(copies, 0, SLOTS * SLOT);
  }
  const slot = hash(start, length);
  const at = copies + slot * SLOT;
  if (load<u32>(at) == length && same(at + 4, start, length)) return changetype<string>(unchecked(strings[slot]));
  const fresh = decode(start, length);
  store<u32>(at, length);
  copy(at + 4, start, length);
  unchecked((strings[slot] = fresh));
  return fresh;
}

/** Of the first bytes and the last, and the length: that is where names differ. */
@inline
function hash(start: usize, length: u32): u32 {
  let mixed: u64;
  if (length >= 8) {
    mixed = load<u64>(start) ^ rotl<u64>(load<u64>(start + length - 8), 29);
  } else if (length >= 4) {
    mixed = (<u64>load<u32>(start) << 32) | load<u32>(start + length - 4);
  } else {
    mixed = ((<u64>load<u8>(start) << 16) | (<u64>load<u8>(start + length - 1) << 8)) | load<u8>(start + (length >> 1));
  }
  return <u32>(((mixed + length) * 0x9e3779b97f4a7c15) >> 57);
}
