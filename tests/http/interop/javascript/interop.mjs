// The CloudEvents SDK for JavaScript as a sender and as a receiver.
//
//     interop.mjs send TABLE URL...   sends every event of the table to every URL, in every mode the SDK writes
//     interop.mjs receive             listens, and prints where; then what it reads, until its standard input ends
//
// Prints one JSON object a line. The table and the lines are described in `tests/http/interop/sdk.rs`.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { CloudEvent, HTTP, Mode, emitterFor } from "cloudevents";

const MODES = { binary: Mode.BINARY, structured: Mode.STRUCTURED };

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const why = (error) => [error, error.cause].filter(Boolean).join("; ");
const bytes = (base64) => Uint8Array.from(Buffer.from(base64, "base64"));
const native = { binary: bytes, timestamp: (text) => new Date(text), uri: (text) => text };

function eventOf({ event, types = {} }) {
  const properties = { ...event };
  for (const [name, kind] of Object.entries(types)) {
    properties[name] = native[kind](event[name]);
  }
  return new CloudEvent(properties);
}

async function send(table, urls) {
  for (const url of urls) {
    for (const [name, mode] of Object.entries(MODES)) {
      for (const entry of table) {
        const line = { url, mode: name, ids: [entry.event.id] };
        const transport = async ({ headers, body }) => {
          line.body = Buffer.from(body instanceof Uint8Array ? body : String(body ?? "")).toString("base64");
          const response = await fetch(url, { method: "POST", headers, body });
          line.status = response.status;
          line.answer = await response.text();
        };
        try {
          await emitterFor(transport, { mode })(eventOf(entry));
        } catch (error) {
          line.error = why(error);
        }
        say(line);
      }
    }
  }
}

function dataOf(event) {
  const { data, data_base64 } = event;
  if (data === undefined) return data_base64 === undefined ? {} : { base64: data_base64 };
  if (ArrayBuffer.isView(data)) return { base64: Buffer.from(data).toString("base64") };
  return { value: data };
}

const read = ({ data, data_base64, ...attributes }) => {
  // What is not set is there all the same, as `undefined`, which JSON leaves out.
  return { id: attributes.id, attributes, data: dataOf({ data, data_base64 }) };
};

// As one reads a body in a service: as text where it is text, else as bytes.
const isText = (type) => /^text\/|json|xml|charset=/i.test(type);

const modeOf = (type) =>
  type.startsWith("application/cloudevents-batch") ? "batched" : type.startsWith("application/cloudevents") ? "structured" : "binary";

function readMessage(headers, body) {
  const type = headers["content-type"] ?? "";
  const mode = modeOf(type);
  try {
    const message = { headers, body: isText(type) ? body.toString() : body.length > 0 ? body : undefined };
    const events = [HTTP.toEvent(message)].flat();
    return events.map((event) => ({ mode, ...read(event) }));
  } catch (error) {
    const ids = mode === "binary" ? [headers["ce-id"]] : [JSON.parse(body)].flat().map(({ id }) => id);
    return ids.map((id) => ({ mode, id, error: why(error) }));
  }
}

function receive() {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      readMessage(request.headers, Buffer.concat(chunks)).forEach(say);
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
  process.stdin.on("end", () => process.exit()).resume();
}

const [command, table, ...urls] = process.argv.slice(2);
if (command === "send") {
  await send(JSON.parse(readFileSync(table, "utf8")), urls);
} else {
  receive();
}
