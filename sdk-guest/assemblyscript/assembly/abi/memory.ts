/**
 * Memory that the host asks for, and the garbage of a call.
 *
 * A call of the contract passes two lists, `bytes` and `index`: each has a buffer of its own that stays. Anything beyond is freed
 * when the next call begins.
 */

import { total } from "rt/tcms";

let first: usize = 0;
let firstSize: usize = 0;
let second: usize = 0;
let secondSize: usize = 0;
/** Allocations of the call under way. */
let count: u32 = 0;
/** A chain of what was allocated beyond the first two. */
let others: usize = 0;

/** The canonical ABI's allocator. The host only ever allocates. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  count++;
  // Nothing, somewhere.
  if (size == 0) return 8;
  if (count == 1) {
    if (size > firstSize) {
      if (first != 0) heap.free(first);
      firstSize = roomFor(size);
      first = heap.alloc(firstSize);
    }
    return first;
  }
  if (count == 2) {
    if (size > secondSize) {
      if (second != 0) heap.free(second);
      secondSize = roomFor(size);
      second = heap.alloc(secondSize);
    }
    return second;
  }
  const block = heap.alloc(size + 16);
  store<usize>(block, others);
  others = block;
  return block + 16;
}

/** An eighth more, so that batches of about the same size do not each ask for a little more. */
@inline
function roomFor(size: usize): usize {
  return (size + (size >> 3) + 255) & ~255;
}

/** The answer of an import has been read. */
export function releaseLast(): void {
  const block = others;
  others = load<usize>(block);
  heap.free(block);
}

/** What the arguments lie in may be overwritten from here on. */
export function callEnded(): void {
  count = 0;
  while (others != 0) {
    const block = others;
    others = load<usize>(block);
    heap.free(block);
  }
}

/** Garbage below this is not worth looking for. */
const GARBAGE_MIN: usize = 256 << 10;

let threshold: usize = GARBAGE_MIN;

/** Collects garbage if there may be much. To be called where nothing managed is held by a local variable alone. */
@inline
export function breathe(): void {
  if (total > threshold) collect();
}

function collect(): void {
  __collect();
  threshold = max(GARBAGE_MIN, total << 1);
}
