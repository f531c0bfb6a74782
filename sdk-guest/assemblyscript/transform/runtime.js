/**
 * Two changes to the runtime that comes with the compiler.
 *
 * Memory grows by what is needed, not to its double: a policy limits it, and asking for more than the limit fails the call, so half
 * of what is allowed could never be used; and where there is no more, that is said. And how much garbage there may be can be read, so
 * that it is collected when it is worth it.
 */

import { plain } from "./package.js";
import { statements } from "./parse.js";

const GROW = 'if (memory.grow(pagesNeeded) < 0) abort("out of memory", null, 0, 0);';

export function changeRuntime(asc, parser) {
  const { NodeKind, CommonFlags } = asc;
  const file = (name) => parser.sources.find((source) => source.internalPath === `~lib/rt/${name}`);

  const tlsf = file("tlsf");
  const grow = tlsf?.statements.find((node) => node.kind === NodeKind.FunctionDeclaration && node.name.text === "growMemory");
  const steps = grow?.body.statements ?? [];
  // `const pagesWanted = max(pagesBefore, pagesNeeded);`, and then `if (memory.grow(pagesWanted) < 0) …`.
  const at = steps.findIndex((node) => declarations(NodeKind, [node]).some((declared) => declared.name.text === "pagesWanted"));
  const wanted = steps[at]?.declarations[0].initializer.args?.map((argument) => argument.text).join();
  if (wanted !== "pagesBefore,pagesNeeded" || steps[at + 1]?.kind !== NodeKind.If) throw unknown("growMemory");
  steps.splice(at, 2, ...statements(parser, tlsf, GROW));

  const total = declarations(NodeKind, file("tcms")?.statements ?? []).find((node) => node.name.text === "total");
  if (total === undefined) throw unknown("total");
  total.flags |= CommonFlags.Export;
}

function declarations(NodeKind, statements) {
  return statements.filter((node) => node.kind === NodeKind.Variable).flatMap((node) => node.declarations);
}

function unknown(what) {
  return plain(`this version of assemblyscript has another runtime (\`${what}\` is not as expected): use 0.28, and \`"runtime": "minimal"\``);
}
