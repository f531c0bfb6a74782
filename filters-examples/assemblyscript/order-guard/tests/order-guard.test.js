import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { drop, event, eventsFromJsonLines, keep, load, reject } from "tidegate-guest/testing";

const module = load(new URL("..", import.meta.url));
const read = (name) => eventsFromJsonLines(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));

function guard(config, type, data) {
  return module.configure(config).filter([event({ type, data })])[0];
}

test("an order needs an amount", () => {
  assert.deepEqual(guard({}, "com.acme.order.placed", { amount: 12.5 }), keep);
  assert.deepEqual(guard({}, "com.acme.order.placed", { amount: 0 }), drop("amount is not positive"));
  assert.deepEqual(guard({}, "com.acme.order.placed", { amount: "12.5" }), reject("the data is no order"));
  assert.deepEqual(guard({}, "com.acme.order.placed", {}), reject("the data is no order"));
  assert.deepEqual(guard({}, "com.acme.order.placed", undefined), reject("the event has no data"));
});

test("tests are dropped before anything is parsed", () => {
  assert.deepEqual(guard({}, "com.acme.order.test", { amount: 12.5 }), drop("test order"));
  assert.deepEqual(guard({ test_type: "trial" }, "trial", { amount: -1 }), drop("test order"));
});

test("a misspelt configuration is refused", () => {
  assert.throws(() => module.configure({ test_typ: "trial" }), { message: "unknown field `test_typ`, expected `test_type`" });
  assert.throws(() => module.configure({ test_type: 5 }), { message: "invalid type: integer `5`, expected a string" });
});

test("the samples come out as expected", () => {
  const events = read("events.jsonl");
  const outcomes = module.configure().filter(events);
  assert.deepEqual(events.filter((_, n) => outcomes[n].verdict === "keep"), read("expected.jsonl"));
});
