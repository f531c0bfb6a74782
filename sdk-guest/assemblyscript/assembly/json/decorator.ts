/** What `@json` is to editors. `transform/json.js` acts on it. */

/**
 * Makes a class readable from JSON, and writable: `event.json<Order>()`, a configuration, `draft.dataJson(order)`.
 *
 * Its fields are members of an object. A field with a value of its own (`limit: f64 = 10`) or that may be null need not be there, any
 * other must. Types are `bool`, integers, floats, `string`, classes with `@json`, arrays of these and `Map<string, …>`.
 * Members that the class does not have are skipped in data, and refused in a configuration.
 */
export function json(_class: Function): void {}
