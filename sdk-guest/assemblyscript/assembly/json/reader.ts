/**
 * Reads JSON into classes with `@json`, without a tree in between.
 *
 * `transform/json.js` writes `__readJson` of such a class over `open`, `next` and `value`. AssemblyScript has no exceptions to catch: after a
 * mistake everything gives nothing, and `problem` says what it was. Mistakes are worded as those of the other SDKs.
 */

import { decode } from "../text/utf8";
import { float, isTooLarge, isWhole, magnitude } from "./number";
import * as scan from "./scan";
import { lastText, length as textLength, scanText, start as textStart } from "./text";

let at: usize = 0;
let end: usize = 0;
/** Inside an object or list, before its first member. */
let isFirst: bool = false;
let isStrict: bool = false;
let failure: string | null = null;

/** Of the member at hand. */
export let key: usize = 0;
export let keyLength: u32 = 0;

/** The objects that are used again, by class. Of no type: the collector asks the object itself. */
// @ts-ignore: decorator
@lazy const again: Array<string | null> = [];

/** Reads a value that is kept. */
export function read<T>(start: usize, size: u32): T | null {
  begin(start, size);
  const made = value<T>();
  return finish() ? made : null;
}

/** Reads an event's data into an object that is used again. */
export function readInto<T>(start: usize, size: u32): T | null {
  begin(start, size);
  const made = reused<T>();
  if (made !== null) {
    // @ts-ignore: written by the transform
    if (isDefined(made.__readJson)) made.__readJson();
    if (finish()) return made;
  }
  failure = "data: " + failure!;
  return null;
}

function reused<T>(): T | null {
  const id = <i32>idof<T>();
  while (again.length <= id) again.push(null);
  const known = unchecked(again[id]);
  if (known !== null) {
    const object = changetype<T>(known);
    // @ts-ignore: written by the transform
    object.__resetJson();
    return object;
  }
  const fresh = instantiate<T>();
  unchecked((again[id] = changetype<string>(fresh)));
  return fresh;
}

/** There is nothing to read. */
export function noData(): void {
  failure = "the event has no data";
}

/** Why the last reading gave nothing. */
export function problem(): string {
  const known = failure;
  return known === null ? "" : known;
}

export function refuseUnknown(yes: bool): void {
  isStrict = yes;
}

/** Whether a configuration is none. */
export function isNull(start: usize, size: u32): bool {
  const text = decode(start, size).trim();
  return text == "" || text == "null";
}

function begin(start: usize, size: u32): void {
  at = scan.space(start, start + size);
  end = start + size;
  failure = null;
}

function finish(): bool {
  if (failure !== null) return false;
  at = scan.space(at, end);
  if (at != end) fail("trailing characters");
  return failure === null;
}

/** The first mistake counts. */
export function fail(what: string): bool {
  if (failure === null) failure = what;
  return false;
}

/** Takes over where a scan has ended. */
@inline
function moved(to: usize): bool {
  if (to == 0) return fail(scan.mistake);
  at = to;
  return true;
}

/** Begins an object. */
export function open(expected: string): bool {
  if (!isNext(0x7b)) return unexpected(expected);
  at++;
  isFirst = true;
  return true;
}

/** The next member: `key` and `keyLength` say which, and its value comes next. False at the end, and after a mistake. */
export function next(): bool {
  if (failure !== null) return false;
  at = scan.space(at, end);
  if (at == end) return fail("EOF while parsing an object");
  let byte = load<u8>(at);
  if (byte == 0x7d) {
    at++;
    isFirst = false;
    return false;
  }
  if (!isFirst) {
    if (byte != 0x2c) return fail("expected `,` or `}`");
    at = scan.space(at + 1, end);
    if (at == end) return fail("EOF while parsing a value");
    byte = load<u8>(at);
    if (byte == 0x7d) return fail("trailing comma");
  }
  if (byte != 0x22) return fail("key must be a string");
  isFirst = false;
  if (!moved(scanText(at + 1, end))) return false;
  key = textStart;
  keyLength = textLength;
  return moved(scan.colon(at, end));
}

/** A member that the class does not have: skipped in data, refused in a configuration. */
export function other(expected: string): bool {
  if (!isStrict) return moved(scan.value(at, end));
  const name = lastText();
  return fail("unknown field `" + (name === null ? "" : name) + "`, " + expected);
}

export function twice(name: string): bool {
  return fail("duplicate field `" + name + "`");
}

export function missing(name: string): bool {
  return fail("missing field `" + name + "`");
}

/** Whether all went well so far. */
@inline
export function isFine(): bool {
  return failure === null;
}

/** A value of any type there is. */
export function value<T>(): T {
  if (failure !== null) return nothing<T>();
  if (isNullable<T>()) {
    if (isNext(0x6e)) {
      moved(scan.word(at, end));
      return changetype<T>(0);
    }
  }
  if (isBoolean<T>()) return <T>boolean();
  if (isInteger<T>()) return integer<T>();
  if (isFloat<T>()) return <T>number();
  if (isString<T>()) return changetype<T>(str());
  if (isArray<T>()) return list<T>();
  if (isReference<T>()) return object<T>();
  ERROR("JSON is read into bool, integers, floats, string, classes with @json, arrays and maps");
}

