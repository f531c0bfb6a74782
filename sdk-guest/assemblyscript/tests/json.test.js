/** JSON into classes: what `JSON.parse` takes is taken, and nothing else. */

import assert from "node:assert/strict";
import test from "node:test";
import { drop, event, load, reject } from "tidegate-guest/testing";

const module = load(new URL(".", import.meta.url), "guests/json.ts").configure();

/** As text: nothing is changed on the way. */
function read(text) {
  return module.filter([event({ datacontenttype: "text/plain", data: text })])[0];
}

test("members of every type", () => {
  const order = {
    amount: 49.9, small: -5, big: 18446744073709551615n, note: "ü\n\"😀\"", ok: false, unknown: [{ a: [[]] }],
    items: [{ sku: "A" }, { count: 255, sku: "B", x: null }], first: { sku: "C" }, tags: { a: 1, "b\t": -2 },
  };
  const text = JSON.stringify(order, (_, value) => (typeof value === "bigint" ? Number(value) : value)).replace("18446744073709552000", "18446744073709551615");
  assert.deepEqual(read(text), drop('49.9 -5 18446744073709551615 ü\n"😀" false A*1 B*255 first C a=1 b\t=-2'));
});

test("what is not there is as the class says", () => {
  assert.deepEqual(read('{"amount":1}'), drop("1.0 -1 7 - true"));
  assert.deepEqual(read('{"amount":2,"note":null,"first":null}'), drop("2.0 -1 7 - true"), "the object is used again");
});

test("mistakes are named, without the event's own values", () => {
  for (const [text, problem] of [
    ["", "EOF while parsing a value"],
    ["{}", "missing field `amount`"],
    ["[]", "invalid type: sequence, expected struct Order"],
    ['{"amount":"secret"}', "invalid type: string, expected f64"],
    ['{"amount":1,"amount":1}', "duplicate field `amount`"],
    ['{"amount":1e999}', "number out of range"],
    ['{"amount":1,"small":2147483648}', "invalid value: integer, expected i32"],
    ['{"amount":1,"small":-2147483649}', "invalid value: integer, expected i32"],
    ['{"amount":1,"big":18446744073709551616}', "invalid value: integer, expected u64"],
    ['{"amount":1,"big":-1}', "invalid value: integer, expected u64"],
    ['{"amount":1,"small":1.5}', "invalid type: floating point, expected i32"],
    ['{"amount":1,"items":[{"sku":"A","count":256}]}', "invalid value: integer, expected u8"],
    ['{"amount":1,"items":[{}]}', "missing field `sku`"],
    ['{"amount":1,"note":"\\ud800"}', "unexpected end of hex escape"],
    ['{"amount":1} x', "trailing characters"],
    ['{"amount":1,}', "trailing comma"],
  ]) {
    assert.deepEqual(read(text), reject(`data: ${problem}`), text);
  }
  assert.deepEqual(module.filter([event()]), [reject("the event has no data")]);
});

test("integers to their limits", () => {
  assert.deepEqual(read('{"amount":1,"small":2147483647,"big":18446744073709551615}').reason, "1.0 2147483647 18446744073709551615 - true");
  assert.deepEqual(read('{"amount":1,"small":-2147483648,"big":0}').reason, "1.0 -2147483648 0 - true");
});

test("numbers are the nearest double", () => {
  for (const text of ["0.1", "1e22", "1e23", "123456789012345678", "4.35", "0.000001", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "9007199254740993", "1e-400"]) {
    assert.equal(Number(read(`{"amount":${text}}`).reason.split(" ")[0]), Number(text), text);
  }
});

test("every way to cut or lose a byte of an order is decided as by JSON.parse", () => {
  const order = '{"id": "o-1\\"\\u00e9", "x": [{"sku":"A","n":[1,-2.5e3]},{}, [], "long enough for a vector"], "amount": 12.50, "y":true}';
  const texts = [];
  for (let at = 1; at < order.length; at++) texts.push(order.slice(0, at), order.slice(0, at - 1) + order.slice(at));
  for (const depth of [1, 63, 64, 65, 128, 129, 5000]) {
    for (const [open, close] of [["[", "]"], ['{"a":', "}"], ['[{"a":[', "]}]"]]) {
      const x = `${open.repeat(depth)}1${close.repeat(depth)}`;
      texts.push(`{"x":${x},"amount":1}`, `{"x":${x.slice(0, -1)},"amount":1}`, `{"x":${x}],"amount":1}`);
    }
  }
  for (const text of texts) {
    let expected = "reject";
    try {
      if (typeof JSON.parse(text).amount === "number") expected = "drop";
    } catch {}
    assert.equal(read(text).verdict, expected, text.slice(0, 200));
  }
});
