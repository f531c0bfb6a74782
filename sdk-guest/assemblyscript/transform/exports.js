/** Writes the exports of the contract around the author's function. */

import { plain } from "./package.js";
import { authored, statements, textOf } from "./parse.js";

const VERSION = "0.1.0";

/** The kinds of modules: the contract's function of each, how many parameters the author's function has besides a configuration, and its loop. */
const KINDS = {
  filter: { export: "evaluate", own: ["Event"], returns: /^(Verdict|bool)$/, loop: filterLoop },
  transform: { export: "apply", own: ["Event"], returns: /^(Draft(\s*\|\s*null)?|Draft\[\]|Array<Draft>|Output)$/, loop: transformLoop },
  matcher: { export: "assign", own: ["Event", "Names"], returns: /^(void|bool|Verdict)$/, loop: matcherLoop },
};

export function addExports(asc, parser, described) {
  const entries = authored(asc, parser).filter((source) => source.sourceKind === 1);
  const found = entries.flatMap((entry) => functionsOf(asc, entry));
  const configs = new Set(found.map((module) => module.config).filter((config) => config !== null));
  if (found.length === 0) throw plain("nothing to build: export a function called `filter`, `transform` or `matcher`");
  if (configs.size > 1) throw plain(`the functions take different configurations: ${[...configs].join(", ")}`);
  const entry = found[0].entry;
  const text = source(found, [...configs][0] ?? null, described, exported(asc, entry));
  const added = statements(parser, entry, text);
  for (const statement of added) {
    for (const member of statement.kind === asc.NodeKind.Export ? statement.members : []) {
      member.exportedName.text = contractName(member.exportedName.text);
    }
  }
  entry.statements.push(...added);
}

/** The functions that make a module, no longer exports of their own. */
function functionsOf(asc, entry) {
  const found = [];
  for (const statement of entry.statements) {
    if (statement.kind !== asc.NodeKind.FunctionDeclaration || !(statement.flags & asc.CommonFlags.Export)) continue;
    const name = statement.name.text;
    if (!Object.hasOwn(KINDS, name)) continue;
    const types = statement.signature.parameters.map((parameter) => textOf(parameter.type));
    const returns = textOf(statement.signature.returnType);
    found.push({ entry, name, returns, config: configOf(name, types, returns) });
    statement.flags &= ~asc.CommonFlags.Export;
  }
  return found;
}

/** The type of the configuration, if the function takes one: it stands behind the event. */
function configOf(name, types, returns) {
  const kind = KINDS[name];
  const [event, ...rest] = types;
  const config = rest.length === kind.own.length ? rest.shift() : null;
  if ([event, ...rest].join() !== kind.own.join() || !kind.returns.test(returns)) {
    const own = kind.own.map((type) => `${type.toLowerCase()}: ${type}`);
    const shown = [own[0], "config: Config", ...own.slice(1)];
    throw plain(
      `\`${name}\` takes (${own.join(", ")}) or (${shown.join(", ")}) and returns ${returnsOf(name)}, not (${types.join(", ")}): ${returns}`,
    );
  }
  return config;
}

function returnsOf(name) {
  return { filter: "Verdict or bool", transform: "Draft, Draft | null, Draft[] or Output", matcher: "void, bool or Verdict" }[name];
}

/** Further exports of the entry that say something: `needs`, and `configure`. */
function exported(asc, entry) {
  const says = { needs: false, configure: false };
  for (const statement of entry.statements) {
    const isExport = (node) => node.flags & asc.CommonFlags.Export;
    if (statement.kind === asc.NodeKind.Variable) {
      for (const declaration of statement.declarations) {
        if (declaration.name.text === "needs" && isExport(declaration)) {
          says.needs = true;
          declaration.flags &= ~asc.CommonFlags.Export;
        }
      }
    }
    if (statement.kind === asc.NodeKind.FunctionDeclaration && statement.name.text === "configure" && isExport(statement)) {
      says.configure = true;
      statement.flags &= ~asc.CommonFlags.Export;
    }
  }
  return says;
}

/** `evaluate` is `tidegate:guest/filter@0.1.0#evaluate`: the compiler cannot write such a name, but it can carry it. */
function contractName(name) {
  const interfaces = { describe: "lifecycle", configure: "lifecycle", evaluate: "filter", apply: "transform", assign: "matcher" };
  return Object.hasOwn(interfaces, name) ? `tidegate:guest/${interfaces[name]}@${VERSION}#${name}` : name;
}