@inline
function nothing<T>(): T {
  if (isString<T>()) return changetype<T>("");
  if (isReference<T>()) return changetype<T>(0);
  return <T>0;
}

function object<T>(): T {
  const made = instantiate<NonNullable<T>>();
  // @ts-ignore: written by the transform
  if (isDefined(made.__readJson)) {
    // @ts-ignore: written by the transform
    made.__readJson();
  } else if (made instanceof Map) {
    readMap<NonNullable<T>>(made);
  } else {
    ERROR("a class that is read from JSON needs the decorator @json");
  }
  return made;
}

function readMap<M>(map: M): void {
  if (!open("a map")) return;
  while (next()) {
    const name = lastText();
    if (name === null) {
      fail(scan.mistake);
      return;
    }
    // @ts-ignore: M is a map
    map.set(name, value<valueof<M>>());
  }
}

function list<T>(): T {
  const made = instantiate<NonNullable<T>>();
  if (!isNext(0x5b)) {
    unexpected("a sequence");
    return made;
  }
  at++;
  isFirst = true;
  while (nextItem()) made.push(value<valueof<T>>());
  return made;
}

function nextItem(): bool {
  if (failure !== null) return false;
  at = scan.space(at, end);
  if (at == end) return fail("EOF while parsing a list");
  if (load<u8>(at) == 0x5d) {
    at++;
    isFirst = false;
    return false;
  }
  if (!isFirst) {
    if (load<u8>(at) != 0x2c) return fail("expected `,` or `]`");
    at = scan.space(at + 1, end);
    if (at == end) return fail("EOF while parsing a value");
    if (load<u8>(at) == 0x5d) return fail("trailing comma");
  }
  isFirst = false;
  return true;
}

function str(): string {
  if (!isNext(0x22)) {
    unexpected("a string");
    return "";
  }
  if (!moved(scanText(at + 1, end))) return "";
  const text = lastText();
  if (text !== null) return text;
  fail(scan.mistake);
  return "";
}

function boolean(): bool {
  if (!isNext(0x74) && !isNext(0x66)) return unexpected("a boolean");
  const isTrue = isNext(0x74);
  return moved(scan.word(at, end)) && isTrue;
}

function number(): f64 {
  if (!isNumber()) {
    unexpected("f64");
    return 0;
  }
  const start = at;
  if (!moved(scan.number(at, end))) return 0;
  const parsed = float(start, at);
  if (!isFinite(parsed)) fail("number out of range");
  return parsed;
}

function integer<T>(): T {
  const start = at;
  if (!isNumber() || !moved(scan.number(at, end)) || !isWhole(start, at)) {
    at = start;
    unexpected(nameof<T>());
    return <T>0;
  }
  const digits = magnitude(start, at);
  const isNegative = load<u8>(start) == 0x2d;
  const most: u64 = isNegative ? 0 - <u64>(<i64>i64.MIN_VALUE >> (64 - sizeof<T>() * 8)) : <u64>(<i64>i64.MAX_VALUE >> (64 - sizeof<T>() * 8));
  const limit: u64 = isSigned<T>() ? most : isNegative ? 0 : u64.MAX_VALUE >> (64 - sizeof<T>() * 8);
  if (digits > limit || isTooLarge) {
    fail("invalid value: integer" + quoted(start, at) + ", expected " + nameof<T>());
    return <T>0;
  }
  return isNegative ? <T>(0 - digits) : <T>digits;
}

@inline
function isNumber(): bool {
  return at < end && (load<u8>(at) == 0x2d || <u32>load<u8>(at) - 0x30 <= 9);
}

@inline
function isNext(byte: u8): bool {
  return at < end && load<u8>(at) == byte;
}

/** Says what is there instead of what was wanted, if it is JSON at all. Its value only of a configuration: an event's own values are no reasons. */
function unexpected(expected: string): bool {
  const start = at;
  if (at == end) return fail("EOF while parsing a value");
  if (!moved(scan.value(at, end))) return false;
  const first = load<u8>(start);
  let what: string;
  if (first == 0x22) what = "string" + (isStrict ? " " + decode(start, <u32>(at - start)) : "");
  else if (first == 0x7b) what = "map";
  else if (first == 0x5b) what = "sequence";
  else if (first == 0x6e) what = "null";
  else if (first == 0x74 || first == 0x66) what = "boolean" + quoted(start, at);
  else what = (isWhole(start, at) ? "integer" : "floating point") + quoted(start, at);
  return fail("invalid type: " + what + ", expected " + expected);
}

function quoted(start: usize, stop: usize): string {
  return isStrict ? " `" + decode(start, <u32>(stop - start)) + "`" : "";
}
