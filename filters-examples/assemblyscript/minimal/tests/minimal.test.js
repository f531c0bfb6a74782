import assert from "node:assert/strict";
import test from "node:test";
import { drop, event, keep, load } from "tidegate-guest/testing";

const minimal = load(new URL("..", import.meta.url)).configure();

test("only orders go on", () => {
  assert.deepEqual(minimal.filter([event({ type: "com.acme.order.placed" })]), [keep]);
  assert.deepEqual(minimal.filter([event({ type: "com.acme.cart.filled" })]), [drop("not an order")]);
});
