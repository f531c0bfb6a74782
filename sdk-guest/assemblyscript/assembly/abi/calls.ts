/**
 * What the exports do around the author's function. The exports themselves are written by `transform/exports.js`, which knows the
 * function's name and type.
 *
 * Results lie in memory of their own that stays: records as `wit/tidegate.wit` lays them out, lists in buffers.
 */

import { Draft } from "../draft";
import { beginNames, checkNames, finishNames, nameBytes, names, pairs } from "../names";
import { Output } from "../output";
import { readConfig } from "../json/config";
import { encode } from "../text/utf8";
import { Verdict, answer, beginAnswers, codes, reasonBytes, reasons } from "../verdict";
import * as batch from "./batch";
import { BUFFER, Buffer } from "./buffer";
import { beginDrafts, bytes as draftBytes, index as draftIndex, settleMany, settleNone, settleOne, written } from "./drafts";
import { ROW_WORDS } from "./layout";
import "./failure";
import { breathe, callEnded } from "./memory";

/** The record at hand: the largest is `apply`'s. */
const record: usize = memory.data(52, 8);
const words: Buffer = changetype<Buffer>(memory.data(BUFFER));

/** `describe`: name, version and schema lie in the module as UTF-8. A schema of length 0 is none. */
export function described(name: usize, nameLength: u32, version: usize, versionLength: u32, schema: usize, schemaLength: u32): usize {
  list(0, name, nameLength);
  list(8, version, versionLength);
  store<u8>(record, schemaLength != 0, 16);
  list(20, schema, schemaLength);
  return record;
}

/** The configuration of a module that has none: there is none, or an empty object. */
export function isNoConfig(start: usize, length: u32): bool {
  let at = afterSpace(start, start + length);
  let end = start + length;
  while (end > at && load<u8>(end - 1) <= 0x20) end--;
  if (at == end || (end - at == 4 && load<u32>(at) == 0x6c6c756e)) return true;
  if (end - at < 2 || load<u8>(at) != 0x7b || load<u8>(end - 1) != 0x7d) return false;
  return afterSpace(at + 1, end) == end - 1;
}

function afterSpace(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) <= 0x20) at++;
  return at;
}

/** Reads the configuration into a class with `@json`; without one, `problem` of the reader says why. */
export function config<T>(start: usize, length: u32): T | null {
  return readConfig<T>(start, length);
}

/** `configure` went well. */
export function configured(needs: i32): usize {
  callEnded();
  store<u8>(record, 0);
  store<u8>(record, <u8>needs, 4);
  return record;
}

/** An error of any result but `apply`'s. */
export function failed(problem: string): usize {
  return fail(problem, 4);
}

/** An error of `apply`. */
export function applyFailed(problem: string): usize {
  return fail(problem, 8);
}

function fail(problem: string, at: u32): usize {
  callEnded();
  words.length = 0;
  const length = encode(problem, words);
  store<u8>(record, 1);
  list(at, words.start, length);
  return record;
}

/** Begins a call of `evaluate`, `apply` or `assign`. */
export function begin(now: u64, rowWords: u32, bytes: usize, length: u32, index: usize, indexWords: u32): void {
  batch.begin(now, rowWords, bytes, length, index, indexWords);
  beginAnswers(batch.count);
}

/** The events' rows. */
@inline
export function firstRow(): usize {
  return batch.rows;
}
@inline
export function lastRow(): usize {
  return batch.rowsEnd;
}
@inline
export function rowBytes(): usize {
  return batch.rowBytes;
}

/** A filter's answer about one event. */
@inline
export function decide<T>(answered: T): void {
  if (isBoolean<T>()) answer(answered ? Verdict.keep : Verdict.drop());
  else answer(changetype<Verdict>(answered));
  breathe();
}

/** Ends a call of `evaluate`. */
export function evaluated(): usize {
  const problem = batch.misreads();
  if (problem !== null) return failed(problem);
  callEnded();
  store<u8>(record, 0);
  outcomes(4);
  return record;
}

/** Begins a call of `apply`. */
export function beginApply(now: u64, rowWords: u32, bytes: usize, length: u32, index: usize, indexWords: u32): void {
  begin(now, rowWords, bytes, length, index, indexWords);
  beginDrafts(batch.count);
}

/** Rows written before the event at hand. */
@inline
export function draftsBefore(): u32 {
  return written();
}

/** A transform's answer about one event. */
@inline
export function emit<T>(first: u32, answered: T): void {
  if (isArray<T>()) emitMany(first, changetype<Draft[]>(answered));
  else if (answered instanceof Output) emitOutput(first, changetype<Output>(answered));
  else emitDraft(first, changetype<usize>(answered));
  breathe();
}

/** Null drops the event. */
@inline
function emitDraft(first: u32, draft: usize): void {
  if (draft == 0) {
    settleNone(first);
    answer(Verdict.drop());
  } else {
    settleOne(first, <u32>draft - 1);
    answer(Verdict.keep);
  }
}

function emitMany(first: u32, drafts: Draft[]): void {
  settleMany(first, drafts.dataStart, drafts.length);
  answer(drafts.length == 0 ? Verdict.drop() : Verdict.keep);
}

function emitOutput(first: u32, output: Output): void {
  const drafts = output.drafts;
  if (drafts === null) settleNone(first);
  else settleMany(first, drafts.dataStart, drafts.length);
  answer(output.verdict);
}

/** Ends a call of `apply`. */
export function applied(): usize {
  const problem = batch.misreads();
  if (problem !== null) return applyFailed(problem);
  callEnded();
  store<u8>(record, 0);
  outcomes(8);
  store<u64>(record, 0, 24);
  store<u32>(record, ROW_WORDS, 32);
  list(36, draftBytes.start, draftBytes.length);
  list(44, draftIndex.start, draftIndex.length >> 2);
  return record;
}

/** Begins a call of `assign`. */
export function beginAssign(now: u64, rowWords: u32, bytes: usize, length: u32, index: usize, indexWords: u32): void {
  begin(now, rowWords, bytes, length, index, indexWords);
  beginNames();
}

/** A matcher's answer about the event of this row. */
@inline
export function assign(row: usize, verdict: Verdict): void {
  const problem = finishNames(<u32>(row - batch.rows) / batch.rowBytes, verdict.kind == 0);
  answer(problem === null ? verdict : Verdict.reject(problem));
  breathe();
}

/** Ends a call of `assign`. */
export function assigned(): usize {
  let problem = batch.misreads();
  if (problem === null) problem = checkNames();
  if (problem !== null) return failed(problem);
  callEnded();
  store<u8>(record, 0);
  outcomes(4);
  listOfStrings(20, names, nameBytes);
  list(28, pairs.start, pairs.length >> 2);
  return record;
}

function outcomes(at: u32): void {
  list(at, codes.start, codes.length >> 2);
  listOfStrings(at + 8, reasons, reasonBytes);
}

/** (start, length) of each become (pointer, length): what they point into does not move any more. */
function listOfStrings(at: u32, spans: Buffer, bytes: Buffer): void {
  for (let n: u32 = 0; n < spans.length; n += 8) {
    store<u32>(spans.start + n, <u32>bytes.start + load<u32>(spans.start + n));
  }
  list(at, spans.start, spans.length >> 3);
}

/** Empty lists may point anywhere that is aligned. */
function list(at: u32, start: usize, length: u32): void {
  store<u32>(record + at, length == 0 ? 8 : <u32>start);
  store<u32>(record + at, length, 4);
}
