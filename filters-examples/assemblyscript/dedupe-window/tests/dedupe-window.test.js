import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { drop, event, eventsFromJsonLines, keep, load, reject } from "tidegate-guest/testing";

const module = load(new URL("..", import.meta.url));
const read = (name) => eventsFromJsonLines(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));

function decide(instance, source, id) {
  return instance.filter([event({ source, id })])[0];
}

test("an event goes through once in a window", () => {
  const dedupe = module.configure({ window_seconds: 60 });
  assert.deepEqual(decide(dedupe, "/shop/eu", "1"), keep);
  assert.deepEqual(decide(dedupe, "/shop/eu", "1"), drop("seen before"));
  assert.deepEqual(decide(dedupe, "/shop/us", "1"), keep, "another source");
  dedupe.nowMs += 59_999;
  assert.deepEqual(decide(dedupe, "/shop/eu", "1"), drop("seen before"), "being seen again does not prolong it");
  dedupe.nowMs += 1;
  assert.deepEqual(decide(dedupe, "/shop/eu", "1"), keep);
});

test("what is remembered outlives the instance", () => {
  const before = module.configure({});
  decide(before, "/shop/eu", "1");
  assert.deepEqual(decide(module.configure({}, before.state), "/shop/eu", "1"), drop("seen before"));
});

test("a name that cannot be remembered is rejected", () => {
  const verdict = decide(module.configure({}), "/shop/eu", "x".repeat(600));
  assert.deepEqual(verdict, reject("source and id are too long to remember"));
});

test("the samples come out as expected", () => {
  const events = read("events.jsonl");
  const outcomes = module.configure().filter(events);
  assert.deepEqual(events.filter((_, n) => outcomes[n].verdict === "keep"), read("expected.jsonl"));
});
