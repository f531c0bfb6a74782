/**
 * Tests of modules under Node: the module itself runs, as the host runs it, with plain objects around it.
 *
 * ```js
 * import assert from "node:assert/strict";
 * import test from "node:test";
 * import { drop, event, keep, load } from "tidegate-guest/testing";
 *
 * const minimal = load(import.meta.dirname + "/..").configure();
 *
 * test("only orders go on", () => {
 *   assert.deepEqual(minimal.filter([event({ type: "com.acme.order.placed" })]), [keep]);
 *   assert.deepEqual(minimal.filter([event({ type: "com.acme.cart.filled" })]), [drop("not an order")]);
 * });
 * ```
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "./compile.js";
import { Module } from "./module.js";

export { event, eventsFromJsonLines, value } from "./event.js";
export { State } from "./state.js";

/** Compiles the filter in a folder (a path or a file URL). */
export function load(folder, entry) {
  return new Module(compile(resolve(folder instanceof URL ? fileURLToPath(folder) : folder), entry));
}

/** The verdicts, as `filter` gives them. */
export const keep = { verdict: "keep", reason: "" };
export const drop = (reason = "") => ({ verdict: "drop", reason });
export const reject = (reason = "") => ({ verdict: "reject", reason });
export const retry = (reason = "") => ({ verdict: "retry", reason });
