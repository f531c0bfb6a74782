/** Modules as a whole: what they say of themselves, their configuration, their needs, and what the compiler refuses. */

import assert from "node:assert/strict";
import test from "node:test";
import { drop, event, keep, load } from "tidegate-guest/testing";

const folder = new URL(".", import.meta.url);
const module = load(folder, "guests/config.ts");

test("a module is called as its package is", () => {
  assert.deepEqual(module.describe(), { name: "tests", version: "0.0.7", schema: '{"title": "süß"}\n' });
});

test("a configuration is read into its class", () => {
  const configured = module.configure({ prefix: "ü.", limits: { most: 255 }, names: ["x", "y"] });
  assert.deepEqual(configured.filter([event({ type: "ü.b" }), event({ type: "u.b" })]), [keep, drop("x,y")]);
  assert.deepEqual(module.configure({ prefix: "b", limits: null }).filter([event()]), [drop("a")]);
});

test("a wrong configuration says what is wrong", () => {
  for (const [config, problem] of [
    [undefined, "missing field `prefix`"],
    [{ prefx: "a" }, "unknown field `prefx`, expected one of `prefix`, `limits`, `names`"],
    [{ prefix: 7 }, "invalid type: integer `7`, expected a string"],
    [{ prefix: ["a"] }, "invalid type: sequence, expected a string"],
    [{ prefix: "a", limits: { most: 256 } }, "invalid value: integer `256`, expected u8"],
    [{ prefix: "a", limits: { most: 1, least: 1 } }, "unknown field `least`, expected `most`"],
    [{ prefix: "a", limits: "x" }, 'invalid type: string "x", expected struct Limits'],
    [{ prefix: "" }, "`prefix` is empty"],
    ["{", "EOF while parsing an object"],
  ]) {
    assert.throws(() => module.configure(config), { message: problem });
  }
});

test("a module without configuration takes none", () => {
  const none = load(folder, "guests/json.ts");
  for (const config of ["", "null", "{}", " { } "]) none.configure(config);
  for (const config of ['{"a":1}', "[]", "0", "{", "}"]) {
    assert.throws(() => none.configure(config), { message: "this module takes no configuration" }, config);
  }
});

test("reading what is withheld fails the call", () => {
  const configured = module.configure({ prefix: "a" });
  const message = (needs) => ({ message: `reads ${needs}, which it did not ask for: list it in \`needs\`` });
  assert.throws(() => configured.filter([event({ type: "data", data: {} })]), message("data"));
  assert.throws(() => configured.filter([event({ type: "both" })]), message("extensions and data"));
  assert.deepEqual(configured.filter([event({ type: "a" })]), [keep]);
});

test("what is no module is refused by the compiler", () => {
  assert.throws(() => load(folder, "guests/nothing.ts"), /nothing to build: export a function called `filter`/);
  assert.throws(() => load(folder, "guests/wrong.ts"), /`filter` takes \(event: Event\) .* returns Verdict or bool, not \(Event\): string/);
});
