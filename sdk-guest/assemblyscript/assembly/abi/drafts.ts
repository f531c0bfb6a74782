/** The rows and bytes of a transform's outputs. */

import { isText } from "../text/utf8";
import { Kind, beginEntry, endEntry, nextEntry } from "../value";
import { bytes as batchBytes } from "./batch";
import { BUFFER, Buffer, copy } from "./buffer";
import {
  CONTEXT, DATA, ENTRY_HEAD, EXTENSIONS, EXTENSIONS_CHANGED, FIELDS, FLAGS, FORM, FORM_SHIFT, HAS_DATA, INHERIT, ORIGIN, ROW_BYTES, SPANS,
  WITHHELD_SHIFT,
} from "./layout";

// @ts-ignore: decorator
@lazy export const bytes: Buffer = changetype<Buffer>(memory.data(BUFFER));
// @ts-ignore: decorator
@lazy export const index: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** What is moved about. */
// @ts-ignore: decorator
@lazy const scratch: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** The run and the entry that `openEntry` began. */
let openRun: u32 = 0;
let openHead: u32 = 0;

export function beginDrafts(events: u32): void {
  bytes.length = 0;
  index.length = 0;
  index.reserve(events * ROW_BYTES);
}

/** Rows written so far. */
@inline
export function written(): u32 {
  return index.length / ROW_BYTES;
}

/** A new row; its number. */
export function begin(origin: usize, inherited: u32): u32 {
  const at = index.reserve(ROW_BYTES);
  memory.fill(at, 0, ROW_BYTES);
  store<u32>(at, load<u32>(origin, ORIGIN), ORIGIN);
  store<u32>(at, inherited, INHERIT);
  index.length += ROW_BYTES;
  return written() - 1;
}

/** Bytes between an event's values (separators of the message it came in) that are cheaper copied than stepped over. */
const GAPS_MAX: u32 = 256;

/** A new row with what an event holds: in one piece where its values lie together, else one by one. */
export function copyOf(origin: usize): u32 {
  const inherited = notCopied(origin);
  const number = begin(origin, inherited);
  const row = rowAt(number);
  store<u32>(row, load<u32>(origin, FLAGS) & (HAS_DATA | FORM), FLAGS);
  let start: u32 = u32.MAX_VALUE, end: u32 = 0, sum: u32 = 0;
  for (let field: u32 = 0; field < FIELDS; field++) {
    const length = copiedLength(origin, inherited, field);
    if (length == 0) continue;
    const at = load<u32>(origin + SPANS + (field << 3));
    start = min(start, at);
    end = max(end, at + length);
    sum += length;
  }
  if (sum == 0) return number;
  const isTogether = end - start <= sum + GAPS_MAX;
  const base = bytes.length;
  if (isTogether) bytes.append(batchBytes + start, end - start);
  for (let field: u32 = 0; field < FIELDS; field++) {
    const length = copiedLength(origin, inherited, field);
    if (length == 0) continue;
    const at = load<u32>(origin + SPANS + (field << 3));
    store<u32>(row + (field << 3), isTogether ? base + at - start : bytes.length, SPANS);
    store<u32>(row + (field << 3), length, SPANS + 4);
    if (!isTogether) bytes.append(batchBytes + at, length);
  }
  return number;
}

@inline
function copiedLength(origin: usize, inherited: u32, field: u32): u32 {
  return (inherited >> field) & 1 ? 0 : load<u32>(origin + SPANS + 4 + (field << 3));
}

/** What a copy leaves to the host: context, of which a transform may only set a part, and what it was not given. */
function notCopied(origin: usize): u32 {
  const withheld = load<u32>(origin, FLAGS) >> WITHHELD_SHIFT;
  let fields: u32 = 1 << CONTEXT;
  if (withheld & 1) fields |= (1 << EXTENSIONS) - 1;
  if (withheld & 2) fields |= 1 << EXTENSIONS;
  if (withheld & 4) fields |= 1 << DATA;
  return fields;
}

@inline
function rowAt(number: u32): usize {
  return index.start + number * ROW_BYTES;
}

