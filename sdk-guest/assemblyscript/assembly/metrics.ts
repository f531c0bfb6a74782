/** Counters, a capability: a component that does not count does not import it. */

import { BUFFER, Buffer } from "./abi/buffer";
import { encode } from "./text/utf8";

// @ts-ignore: decorator
@external("tidegate:guest/metrics@0.1.0", "counter")
declare function counter(name: usize, length: u32): u32;

// @ts-ignore: decorator
@external("tidegate:guest/metrics@0.1.0", "add")
declare function add(counter: u32, amount: u64): void;

// @ts-ignore: decorator
@lazy const nameBytes: Buffer = changetype<Buffer>(memory.data(BUFFER));

/** A counter of the host, registered when it is first used. The policy must grant `metrics`. */
@final
export class Counter {
  private handle: u32 = 0;
  private isKnown: bool = false;

  constructor(
    /** `[a-z][a-z0-9_]*`, at most 64 bytes. */
    readonly name: string,
  ) {}

  /** Adds to it. Counts when the batch has been decided. */
  add(amount: u64 = 1): void {
    if (!this.isKnown) {
      nameBytes.length = 0;
      const length = encode(this.name, nameBytes);
      this.handle = counter(nameBytes.start, length);
      this.isKnown = true;
    }
    add(this.handle, amount);
  }
}
