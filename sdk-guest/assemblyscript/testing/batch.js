/** Flat batches: made for a module, and read from one. */

import { decodeEntries, eventOf, fieldsOf, formNumber } from "./event.js";
import { CONTEXT, DATA, EXTENSIONS, EXTENSIONS_CHANGED, FIELDS, FORMS, HAS_DATA, KINDS, ROW_WORDS, needOf } from "./layout.js";

/** A batch of events, without what the module does not need. */
export function flatten(events, needs) {
  const parts = [];
  const index = new Uint32Array(events.length * ROW_WORDS);
  let length = 0;
  for (const [n, event] of events.entries()) {
    const row = index.subarray(n * ROW_WORDS, (n + 1) * ROW_WORDS);
    const { fields, form } = fieldsOf(event);
    if (form !== undefined && needs & needOf(DATA)) row[0] = HAS_DATA | (formNumber(form) << 1);
    row[0] |= (~needs & 15) << 8;
    row[1] = n;
    for (const [field, bytes] of fields.entries()) {
      if (!(needs & needOf(field))) continue;
      row.set([length, bytes.length], 4 + 2 * field);
      parts.push(bytes);
      length += bytes.length;
    }
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, index };
}

/** What a transform's rows make of their events: a list for each event. */
export function inflate(events, bytes, index) {
  const made = events.map(() => []);
  for (let at = 0; at < index.length; at += ROW_WORDS) {
    const row = index.subarray(at, at + ROW_WORDS);
    if (!(row[1] < events.length)) throw new Error(`an output stems from row ${row[1]}, and there is none`);
    made[row[1]].push(resolve(events[row[1]], row, bytes));
  }
  return made.map((outputs) => (outputs.length > 1 ? numbered(outputs) : outputs).map(({ event }) => event));
}

/** Several outputs of one origin that inherit its `id` get `<id>.<k>`. */
function numbered(outputs) {
  let k = 0;
  for (const { event, inheritsId } of outputs) {
    if (inheritsId) event.id = `${event.id}.${++k}`;
  }
  return outputs;
}

/** A row with what it inherits. */
function resolve(origin, row, bytes) {
  const { fields, form } = fieldsOf(origin);
  const inherit = row[2];
  for (const field of FIELDS.keys()) {
    const own = bytes.slice(row[4 + 2 * field], row[4 + 2 * field] + row[5 + 2 * field]);
    if (field === EXTENSIONS && inherit & EXTENSIONS_CHANGED) fields[field] = changed(fields[field], own);
    else if (inherit & (1 << field)) continue;
    else fields[field] = field === CONTEXT ? changed(fields[field], own) : own;
  }
  const ownForm = row[0] & HAS_DATA ? FORMS[(row[0] >> 1) & 3] : undefined;
  return { event: eventOf(fields, inherit & (1 << DATA) ? form : ownForm), inheritsId: (inherit & 1) !== 0 };
}

/** A run of entries after changes to it. */
function changed(run, changes) {
  const all = new Map(decodeEntries(run));
  for (const [name, [kind, value]] of decodeEntries(changes)) {
    all.delete(name);
    if (kind !== "removed") all.set(name, [kind, value]);
  }
  return entries(all);
}

function entries(all) {
  const utf8 = new TextEncoder();
  return Uint8Array.from(
    [...all].flatMap(([name, [kind, value]]) => {
      const named = utf8.encode(name);
      const head = new Uint8Array(6);
      head.set([named.length, KINDS.indexOf(kind)]);
      new DataView(head.buffer).setUint32(2, value.length, true);
      return [...head, ...named, ...value];
    }),
  );
}