/** The field is what was written since `start`. */
export function setSpan(number: u32, field: u32, start: u32): void {
  const row = rowAt(number);
  store<u32>(row, load<u32>(row, INHERIT) & ~(1 << field), INHERIT);
  store<u32>(row + (field << 3), start, SPANS);
  store<u32>(row + (field << 3), bytes.length - start, SPANS + 4);
}

export function setData(number: u32, start: u32, form: u32): void {
  setSpan(number, DATA, start);
  store<u32>(rowAt(number), HAS_DATA | (form << FORM_SHIFT), FLAGS);
}

export function removeData(number: u32): void {
  setSpan(number, DATA, bytes.length);
  store<u32>(rowAt(number), 0, FLAGS);
}

/** Begins an entry at the end of a field's run, instead of an earlier one of that name. Its value is written next. */
export function openEntry(number: u32, field: u32, name: string, kind: Kind): void {
  openRun = withoutEntry(number, field, name);
  openHead = beginEntry(bytes, name, kind);
}

export function closeEntry(number: u32, field: u32): void {
  endEntry(bytes, openHead);
  setRun(number, field, openRun);
}

/** A row that inherits its extensions lists changes; any other has all its extensions in its run, and removing is leaving out. */
export function removeExtension(number: u32, name: string): void {
  if (inherits(number, EXTENSIONS)) {
    openEntry(number, EXTENSIONS, name, Kind.Removed);
    closeEntry(number, EXTENSIONS);
  } else {
    setRun(number, EXTENSIONS, withoutEntry(number, EXTENSIONS, name));
  }
}

function setRun(number: u32, field: u32, start: u32): void {
  const isChange = field == EXTENSIONS && inherits(number, EXTENSIONS);
  setSpan(number, field, start);
  if (isChange) {
    const row = rowAt(number);
    store<u32>(row, load<u32>(row, INHERIT) | (1 << EXTENSIONS) | EXTENSIONS_CHANGED, INHERIT);
  }
}

@inline
function inherits(number: u32, field: u32): bool {
  return ((load<u32>(rowAt(number), INHERIT) >> field) & 1) != 0;
}

/** Moves a field's run to the end of the bytes, if it is not there, and takes an entry out of it. Says where the run begins. */
function withoutEntry(number: u32, field: u32, name: string): u32 {
  const row = rowAt(number) + (field << 3);
  const length = load<u32>(row, SPANS + 4);
  if (length == 0) return bytes.length;
  const start = load<u32>(row, SPANS);
  let entry = bytes.start + start;
  const end = entry + length;
  scratch.length = 0;
  while (true) {
    const next = nextEntry(entry, end);
    if (next == 0) break;
    if (!isText(entry + ENTRY_HEAD, load<u8>(entry), name)) scratch.append(entry, <u32>(next - entry));
    entry = next;
  }
  const isLast = start + length == bytes.length;
  if (isLast && scratch.length == length) return start;
  if (isLast) bytes.length = start;
  const moved = bytes.length;
  bytes.append(scratch.start, scratch.length);
  return moved;
}

/** Of the rows written since there were `first`, keeps only the one that was returned. */
export function settleOne(first: u32, returned: u32): void {
  if (returned != first && returned < written()) copy(rowAt(first), rowAt(returned), ROW_BYTES);
  index.length = (first + 1) * ROW_BYTES;
}

/** Of the rows written since there were `first`, keeps none. */
export function settleNone(first: u32): void {
  index.length = first * ROW_BYTES;
}

/** Of the rows written since there were `first`, keeps the ones whose numbers (from 1) lie here, in their order. */
export function settleMany(first: u32, numbers: usize, count: u32): void {
  const all = written();
  scratch.length = 0;
  for (let n: u32 = 0; n < count; n++) {
    const number = load<u32>(numbers + (n << 2)) - 1;
    if (number < all) scratch.append(rowAt(number), ROW_BYTES);
  }
  index.length = first * ROW_BYTES;
  index.append(scratch.start, scratch.length);
}
