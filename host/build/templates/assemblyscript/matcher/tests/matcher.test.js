// The matcher's own tests, in Node: no component, and no host around it.

import assert from "node:assert/strict";
import test from "node:test";
import { event, load } from "tidegate-guest/testing";

const module = load(new URL("..", import.meta.url));

function names(config, data) {
  return module.configure(config).matcher([event({ data })])[0].names;
}

test("an order is named by its region", () => {
  assert.deepEqual(names({}, { region: "eu" }), ["orders/eu"]);
  assert.deepEqual(names({ root: "shop" }, { region: "us" }), ["shop/us"]);
});

test("an order without a region gets no name", () => {
  assert.deepEqual(names({}, { amount: 7 }), []);
});
