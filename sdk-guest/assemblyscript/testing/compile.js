/** Compiles a filter's folder as `tidegate build` does, short of making it a component. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The module's bytes. What the compiler says goes to stderr. */
export function compile(folder, entry = "assembly/index.ts") {
  const require = createRequire(join(folder, "package.json"));
  const asc = require.resolve("assemblyscript/bin/asc.js");
  const scratch = mkdtempSync(join(tmpdir(), "tidegate-"));
  const out = join(scratch, "module.wasm");
  const own = existsSync(join(folder, "asconfig.json"));
  const config = own ? [] : ["--config", join(dirname(require.resolve("tidegate-guest/package.json")), "asconfig.json")];
  try {
    const args = [asc, entry, ...config, "--target", "release", "--outFile", out];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`asc could not compile ${folder}\n${stderr}`);
    return readFileSync(out);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
