import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { event, eventsFromJsonLines, load } from "tidegate-guest/testing";

const router = load(new URL("..", import.meta.url)).configure();
const read = (name) => eventsFromJsonLines(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));

test("the extension goes first", () => {
  const [{ names }] = router.matcher([event({ region: "eu", data: { region: "us" } })]);
  assert.deepEqual(names, ["orders/eu"]);
});

test("a region that is no name is rejected", () => {
  const [{ verdict, reason, names }] = router.matcher([event({ region: "eu west" })]);
  assert.equal(verdict, "reject");
  assert.match(reason, /^`orders\/eu west` cannot be a name/);
  assert.deepEqual(names, []);
});

test("the samples get the expected names", () => {
  const events = read("events.jsonl");
  const named = router.matcher(events).map(({ names }, n) => ({ id: events[n].id, names }));
  assert.deepEqual(named, read("expected.jsonl"));
});
