/** Keys and values: what is written is read, until its time is over or it is deleted. */

import assert from "node:assert/strict";
import test from "node:test";
import { State, drop, event, keep, load, reject } from "tidegate-guest/testing";

const compiled = load(new URL(".", import.meta.url), "guests/state.ts");

/** What a fresh instance says to one event after another. */
function talk(instance) {
  return (type, id, data) => instance.filter([event({ type, id, datacontenttype: "text/plain", data })])[0];
}

test("what is written is read until its time is over", () => {
  const instance = compiled.configure();
  const say = talk(instance);
  assert.deepEqual(say("get", "a"), drop("null"));
  instance.nowMs = 1;
  assert.deepEqual(say("set", "a", "ä1"), keep);
  instance.nowMs = 2;
  assert.deepEqual(say("set", "b", ""), keep);
  assert.deepEqual(say("get", "a"), drop("ä1"));
  assert.deepEqual(say("all", "a,x,b"), drop("[195 164 49],-,[]"));
  instance.nowMs = 1001;
  assert.deepEqual(say("has", "b"), drop("true"));
  instance.nowMs = 1002;
  assert.deepEqual([say("has", "b"), say("has", "a")], [drop("false"), drop("true")]);
  say("remove", "a");
  assert.deepEqual(say("has", "a"), drop("false"));
});

test("values are bytes", () => {
  const instance = compiled.configure();
  const bytes = Uint8Array.from([0, 255, 128, 10]);
  assert.deepEqual(instance.filter([event({ type: "set-bytes", id: "ü", data: bytes })]), [keep]);
  const say = talk(instance);
  assert.deepEqual(say("bytes", "ü"), drop("[0 255 128 10]"));
  assert.deepEqual(say("get", "ü"), drop("null"), "it is no text");
  assert.deepEqual([...instance.state.get("ü")], [...bytes]);
});

test("what does not fit is refused, and ends no call", () => {
  const say = talk(compiled.configure());
  const long = "ü".repeat(256) + "k";
  assert.deepEqual(say("set", long, "1"), reject("too large"));
  assert.deepEqual(say("long", "1"), reject("too large"));
  assert.deepEqual([say("has", long), say("get", long), say("bytes", long)], [drop("false"), drop("null"), drop("null")]);
  say("remove", long);
  assert.deepEqual(say("all", `,${long},a`), drop("-,-,-"));
  assert.deepEqual(say("set", long.slice(1), "1"), keep, "511 bytes");
});

test("many writes go together", () => {
  const instance = compiled.configure();
  assert.deepEqual(talk(instance)("many", Array.from({ length: 300 }, (_, n) => `k${n}`).join()), keep);
  assert.equal(instance.state.size, 299);
  assert.equal(instance.state.text("k299"), "x".repeat(1000) + "299");
});

test("another instance goes on with what is remembered, if it is given that", () => {
  const state = new State();
  talk(compiled.configure(undefined, state))("set", "a", "1");
  assert.deepEqual(talk(compiled.configure(undefined, state))("get", "a"), drop("1"));
  assert.deepEqual(talk(compiled.configure())("get", "a"), drop("null"));
});

test("what was asked and written is not kept in memory", () => {
  const instance = compiled.configure();
  for (let n = 0; n < 1500; n++) {
    instance.filter(["set", "get", "bytes", "all", "many"].map((type) => event({ type, id: "a,b", datacontenttype: "text/plain", data: "x".repeat(9000) })));
  }
  assert.ok(instance.memory < 4 << 20, `${instance.memory} bytes after some 70 MiB`);
});
