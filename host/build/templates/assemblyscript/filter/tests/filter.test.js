// The filter's own tests, in Node: no component, and no host around it.

import assert from "node:assert/strict";
import test from "node:test";
import { drop, event, keep, load, reject } from "tidegate-guest/testing";

const module = load(new URL("..", import.meta.url));

function verdict(config, type, data) {
  return module.configure(config).filter([event({ type, data })])[0];
}

test("orders of less than the minimum are dropped", () => {
  assert.deepEqual(verdict({}, "com.acme.order.placed", { amount: 1 }), keep);
  assert.deepEqual(verdict({ minimum: 10 }, "com.acme.order.placed", { amount: 9.99 }), drop("below the minimum"));
});

test("test orders are dropped before anything is parsed", () => {
  assert.deepEqual(verdict({}, "com.acme.order.test", "not an order"), drop("test order"));
});

test("an order without an amount is rejected", () => {
  assert.deepEqual(verdict({}, "com.acme.order.placed", { region: "eu" }), reject("the data is no order"));
});
