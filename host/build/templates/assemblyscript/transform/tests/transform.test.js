// The transform's own tests, in Node: no component, and no host around it.

import assert from "node:assert/strict";
import test from "node:test";
import { event, load } from "tidegate-guest/testing";

const module = load(new URL("..", import.meta.url));

function region(config, data) {
  return module.configure(config).transform([event({ data })])[0].events[0].region;
}

test("the region of the data becomes an attribute", () => {
  assert.equal(region({}, { region: "eu", amount: 49.9 }), "eu");
});

test("an order that names none gets the fallback", () => {
  assert.equal(region({}, { amount: 7 }), "none");
  assert.equal(region({ fallback: "web" }, "not an order"), "web");
});
