/** Values of extension attributes, and the runs of entries that carry them. */

import { Buffer } from "./abi/buffer";
import { ENTRY_HEAD } from "./abi/layout";
import { text } from "./text/intern";
import { encode, isText } from "./text/utf8";

/** Kinds of values, as the contract numbers them. */
export enum Kind {
  /** Only in changes: the attribute is taken away. */
  Removed,
  /** Text. */
  String,
  /** A 32-bit integer. */
  Integer,
  /** A truth value. */
  Boolean,
  /** Bytes. */
  Binary,
  /** An absolute URI. */
  Uri,
  /** A URI reference. */
  UriRef,
  /** RFC 3339. */
  Timestamp,
}

/**
 * The value of an extension attribute: a view of the batch, valid until the function returns.
 *
 * The kind is a hint: transports without types (HTTP headers) deliver everything as a string. `integer` and `boolean` read both.
 */
// @ts-ignore: decorator
@unmanaged @final
export class Value {
  /** As the host knows it. A kind of a later contract is a string; so is what does not parse as its kind. */
  get kind(): Kind {
    const kind = <Kind>load<u8>(this.entry, 1);
    if (kind == Kind.Integer && !this.isInteger) return Kind.String;
    if (kind == Kind.Boolean && !this.isBoolean) return Kind.String;
    return kind > Kind.Timestamp || kind == Kind.Removed ? Kind.String : kind;
  }

  /** In canonical string form, whatever the kind: `-7`, `true`. Empty for bytes. */
  get text(): string {
    return load<u8>(this.entry, 1) == Kind.Binary ? "" : text(this.start, this.length);
  }

  /** A copy of the bytes of a binary value; of any other, of its text in UTF-8. */
  get bytes(): Uint8Array {
    const copied = new Uint8Array(this.length);
    memory.copy(copied.dataStart, this.start, this.length);
    return copied;
  }

  /** Whether it is an integer, or text that is one. */
  get isInteger(): bool {
    return this.integerOrWide() <= <i64>i32.MAX_VALUE;
  }

  /** An integer, or text that is one; 0 for anything else. */
  get integer(): i32 {
    const value = this.integerOrWide();
    return value <= <i64>i32.MAX_VALUE ? <i32>value : 0;
  }

  /** Whether it is a truth value, or text that is one. */
  get isBoolean(): bool {
    return this.isTextual && (this.is("true") || this.is("false"));
  }

  /** A truth value, or text that is one; false for anything else. */
  get boolean(): bool {
    return this.isTextual && this.is("true");
  }

  private get entry(): usize {
    return changetype<usize>(this);
  }

  private get start(): usize {
    return this.entry + ENTRY_HEAD + load<u8>(this.entry);
  }

  private get length(): u32 {
    return load<u32>(this.entry, 2);
  }

  /** URIs and timestamps are neither numbers nor truth values, whatever they look like. */
  private get isTextual(): bool {
    const kind = <Kind>load<u8>(this.entry, 1);
    return kind < Kind.Binary || kind > Kind.Timestamp;
  }

  private is(word: string): bool {
    return isText(this.start, this.length, word);
  }

  /** Past 32 bits: it is none. */
  private integerOrWide(): i64 {
    let at = this.start;
    const end = at + this.length;
    if (!this.isTextual || at == end) return i64.MAX_VALUE;
    const sign = load<u8>(at);
    const isNegative = sign == 0x2d;
    if (isNegative || sign == 0x2b) at++;
    if (at == end) return i64.MAX_VALUE;
    let value: i64 = 0;
    for (; at < end; at++) {
      const digit = <u32>load<u8>(at) - 0x30;
      if (digit > 9) return i64.MAX_VALUE;
      value = value * 10 + digit;
      if (value > 0x80000000) return i64.MAX_VALUE;
    }
    if (isNegative) return -value;
    return value > <i64>i32.MAX_VALUE ? i64.MAX_VALUE : value;
  }
}

/** Where the next entry of a run begins; 0 where the entry at hand is cut. */
@inline
export function nextEntry(entry: usize, end: usize): usize {
  if (entry + ENTRY_HEAD > end) return 0;
  const next = <u64>entry + ENTRY_HEAD + load<u8>(entry) + load<u32>(entry, 2);
  return next <= <u64>end ? <usize>next : 0;
}

/** The entry of that name in a run; 0 without. */
export function findEntry(entry: usize, end: usize, name: string): usize {
  while (true) {
    const next = nextEntry(entry, end);
    if (next == 0) return 0;
    if (isText(entry + ENTRY_HEAD, load<u8>(entry), name)) return entry;
    entry = next;
  }
}

/** Begins an entry; `endEntry` completes it. A name past 255 bytes is cut, and the host refuses it as too long. */
export function beginEntry(out: Buffer, name: string, kind: Kind): u32 {
  const head = out.length;
  out.reserve(ENTRY_HEAD);
  out.length += ENTRY_HEAD;
  const size = min<u32>(encode(name, out), 255);
  out.length = head + ENTRY_HEAD + size;
  const at = out.start + head;
  store<u8>(at, size);
  store<u8>(at, kind, 1);
  store<u32>(at, 0, 2);
  return head;
}

/** The value is what was written since. */
export function endEntry(out: Buffer, head: u32): void {
  const at = out.start + head;
  store<u32>(at, out.length - head - ENTRY_HEAD - load<u8>(at), 2);
}
