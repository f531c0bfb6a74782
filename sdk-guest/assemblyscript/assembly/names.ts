/** The names that a matcher gives to events. */

import { BUFFER, Buffer, same } from "./abi/buffer";
import { decode, encode } from "./text/utf8";

/** Distinct names in one batch that the contract allows. */
const NAMES_MAX: u32 = 64;
/** Levels of one name that the contract allows. */
const LEVELS_MAX: u32 = 16;

/** (start, length) of each name of the batch: starts count from the beginning of `nameBytes` until the batch is answered. */
// @ts-ignore: decorator
@lazy export const names: Buffer = changetype<Buffer>(memory.data(BUFFER));
// @ts-ignore: decorator
@lazy export const nameBytes: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** Rows and positions of the batch. */
// @ts-ignore: decorator
@lazy export const pairs: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** Positions of the event at hand, ascending. */
// @ts-ignore: decorator
@lazy const given: Buffer = changetype<Buffer>(memory.data(BUFFER));
let problem: string | null = null;
let tooMany: bool = false;

/**
 * Collects the names of one event: routes map them to sinks and topics.
 *
 * A name is 1 to 16 levels of `[A-Za-z0-9._-]+` joined by `/`. An event given anything else is rejected, with a reason that
 * says so. A batch has at most 64 distinct names: name places, not events.
 */
@final
export class Names {
  /** Adds a name; twice is once. */
  add(name: string): void {
    const start = nameBytes.length;
    give(start, encode(name, nameBytes));
  }

  /** Adds the name with these levels: `join("orders", "eu")` is `add("orders/eu")`, without an allocation. */
  join(first: string, second: string, third: string | null = null, fourth: string | null = null): void {
    const start = nameBytes.length;
    let length = encode(first, nameBytes) + level(second);
    if (third !== null) length += level(third);
    if (fourth !== null) length += level(fourth);
    give(start, length);
  }
}

function level(text: string): u32 {
  store<u8>(nameBytes.reserve(1), 0x2f);
  nameBytes.length++;
  return 1 + encode(text, nameBytes);
}

/** The name just written belongs to the event. */
function give(start: u32, length: u32): void {
  const position = positionOf(start, length);
  if (position < NAMES_MAX) insert(position);
}

/** Of the name just written; `NAMES_MAX` if it is none. A name that was there already is taken away again. */
function positionOf(start: u32, length: u32): u32 {
  const count = names.length >> 3;
  const bytes = nameBytes.start;
  for (let at: u32 = 0; at < count; at++) {
    const name = names.start + (at << 3);
    if (load<u32>(name, 4) == length && same(bytes + load<u32>(name), bytes + start, length)) {
      nameBytes.length = start;
      return at;
    }
  }
  const wrong = check(bytes + start, length);
  if (wrong !== null || count == NAMES_MAX) {
    if (wrong === null) tooMany = true;
    else if (problem === null) problem = "`" + decode(bytes + start, length) + "` cannot be a name: " + wrong;
    nameBytes.length = start;
    return NAMES_MAX;
  }
  names.appendWord(start);
  names.appendWord(length);
  return count;
}

/** Keeps the event's positions ascending, each once. There are few. */
function insert(position: u32): void {
  let at = given.length;
  given.reserve(4);
  while (at > 0) {
    const before = load<u32>(given.start + at - 4);
    if (before == position) return;
    if (before < position) break;
    at -= 4;
  }
  const to = given.start + at;
  memory.copy(to + 4, to, given.length - at);
  store<u32>(to, position);
  given.length += 4;
}

function check(start: usize, length: u32): string | null {
  let levels: u32 = 1;
  for (let at: u32 = 0; at < length; at++) {
    if (load<u8>(start + at) == 0x2f) levels++;
  }
  if (levels > LEVELS_MAX) return "more than 16 levels";
  let isEmpty = true;
  let isOdd = false;
  for (let at: u32 = 0; at < length; at++) {
    const byte = load<u8>(start + at);
    if (byte == 0x2f) {
      if (isEmpty) return "an empty level";
      isEmpty = true;
    } else {
      isEmpty = false;
      isOdd = isOdd || !isPlain(byte);
    }
  }
  if (isEmpty) return "an empty level";
  return isOdd ? "levels consist of A-Z a-z 0-9 . _ -" : null;
}

function isPlain(byte: u8): bool {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2e || byte == 0x5f || byte == 0x2d;
}

export function beginNames(): void {
  names.length = 0;
  nameBytes.length = 0;
  pairs.length = 0;
  given.length = 0;
  problem = null;
  tooMany = false;
}

/** Ends an event: its names count only if it is kept. Says what is wrong with one of them. */
export function finishNames(row: u32, isKept: bool): string | null {
  const wrong = problem;
  problem = null;
  if (isKept && wrong === null) {
    for (let at: u32 = 0; at < given.length; at += 4) {
      pairs.appendWord(row);
      pairs.appendWord(load<u32>(given.start + at));
    }
  }
  given.length = 0;
  return isKept ? wrong : null;
}

/** What fails the batch, if it has too many names. */
export function checkNames(): string | null {
  return tooMany ? "more than 64 distinct names in one batch" : null;
}
