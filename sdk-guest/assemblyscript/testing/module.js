/** A module under test: the host's side of the contract, under Node. */

import { flatten, inflate } from "./batch.js";
import { VERDICTS } from "./layout.js";
import { State } from "./state.js";

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });
const LEVELS = ["trace", "debug", "info", "warn", "error"];
const CONTRACT = "tidegate:guest";

/** A module that has been compiled. Each configuration of it is an instance of its own. */
export class Module {
  #compiled;

  constructor(bytes) {
    this.#compiled = new WebAssembly.Module(bytes);
  }

  /** What it says of itself: name, version, and the schema of its configuration or null. */
  describe() {
    return new Instance(this.#compiled).describe();
  }

  /** An instance with this configuration, and with the state of another if it is given. Throws what the module refuses it with. */
  configure(config, state) {
    const instance = new Instance(this.#compiled, state);
    instance.configure(config === undefined ? "null" : typeof config === "string" ? config : JSON.stringify(config));
    return instance;
  }
}

/** A configured module. */
export class Instance {
  #exports;
  #needs = 0;
  #failure = null;
  #counters = [];
  /** Lines logged so far: `{level, message}`. */
  logged = [];
  /** The host's clock, in milliseconds. */
  nowMs = 0;
  /** What it remembers. */
  state;

  constructor(compiled, state = new State()) {
    this.state = state;
    const { exports } = new WebAssembly.Instance(compiled, this.#imports());
    this.#exports = exports;
    this.#call(() => exports._initialize?.());
  }

  describe() {
    const at = this.#call(() => this.#function("lifecycle", "describe")());
    const schema = this.#view().getUint8(at + 16) === 1 ? this.#text(at + 20) : null;
    return { name: this.#text(at), version: this.#text(at + 8), schema };
  }

  configure(config) {
    const bytes = utf8.encode(config);
    const at = this.#call(() => this.#function("lifecycle", "configure")(this.#put(bytes, 1), bytes.length));
    this.#check(at, 4);
    this.#needs = this.#view().getUint8(at + 4);
  }

  /** What a filter says to each event: `{verdict, reason}`. */
  filter(events) {
    const at = this.#batch("filter", "evaluate", events);
    this.#check(at, 4);
    return this.#outcomes(at + 4, events);
  }

  /** What a transform makes of each event: `{verdict, reason, events}`. */
  transform(events) {
    const at = this.#batch("transform", "apply", events);
    this.#check(at, 8);
    const outcomes = this.#outcomes(at + 8, events);
    const made = inflate(events, this.#bytes(at + 36), new Uint32Array(this.#words(at + 44)));
    return outcomes.map((outcome, n) => ({ ...outcome, events: made[n] }));
  }

  /** What a matcher says to each event: `{verdict, reason, names}`. */
  matcher(events) {
    const at = this.#batch("matcher", "assign", events);
    this.#check(at, 4);
    const names = this.#strings(at + 20);
    const outcomes = this.#outcomes(at + 4, events).map((outcome) => ({ ...outcome, names: [] }));
    const pairs = this.#words(at + 28);
    for (let n = 0; n < pairs.length; n += 2) outcomes[pairs[n]].names.push(names[pairs[n + 1]]);
    return outcomes;
  }

  /** What a counter stands at. */
  counted(name) {
    return this.#counters.find((counter) => counter.name === name)?.count ?? 0n;
  }

  /** The module's memory, in bytes. */
  get memory() {
    return this.#exports.memory.buffer.byteLength;
  }

  #batch(kind, name, events) {
    const { bytes, index } = flatten(events, this.#needs);
    const call = this.#function(kind, name);
    return this.#call(() => {
      const start = this.#put(bytes, 1);
      const rows = this.#put(new Uint8Array(index.buffer), 4);
      return call(BigInt(this.nowMs), 24, start, bytes.length, rows, index.length);
    });
  }

  #outcomes(at, events) {
    const codes = this.#words(at);
    const reasons = this.#strings(at + 8);
    if (codes.length !== events.length) throw new Error(`${codes.length} codes for ${events.length} events`);
    return codes.map((code) => ({ verdict: VERDICTS[code & 255], reason: code >>> 8 ? reasons[(code >>> 8) - 1] : "" }));
  }

  #function(kind, name) {
    const exported = this.#exports[`${CONTRACT}/${kind}@0.1.0#${name}`];
    if (exported === undefined) throw new Error(`the module is no ${kind}`);
    return exported;
  }

  /** A trap becomes an error with the module's own words. */
  #call(call) {
    this.#failure = null;
    try {
      return call();
    } catch (error) {
      throw this.#failure === null ? error : new Error(this.#failure, { cause: error });
    }
  }

  #imports() {
    const bytes = (start, length) => new Uint8Array(this.#exports.memory.buffer).slice(start, start + length);
    const string = (start, length) => text.decode(bytes(start, length));
    return {
      [`${CONTRACT}/failure@0.1.0`]: {
        fail: (start, length) => {
          this.#failure = string(start, length);
          throw new Error(this.#failure);
        },
      },
      [`${CONTRACT}/log@0.1.0`]: {
        write: (level, start, length) => void this.logged.push({ level: LEVELS[level], message: string(start, length) }),
      },
      [`${CONTRACT}/metrics@0.1.0`]: {
        counter: (start, length) => {
          const name = string(start, length);
          const known = this.#counters.findIndex((counter) => counter.name === name);
          return known >= 0 ? known : this.#counters.push({ name, count: 0n }) - 1;
        },
        add: (counter, amount) => void (this.#counters[counter].count += BigInt.asUintN(64, amount)),
      },
      [`${CONTRACT}/state@0.1.0`]: {
        get: (start, length, answer) => {
          const values = this.state.read(bytes(start, length), BigInt(this.nowMs));
          const at = this.#put(values, 1);
          this.#view().setUint32(answer, at, true);
          this.#view().setUint32(answer + 4, values.length, true);
        },
        put: (start, length, refused) => {
          this.state.write(bytes(start, length), BigInt(this.nowMs));
          this.#view().setUint8(refused, 0);
        },
      },
    };
  }

  #check(at, message) {
    if (this.#view().getUint8(at) === 1) throw new Error(this.#text(at + message));
  }

  #put(bytes, align) {
    const start = this.#exports.cabi_realloc(0, 0, align, bytes.length);
    new Uint8Array(this.#exports.memory.buffer).set(bytes, start);
    return start;
  }

  #view() {
    return new DataView(this.#exports.memory.buffer);
  }

  #list(at) {
    return [this.#view().getUint32(at, true), this.#view().getUint32(at + 4, true)];
  }

  #bytes(at) {
    const [start, length] = this.#list(at);
    return new Uint8Array(this.#exports.memory.buffer).slice(start, start + length);
  }

  #text(at) {
    return text.decode(this.#bytes(at));
  }

  #words(at) {
    const [start, length] = this.#list(at);
    return [...new Uint32Array(this.#exports.memory.buffer, start, length)];
  }

  #strings(at) {
    const [start, length] = this.#list(at);
    return Array.from({ length }, (_, n) => this.#text(start + 8 * n));
  }
}
