/** Log lines, a capability: a component that does not log does not import it. */

import { BUFFER, Buffer } from "./abi/buffer";
import { encode } from "./text/utf8";

// @ts-ignore: decorator
@external("tidegate:guest/log@0.1.0", "write")
declare function write(level: u32, message: usize, length: u32): void;

// @ts-ignore: decorator
@lazy const line: Buffer = changetype<Buffer>(memory.data(BUFFER));

function put(level: u32, message: string): void {
  line.length = 0;
  const length = encode(message, line);
  write(level, line.start, length);
}

/** Lines of the host's log, which limits their rate and length. The policy must grant `log`. */
export namespace log {
  /** Of use to whoever writes the module. */
  export function trace(message: string): void {
    put(0, message);
  }

  /** Of use to whoever debugs it. */
  export function debug(message: string): void {
    put(1, message);
  }

  /** Worth knowing. */
  export function info(message: string): void {
    put(2, message);
  }

  /** Wrong, but handled. */
  export function warn(message: string): void {
    put(3, message);
  }

  /** A person must act. */
  export function error(message: string): void {
    put(4, message);
  }
}
