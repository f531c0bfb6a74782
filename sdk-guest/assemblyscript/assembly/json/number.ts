/** Numbers of JSON whose grammar has been checked. */

import { decode } from "../text/utf8";

/** 10⁰ to 10²²: those that a double holds exactly. */
// @ts-ignore: decorator
@lazy const POWERS: usize = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]);

/** The nearest double where digits and power are exact in one, as they are as a rule; the standard library's answer elsewhere. */
export function float(start: usize, end: usize): f64 {
  let at = start;
  const isNegative = load<u8>(at) == 0x2d;
  if (isNegative) at++;
  let digits: u64 = 0;
  let power: i32 = 0;
  let isFraction = false;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2e) {
      isFraction = true;
      continue;
    }
    const digit = <u32>byte - 0x30;
    if (digit > 9) break;
    digits = digits * 10 + digit;
    // Past 2⁵³ the digits are no longer exact.
    if (digits > 0x20000000000000) return parseFloat(decode(start, <u32>(end - start)));
    if (isFraction) power--;
  }
  if (at < end) power += exponent(at + 1, end);
  if (power < -22 || power > 22) return parseFloat(decode(start, <u32>(end - start)));
  const exact = <f64>digits;
  const value = power < 0 ? exact / load<f64>(POWERS + (-power << 3)) : exact * load<f64>(POWERS + (power << 3));
  return isNegative ? -value : value;
}

/** From behind the `e`. Clamped: past some thousands all is nothing or infinite. */
function exponent(at: usize, end: usize): i32 {
  const sign = load<u8>(at);
  if (sign == 0x2d || sign == 0x2b) at++;
  let value: i32 = 0;
  for (; at < end; at++) value = min(value * 10 + load<u8>(at) - 0x30, 100000);
  return sign == 0x2d ? -value : value;
}

/** Whether a number has neither a fraction nor an exponent. */
export function isWhole(start: usize, end: usize): bool {
  for (let at = start; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2e || (byte | 0x20) == 0x65) return false;
  }
  return true;
}

/** Whether the last magnitude did not fit 64 bits. */
export let isTooLarge: bool = false;

/** The digits of a whole number, without its sign. */
export function magnitude(start: usize, end: usize): u64 {
  let value: u64 = 0;
  isTooLarge = false;
  for (let at = load<u8>(start) == 0x2d ? start + 1 : start; at < end; at++) {
    const digit = <u64>load<u8>(at) - 0x30;
    if (value > (u64.MAX_VALUE - digit) / 10) isTooLarge = true;
    value = value * 10 + digit;
  }
  return value;
}