function source(modules, config, described, says) {
  const exports = ["describe", "configure", ...modules.map((module) => KINDS[module.name].export)];
  return `
import * as __calls from "tidegate-guest/assembly/abi/calls";
import { problem as __problem } from "tidegate-guest/assembly/json/reader";
import { DEFAULT_NEEDS as __DEFAULT_NEEDS } from "tidegate-guest/assembly/needs";
import { Event as __Event } from "tidegate-guest/assembly/event";
import { Names as __Names } from "tidegate-guest/assembly/names";
import { Verdict as __Verdict } from "tidegate-guest/assembly/verdict";
import { cabi_realloc as __realloc } from "tidegate-guest/assembly/abi/memory";
export { __realloc as cabi_realloc };
${exports.map((name) => `export { __${name} as ${name} };`).join("\n")}
let __isConfigured: bool = false;
${config === null ? "" : `let __config: ${config} | null = null;`}
function __describe(): usize {
  return __calls.described(${bytes(described.name)}, ${bytes(described.version)}, ${bytes(described.schema ?? "")});
}
function __configure(start: usize, length: u32): usize {
  ${config === null ? 'if (!__calls.isNoConfig(start, length)) return __calls.failed("this module takes no configuration");' : readConfig(config, says)}
  __isConfigured = true;
  return __calls.configured(${says.needs ? "needs" : "__DEFAULT_NEEDS"});
}
${modules.map((module) => KINDS[module.name].loop(module, config)).join("\n")}
`;
}

/** Address and length of a text, as the module's own bytes. */
function bytes(text) {
  const utf8 = [...Buffer.from(text, "utf8")];
  return utf8.length === 0 ? "0, 0" : `memory.data<u8>([${utf8.join(",")}]), ${utf8.length}`;
}

function readConfig(config, says) {
  const check = says.configure
    ? "const refused = configure(config);\n  if (refused !== null) return __calls.failed(refused);"
    : "";
  return `const config = __calls.config<${config}>(start, length);
  if (config === null) return __calls.failed(__problem());
  __config = config;
  ${check}`;
}

const PARAMETERS = "now: u64, rowWords: u32, bytes: usize, length: u32, index: usize, words: u32";
const ARGUMENTS = "now, rowWords, bytes, length, index, words";
const EACH = "for (let row = __calls.firstRow(), end = __calls.lastRow(), step = __calls.rowBytes(); row < end; row += step)";
const EVENT = "changetype<__Event>(row)";

/** The local is a reference that the global keeps. */
function ready(config, failed) {
  const refuse = `return __calls.${failed}("called before \`configure\`");`;
  return config === null
    ? `if (!__isConfigured) ${refuse}`
    : `const config = __config;\n  if (config === null || !__isConfigured) ${refuse}`;
}

function filterLoop(module, config) {
  return `
function __evaluate(${PARAMETERS}): usize {
  ${ready(config, "failed")}
  __calls.begin(${ARGUMENTS});
  ${EACH} __calls.decide<${module.returns}>(filter(${EVENT}${module.config ? ", config" : ""}));
  return __calls.evaluated();
}`;
}

function transformLoop(module, config) {
  return `
function __apply(${PARAMETERS}): usize {
  ${ready(config, "applyFailed")}
  __calls.beginApply(${ARGUMENTS});
  ${EACH} {
    const first = __calls.draftsBefore();
    __calls.emit<${module.returns}>(first, transform(${EVENT}${module.config ? ", config" : ""}));
  }
  return __calls.applied();
}`;
}

function matcherLoop(module, config) {
  const call = `matcher(${EVENT}${module.config ? ", config" : ""}, names)`;
  const verdict = { void: `${call}; const verdict = __Verdict.keep`, bool: `const verdict = ${call} ? __Verdict.keep : __Verdict.drop()` };
  return `
const __names = new __Names();
function __assign(${PARAMETERS}): usize {
  ${ready(config, "failed")}
  __calls.beginAssign(${ARGUMENTS});
  const names = __names;
  ${EACH} {
    ${verdict[module.returns] ?? `const verdict = ${call}`};
    __calls.assign(row, verdict);
  }
  return __calls.assigned();
}`;
}
