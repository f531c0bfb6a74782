/** Stands in for what a host remembers: keys and values as the contract's `state` has them, without limits but those of a key and a value. */

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** No value: read, there is none; written, the key is deleted. */
const NONE = 0xffffffff;

/** What is remembered. Of an instance its own, unless `configure` is given that of another. */
export class State {
  /** By key (as latin-1, a byte a character): bytes, and when their time ends; 0n: never. */
  #kept = new Map();

  /** The value of a key as bytes, or undefined. It does not look at the clock. */
  get(key) {
    return this.#kept.get(name(utf8.encode(key)))?.bytes.slice();
  }

  /** The same, as text. */
  text(key) {
    const bytes = this.get(key);
    return bytes === undefined ? undefined : text.decode(bytes);
  }

  /** How many keys there are. */
  get size() {
    return this.#kept.size;
  }

  /** Empties it. */
  forget() {
    this.#kept.clear();
  }

  /** `get` of the contract. */
  read(keys, now) {
    const parts = [];
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    for (let at = 0; at < keys.length; ) {
      const length = view.getUint32(at, true);
      const value = this.#kept.get(name(keys.subarray(at + 4, at + 4 + length)));
      const lives = value !== undefined && (value.ends === 0n || value.ends > now);
      parts.push(word(lives ? value.bytes.length : NONE));
      if (lives) parts.push(value.bytes);
      at += 4 + length;
    }
    return Buffer.concat(parts);
  }

  /** `put` of the contract. */
  write(entries, now) {
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let at = 0; at < entries.length; ) {
      const [keyLength, valueLength] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      const ttl = view.getBigUint64(at + 8, true);
      const key = name(entries.subarray(at + 16, at + 16 + keyLength));
      at += 16 + keyLength;
      if (valueLength === NONE) {
        this.#kept.delete(key);
        continue;
      }
      this.#kept.set(key, { bytes: entries.slice(at, at + valueLength), ends: ttl === 0n ? 0n : now + ttl });
      at += valueLength;
    }
  }
}

function name(bytes) {
  return Buffer.from(bytes).toString("latin1");
}

function word(number) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number, true);
  return bytes;
}
