/** What a function answers about one event, and the codes that a batch of answers becomes. */

import { BUFFER, Buffer, same } from "./abi/buffer";
import { Output } from "./output";
import { encode } from "./text/utf8";

/** Distinct reasons in one batch that the contract allows. */
const REASONS_MAX: u32 = 64;
/** Bytes of one reason that the contract allows. */
const REASON_BYTES_MAX: u32 = 256;
/** Stands for every reason past the ones that fit. */
const REASONS_SPENT: string = "(too many distinct reasons in one batch)";

/** What becomes of an event. */
@final
export class Verdict {
  /** Of the batch with this number, the code of this verdict. */
  batch: u32 = 0;
  code: u32 = 0;
  /** A transform's answer with this verdict and no events. */
  output: Output | null = null;

  /** Made by `keep`, `drop`, `reject` and `retry`. */
  constructor(
    /** As the contract numbers them: 0 keep, 1 drop, 2 reject, 3 retry. */
    readonly kind: u32,
    /** For people, and for counting. */
    readonly reason: string,
  ) {}

  /** Goes on. */
  static readonly keep: Verdict = new Verdict(0, "");

  /** Dropped, as intended. Reasons are counted: use few different ones, of at most 256 bytes. `""` is none. */
  static drop(reason: string = ""): Verdict {
    return verdict(1, reason);
  }

  /** Is wrong: goes where the policy's `onReject` says, by default to the dead letters. */
  static reject(reason: string = ""): Verdict {
    return verdict(2, reason);
  }

  /** Cannot be decided now: the lane waits and tries again. */
  static retry(reason: string = ""): Verdict {
    return verdict(3, reason);
  }
}

/** The last verdicts made, by the place of their reason: one with a literal reason is made once. */
const MADE: u32 = 64;
const made: StaticArray<Verdict | null> = new StaticArray<Verdict | null>(MADE);

function verdict(kind: u32, reason: string): Verdict {
  const slot = ((<u32>changetype<usize>(reason) >> 4) * 4 + kind) & (MADE - 1);
  const known = unchecked(made[slot]);
  if (known !== null && known.kind == kind && changetype<usize>(known.reason) == changetype<usize>(reason)) return known;
  const fresh = new Verdict(kind, reason);
  unchecked((made[slot] = fresh));
  return fresh;
}

/** The answers of one batch. */
export const codes: Buffer = changetype<Buffer>(memory.data(BUFFER));
/** (start, length) of each reason: starts count from the beginning of `reasonBytes` until the batch is answered. */
export const reasons: Buffer = changetype<Buffer>(memory.data(BUFFER));
export const reasonBytes: Buffer = changetype<Buffer>(memory.data(BUFFER));
let batch: u32 = 0;

export function beginAnswers(events: u32): void {
  batch++;
  codes.length = 0;
  reasons.length = 0;
  reasonBytes.length = 0;
  codes.reserve(events << 2);
}

/** Answers the next event. */
@inline
export function answer(verdict: Verdict): void {
  // There is room for all of them.
  store<u32>(codes.end, verdict.kind == 0 ? 0 : verdict.batch == batch ? verdict.code : codeOf(verdict));
  codes.length += 4;
}

function codeOf(verdict: Verdict): u32 {
  verdict.batch = batch;
  verdict.code = verdict.kind | (positionOf(verdict.reason) << 8);
  return verdict.code;
}

/** 1 + the position of a reason, 0 for none. */
function positionOf(reason: string): u32 {
  if (reason.length == 0) return 0;
  const count = reasons.length >> 3;
  const start = reasonBytes.length;
  const length = cut(start, encode(reason, reasonBytes));
  reasonBytes.length = start;
  for (let at: u32 = 0; at < count; at++) {
    if (isReason(at, start, length)) return at + 1;
  }
  if (count == REASONS_MAX) return REASONS_MAX;
  if (count == REASONS_MAX - 1) encode(REASONS_SPENT, reasonBytes);
  else reasonBytes.length += length;
  reasons.appendWord(start);
  reasons.appendWord(reasonBytes.length - start);
  return count + 1;
}

function isReason(at: u32, start: u32, length: u32): bool {
  const other = reasons.start + (at << 3);
  if (load<u32>(other, 4) != length) return false;
  return same(reasonBytes.start + load<u32>(other), reasonBytes.start + start, length);
}

/** As much of a reason as may cross, between characters. */
function cut(start: u32, length: u32): u32 {
  if (length <= REASON_BYTES_MAX) return length;
  length = REASON_BYTES_MAX;
  while ((load<u8>(reasonBytes.start + start + length) & 0xc0) == 0x80) length--;
  return length;
}
