/**
 * Keys and values that last, a capability: a component that keeps nothing does not import it.
 *
 * What is written is there for all later events of the same lane (a partition, a file, …), for this policy and route, over restarts
 * and over newer builds of the module. It takes effect with the batch: if the call fails nothing was written. The policy must grant
 * `state`, and may bound it: `state: {maxBytes: 16Mi, ttl: 24h}`. What exactly is promised for which source stands in
 * `wit/tidegate.wit` and in the host's documentation.
 *
 * ```ts
 * // Lets every id through once an hour.
 * export function filter(event: Event): Verdict {
 *   if (state.has(event.id)) return Verdict.drop("seen before");
 *   const refused = state.set(event.id, "", 3_600_000);
 *   if (refused == Refused.Full) return Verdict.retry("no room to remember");
 *   return refused == Refused.No ? Verdict.keep : Verdict.reject("the id is too long");
 * }
 * ```
 *
 * In tests under Node an instance has its own, see `testing/state.js`.
 */

import { BUFFER, Buffer } from "./abi/buffer";
import { releaseLast } from "./abi/memory";
import { decode, encode } from "./text/utf8";
import { isUtf8 } from "./text/valid";

// @ts-ignore: decorator
@external("tidegate:guest/state@0.1.0", "get")
declare function get(keys: usize, length: u32, answer: usize): void;

// @ts-ignore: decorator
@external("tidegate:guest/state@0.1.0", "put")
declare function put(entries: usize, length: u32, refused: usize): void;

/** Why nothing was written, if it was not. */
export enum Refused {
  /** It was written. */
  No,
  /** It would be more than the policy, or the host, may keep. Deleting makes room, and time does. */
  Full,
  /** A key of more than 512 bytes, or none; a value of more than 65,536. */
  TooLarge,
}

/** Bytes of a key; at least one. */
const KEY_MAX: u32 = 512;
/** Bytes of a value. */
const VALUE_MAX: u32 = 65_536;
/** No value: read, there is none; written, the key is deleted. */
const NONE: u32 = u32.MAX_VALUE;

/** Keys, or entries, on their way to the host. */
// @ts-ignore: decorator
@lazy const sent: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** Where the host says where its answer lies, and whether it took what was written. */
// @ts-ignore: decorator
@lazy const answer: usize = memory.data(8, 4);

/** Appends the bytes of a key; their number, 0 if it is none. */
function appendKey(key: string): u32 {
  const before = sent.length;
  const length = encode(key, sent);
  if (length <= KEY_MAX) return length;
  sent.length = before;
  return 0;
}

/** Appends a key to ask for; whether it is one. */
function appendAsked(key: string): bool {
  const before = sent.length;
  sent.appendWord(0);
  const length = appendKey(key);
  if (length == 0) sent.length = before;
  else store<u32>(sent.start + before, length);
  return length != 0;
}

/** Asks for what was appended; where the answer lies, until `releaseLast`. */
function ask(): usize {
  get(sent.start, sent.length, answer);
  return load<u32>(answer);
}

/** Asks for one key; where the answer lies, 0 if it is no key. */
function askOne(key: string): usize {
  sent.length = 0;
  return appendAsked(key) ? ask() : 0;
}

/** A copy of a value of the answer; null where there is none. */
function bytesAt(at: usize): Uint8Array | null {
  const length = load<u32>(at);
  if (length == NONE) return null;
  const value = new Uint8Array(length);
  memory.copy(value.dataStart, at + 4, length);
  return value;
}

/** Begins what is sent anew with the head of an entry and its key; whether it is one. */
function beginEntry(key: string, valueLength: u32, ttlMs: u64): bool {
  sent.length = 0;
  sent.reserve(16);
  sent.length = 16;
  const length = appendKey(key);
  store<u32>(sent.start, length);
  store<u32>(sent.start, valueLength, 4);
  store<u64>(sent.start, ttlMs, 8);
  return length != 0;
}

