/**
 * What the build does to an author's file, as a transform of `asc`: the exports of the contract around the exported function, JSON of
 * classes with `@json`, and two changes to the runtime.
 */

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { addExports } from "./exports.js";
import { addJson } from "./json.js";
import { describe } from "./package.js";
import { changeRuntime } from "./runtime.js";

export default class Tidegate {
  async afterParse(parser) {
    const folder = resolve(this.baseDir);
    // The compiler's own module, as the author's folder has it: there is one of it in the process.
    const require = createRequire(join(folder, "package.json"));
    const asc = await import(pathToFileURL(require.resolve("assemblyscript/dist/assemblyscript.js")));
    changeRuntime(asc, parser);
    addJson(asc, parser);
    addExports(asc, parser, describe(folder));
  }
}
