/** Bytes that grow, outside of the garbage collector, and stay for the next call: nothing is allocated for a batch. */

/** Bytes of an empty buffer, which are zeros. */
export const BUFFER: i32 = 12;

/** A growing run of bytes: `changetype<Buffer>(memory.data(BUFFER))`. */
// @ts-ignore: decorator
@unmanaged @final
export class Buffer {
  start: usize;
  /** What is in it. */
  length: u32;
  private capacity: u32;

  /** Where the next byte goes. */
  @inline
  get end(): usize {
    return this.start + this.length;
  }

  /** Makes room for `more` bytes and says where they go. Moves what is there. */
  @inline
  reserve(more: u32): usize {
    if (this.capacity - this.length < more) this.grow(more);
    return this.start + this.length;
  }

  private grow(more: u32): void {
    const capacity = max<u32>(this.length + more, this.length + (this.length >> 1)) + 255 & ~255;
    const grown = heap.alloc(capacity);
    if (this.start != 0) {
      memory.copy(grown, this.start, this.length);
      heap.free(this.start);
    }
    this.start = grown;
    this.capacity = capacity;
  }

  /** Appends a copy. `from` must not lie in this buffer. */
  @inline
  append(from: usize, count: u32): void {
    copy(this.reserve(count), from, count);
    this.length += count;
  }

  appendWord(word: u32): void {
    store<u32>(this.reserve(4), word);
    this.length += 4;
  }
}

/** Copies. For the few bytes of a name the call that `memory.copy` is costs more than the copy. */
@inline
export function copy(to: usize, from: usize, count: u32): void {
  if (count > 64) memory.copy(to, from, count);
  else copyShort(to, from, count);
}

function copyShort(to: usize, from: usize, count: u32): void {
  let at: u32 = 0;
  for (; at + 8 <= count; at += 8) store<u64>(to + at, load<u64>(from + at));
  for (; at < count; at++) store<u8>(to + at, load<u8>(from + at));
}

/** Equality of bytes, by words. */
export function same(a: usize, b: usize, count: u32): bool {
  let at: u32 = 0;
  for (; at + 8 <= count; at += 8) {
    if (load<u64>(a + at) != load<u64>(b + at)) return false;
  }
  for (; at < count; at++) {
    if (load<u8>(a + at) != load<u8>(b + at)) return false;
  }
  return true;
}
