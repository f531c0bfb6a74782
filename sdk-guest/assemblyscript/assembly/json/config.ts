/** Configuration: JSON in, the author's type out. */

import { isNull, problem, read, refuseUnknown } from "./reader";

/** Reads a configuration; unknown members are refused. No configuration is `{}`. */
export function readConfig<T>(start: usize, length: u32): T | null {
  refuseUnknown(true);
  const value = isNull(start, length) ? read<T>(memory.data<u8>([0x7b, 0x7d]), 2) : read<T>(start, length);
  refuseUnknown(false);
  return value;
}

/** Why there was none. */
export function configProblem(): string {
  return problem();
}
