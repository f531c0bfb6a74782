/** The batch at hand: where it lies, and what was read of it that the host withheld. */

import { describeNeeds } from "../needs";
import { FLAGS, ROW_BYTES, ROW_WORDS, SPANS, WITHHELD_SHIFT } from "./layout";

/** The host's clock when the batch was formed. */
export let nowMs: u64 = 0;
/** Of the values. */
export let bytes: usize = 0;
let bytesLength: u32 = 0;
/** The rows: where they begin and end, and bytes from one to the next. */
export let rows: usize = 0;
export let rowsEnd: usize = 0;
export let rowBytes: u32 = ROW_BYTES;
/** How many events there are. */
export let count: u32 = 0;
/** Bits of `Needs` that were read although the host withheld them. */
let misread: u32 = 0;

/** Begins a call. */
export function begin(now: u64, rowWords: u32, start: usize, length: u32, index: usize, words: u32): void {
  nowMs = now;
  bytes = start;
  bytesLength = length;
  rowBytes = max(rowWords, ROW_WORDS) << 2;
  count = (words << 2) / rowBytes;
  rows = index;
  rowsEnd = index + count * rowBytes;
  misread = 0;
}

/** Length of a field's value. At 0 there is none; what had been withheld is noted. */
@inline
export function fieldLength(row: usize, field: u32, needs: u32): u32 {
  const length = load<u32>(row + SPANS + 4 + (field << 3));
  if (length == 0) noteIfWithheld(row, needs);
  else if (<u64>load<u32>(row + SPANS + (field << 3)) + length > bytesLength) return 0;
  return length;
}

/** Where a field's value begins. Means nothing at length 0. */
@inline
export function fieldStart(row: usize, field: u32): usize {
  return bytes + load<u32>(row + SPANS + (field << 3));
}

/** Remembers that a module asked for what its needs do not list: it got nothing, and must not decide on that. */
@inline
export function noteIfWithheld(row: usize, needs: u32): void {
  misread |= (load<u32>(row + FLAGS) >> WITHHELD_SHIFT) & needs;
}

/** What fails the batch, if anything was read that had been withheld. */
export function misreads(): string | null {
  return misread == 0 ? null : "reads " + describeNeeds(misread) + ", which it did not ask for: list it in `needs`";
}
