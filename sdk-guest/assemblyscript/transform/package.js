/** What a module says of itself: `package.json` has its name and version, `schema.json` beside it the schema of its configuration. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Name, version and configuration schema (or null) of the module in a folder. */
export function describe(folder) {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const [key, value] of Object.entries({ name, version })) {
    if (typeof value !== "string" || value === "") throw plain(`package.json has no "${key}": it is the module's own`);
  }
  const schema = join(folder, "schema.json");
  // Of `@shop/order-guard` the last part.
  return { name: name.split("/").pop(), version, schema: existsSync(schema) ? readFileSync(schema, "utf8") : null };
}

/** An error for the author: `asc` prints the stack, which says nothing to them. */
export function plain(message) {
  const error = new Error(message);
  error.stack = message;
  return error;
}