/** Makes what is sent one entry. */
function entry<V>(key: string, value: V, ttlMs: u64): bool {
  if (!beginEntry(key, 0, ttlMs)) return false;
  let length: u32 = 0;
  if (isString<V>()) {
    length = encode(changetype<string>(value), sent);
  } else if (idof<V>() == idof<Uint8Array>()) {
    const bytes = changetype<Uint8Array>(value);
    length = bytes.length;
    sent.append(bytes.dataStart, length);
  } else {
    ERROR("a value is a string or a Uint8Array");
  }
  store<u32>(sent.start, length, 4);
  return length <= VALUE_MAX;
}

function write(entries: usize, length: u32): Refused {
  put(entries, length, answer);
  return load<u8>(answer) == 0 ? Refused.No : load<u8>(answer, 1) == 0 ? Refused.Full : Refused.TooLarge;
}

/** What a policy remembers. */
export namespace state {
  /** The value of a key, as text; null where there is none, and where it is not UTF-8. A key that is empty or too long has none. */
  export function get(key: string): string | null {
    const at = askOne(key);
    if (at == 0) return null;
    const length = load<u32>(at);
    const value = length != NONE && isUtf8(at + 4, length) ? decode(at + 4, length) : null;
    releaseLast();
    return value;
  }

  /** The value of a key, as bytes. */
  export function getBytes(key: string): Uint8Array | null {
    const at = askOne(key);
    if (at == 0) return null;
    const value = bytesAt(at);
    releaseLast();
    return value;
  }

  /** Whether a key has a value. */
  export function has(key: string): bool {
    const at = askOne(key);
    if (at == 0) return false;
    const has = load<u32>(at) != NONE;
    releaseLast();
    return has;
  }

  /** The values of many keys, in their order: one call of the host, where `getBytes` makes one each. */
  export function getAll(keys: string[]): (Uint8Array | null)[] {
    const values = new Array<Uint8Array | null>(keys.length);
    const isKey = new StaticArray<bool>(keys.length);
    sent.length = 0;
    for (let n = 0; n < keys.length; n++) isKey[n] = appendAsked(keys[n]);
    if (sent.length == 0) return values;
    let at = ask();
    for (let n = 0; n < keys.length; n++) {
      if (!isKey[n]) continue;
      const value = bytesAt(at);
      values[n] = value;
      at += 4;
      if (value !== null) at += value.length;
    }
    releaseLast();
    return values;
  }

  /**
   * Writes a value: a `string` or a `Uint8Array`. It is kept for `ttlMs` milliseconds at most, 0 without an end; the policy may shorten
   * that. Writing again begins the time anew.
   */
  export function set<V>(key: string, value: V, ttlMs: u64 = 0): Refused {
    return entry<V>(key, value, ttlMs) ? write(sent.start, sent.length) : Refused.TooLarge;
  }

  /** Deletes a key, whether it is there or not. */
  export function remove(key: string): void {
    // What makes it smaller is not refused.
    if (beginEntry(key, NONE, 0)) write(sent.start, sent.length);
  }
}

/** Many writes in one call of the host: all of them take effect, the later over the earlier, or none. */
@final
export class Entries {
  private bytes: StaticArray<u8> = new StaticArray<u8>(256);
  private length: u32 = 0;

  /** To write a value, as `state.set` does; `Refused.No` if it can be. */
  set<V>(key: string, value: V, ttlMs: u64 = 0): Refused {
    if (!entry<V>(key, value, ttlMs)) return Refused.TooLarge;
    this.append();
    return Refused.No;
  }

  /** To delete a key. */
  remove(key: string): void {
    if (beginEntry(key, NONE, 0)) this.append();
  }

  /** Writes them, and empties the list. */
  write(): Refused {
    const length = this.length;
    this.length = 0;
    return length == 0 ? Refused.No : write(changetype<usize>(this.bytes), length);
  }

  private append(): void {
    const length = this.length + sent.length;
    if (length > <u32>this.bytes.length) {
      const grown = new StaticArray<u8>(length << 1);
      memory.copy(changetype<usize>(grown), changetype<usize>(this.bytes), this.length);
      this.bytes = grown;
    }
    memory.copy(changetype<usize>(this.bytes) + this.length, sent.start, sent.length);
    this.length = length;
  }
}
