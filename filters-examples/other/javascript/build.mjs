/** Makes target/tidegate/minimal-javascript.wasm, with what the npm package componentize-js brings: `npm install && node build.mjs`. */

import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// The contract is a package that the world depends on.
rmSync(here("target/wit"), { recursive: true, force: true });
mkdirSync(here("target/wit/deps"), { recursive: true });
mkdirSync(here("target/tidegate"), { recursive: true });
cpSync(here("world.wit"), here("target/wit/world.wit"));
cpSync(here("../../../wit/tidegate.wit"), here("target/wit/deps/tidegate.wit"));

const { component } = await componentize({
  sourcePath: here("minimal.js"),
  witPath: here("target/wit"),
  worldName: "minimal",
  // A filter has no network; what of WASI is left has nothing behind it.
  disableFeatures: ["http", "fetch-event"],
});
writeFileSync(here("target/tidegate/minimal-javascript.wasm"), component);
