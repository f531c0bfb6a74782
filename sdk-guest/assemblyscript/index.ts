/**
 * Filters, transforms and matchers for Tidegate: one function on one typed event.
 *
 * ```ts
 * import { Event, Verdict } from "tidegate-guest";
 *
 * export function filter(event: Event): Verdict {
 *   return event.type.startsWith("com.acme.order") ? Verdict.keep : Verdict.drop("not an order");
 * }
 * ```
 *
 * The entry file exports a function called `filter`, `transform` or `matcher`; `tidegate build` makes a component of it. This is not the
 * host, and knows nothing of it but the contract in `wit/`. Batches cross flat; this package walks them and hands out one event
 * at a time, without copying or allocating for it.
 */

export { Draft } from "./assembly/draft";
export { Data, Event, Form } from "./assembly/event";
export { json } from "./assembly/json/decorator";
export { log } from "./assembly/log";
export { Counter } from "./assembly/metrics";
export { Names } from "./assembly/names";
export { Needs } from "./assembly/needs";
export { Output } from "./assembly/output";
export { Entries, Refused, state } from "./assembly/state";
export { Kind, Value } from "./assembly/value";
export { Verdict } from "./assembly/verdict";
