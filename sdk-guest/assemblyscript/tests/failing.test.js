/** A module that fails says why, in its own words; and it lasts, whatever garbage it makes. */

import assert from "node:assert/strict";
import test from "node:test";
import { event, load } from "tidegate-guest/testing";

const folder = new URL(".", import.meta.url);

test("last words have a place", () => {
  const failing = load(folder, "guests/failing.ts");
  for (const [type, words] of [
    ["throw", /^no order is like this: 1 \(guests\/failing\.ts:5:\d+\)$/],
    ["assert", /^häßlich 😀 \(guests\/failing\.ts:6:\d+\)$/],
    ["index", /^Index out of range \(~lib\/(static)?array\.ts:\d+:\d+\)$/],
    ["null", /^Unexpected 'null' .*\(guests\/failing\.ts:9:\d+\)$/],
  ]) {
    assert.throws(() => failing.configure().filter([event({ type })]), { message: words }, type);
  }
});

test("long last words are cut between characters, and keep their place", () => {
  const failing = load(folder, "guests/failing.ts").configure();
  assert.throws(() => failing.filter([event({ type: "long" })]), (error) => {
    assert.ok(Buffer.byteLength(error.message) <= 512);
    return /^(häßliches\n){20,}[^]* \(guests\/failing\.ts:7:\d+\)$/.test(error.message);
  });
});

test("memory does not grow with the batches", () => {
  const module = load(folder, "guests/garbage.ts").configure();
  const batch = (n, size) => Array.from({ length: n }, (_, k) => event({ id: `${n}-${k}`, type: "t", datacontenttype: "text/plain", data: "x".repeat(size + k) }));
  const batches = [batch(1, 10), batch(64, 100), batch(256, 1000), batch(3, 100000)];
  const large = batch(1, 8 << 20);
  const run = (times) => {
    for (let n = 0; n < times; n++) module.transform(n % 200 === 0 ? large : batches[n % batches.length]);
    return module.memory;
  };
  const before = run(400);
  assert.equal(run(2000), before);
  assert.equal(module.counted("seen") > 100000n, true);
});

test("lines are logged", () => {
  const module = load(folder, "guests/garbage.ts").configure();
  module.transform([event({ type: "log", id: "7" })]);
  assert.deepEqual(module.logged, [{ level: "warn", message: "ü 7" }]);
});
