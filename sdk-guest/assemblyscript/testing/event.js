/** Events of tests, as plain objects: CloudEvents in JSON, and beside them `context` and values of a kind. */

import { FIELDS, FORMS, KINDS } from "./layout.js";

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** An event with id `1`, source `/test`, type `test` and nothing else, until told otherwise. */
export function event(members = {}) {
  return { specversion: "1.0", id: "1", source: "/test", type: "test", ...members };
}

/** A value of an extension attribute with a kind that JSON does not tell: `value("uri", "urn:x")`. */
export function value(kind, text) {
  if (!KINDS.includes(kind)) throw new Error(`there is no kind ${kind}`);
  return { kind, value: text };
}

const ATTRIBUTES = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
const OTHERS = ["specversion", "data", "data_base64", "context"];

/** The bytes of the ten fields, and the form of the data (`undefined` without). */
export function fieldsOf(event) {
  const fields = FIELDS.map(() => new Uint8Array());
  for (const [n, name] of ATTRIBUTES.entries()) if (event[name] !== undefined) fields[n] = utf8.encode(event[name]);
  const extensions = Object.entries(event).filter(([name]) => !ATTRIBUTES.includes(name) && !OTHERS.includes(name));
  fields[7] = encodeEntries(extensions);
  fields[9] = encodeEntries(Object.entries(event.context ?? {}));
  const [form, data] = dataOf(event);
  fields[8] = data;
  return { fields, form };
}

function dataOf(event) {
  if (event.data_base64 !== undefined) return ["binary", Uint8Array.from(Buffer.from(event.data_base64, "base64"))];
  if (event.data instanceof Uint8Array) return ["binary", event.data];
  if (event.data === undefined) return [undefined, new Uint8Array()];
  const isText = typeof event.data === "string" && !/[/+]json\b/.test(event.datacontenttype ?? "application/json");
  return isText ? ["text", utf8.encode(event.data)] : ["json", utf8.encode(JSON.stringify(event.data))];
}

function encodeEntries(entries) {
  const parts = entries.flatMap(([name, given]) => {
    const [kind, bytes] = valueOf(given);
    const named = utf8.encode(name);
    const head = new Uint8Array(6);
    head.set([named.length, KINDS.indexOf(kind)]);
    new DataView(head.buffer).setUint32(2, bytes.length, true);
    return [head, named, bytes];
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function valueOf(given) {
  if (given instanceof Uint8Array) return ["binary", given];
  if (typeof given === "boolean") return ["boolean", utf8.encode(String(given))];
  if (typeof given === "number") return ["integer", utf8.encode(String(given))];
  if (typeof given === "string") return ["string", utf8.encode(given)];
  return [given.kind, utf8.encode(given.value)];
}

/** Name and [kind, bytes] of each entry of a run. */
export function decodeEntries(bytes) {
  const entries = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const name = bytes.subarray(at + 6, at + 6 + bytes[at]);
    const start = at + 6 + name.length;
    const end = start + view.getUint32(at + 2, true);
    if (end > bytes.length) throw new Error("an entry is cut");
    entries.push([text.decode(name), [KINDS[bytes[at + 1]], bytes.slice(start, end)]]);
    at = end;
  }
  return entries;
}

/** The event of ten fields and a form. */
export function eventOf(fields, form) {
  const event = { specversion: "1.0" };
  for (const [n, name] of ATTRIBUTES.entries()) if (fields[n].length > 0) event[name] = text.decode(fields[n]);
  for (const [name, [kind, bytes]] of decodeEntries(fields[7])) event[name] = plainValue(kind, bytes);
  if (form === "json") event.data = JSON.parse(text.decode(fields[8]));
  if (form === "text") event.data = text.decode(fields[8]);
  if (form === "binary") event.data_base64 = Buffer.from(fields[8]).toString("base64");
  const context = decodeEntries(fields[9]).map(([name, [kind, bytes]]) => [name, plainValue(kind, bytes)]);
  if (context.length > 0) event.context = Object.fromEntries(context);
  return event;
}

function plainValue(kind, bytes) {
  if (kind === "binary") return Uint8Array.from(bytes);
  const value = text.decode(bytes);
  if (kind === "integer") return Number(value);
  if (kind === "boolean") return value === "true";
  return kind === "string" ? value : { kind, value };
}

/** Events of a file with one in a line. */
export function eventsFromJsonLines(lines) {
  return lines.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
}

/** The form's number. */
export function formNumber(form) {
  return FORMS.indexOf(form);
}
