/**
 * Two changes to the runtime that comes with the compiler.
 *
 * Memory grows by what is needed, not to its double: a policy limits it, and asking for more than the limit ends the call, so half
 * of what is allowed could never be used. And how much garbage there may be can be read, so that it is collected when it is worth it.
 */

import { plain } from "./package.js";

export function changeRuntime(asc, sources) {
  const { NodeKind, CommonFlags } = asc;
  const file = (name) => sources.find((source) => source.internalPath === `~lib/rt/${name}`)?.statements ?? [];

  const grow = file("tlsf").find((node) => node.kind === NodeKind.FunctionDeclaration && node.name.text === "growMemory");
  const doubled = declarations(NodeKind, grow?.body.statements ?? []).find((node) => node.name.text === "pagesWanted")?.initializer;
  const wanted = doubled?.args?.map((argument) => argument.text).join();
  if (wanted !== "pagesBefore,pagesNeeded") throw unknown("growMemory");
  doubled.args[0] = doubled.args[1];

  const total = declarations(NodeKind, file("tcms")).find((node) => node.name.text === "total");
  if (total === undefined) throw unknown("total");
  total.flags |= CommonFlags.Export;
}

function declarations(NodeKind, statements) {
  return statements.filter((node) => node.kind === NodeKind.Variable).flatMap((node) => node.declarations);
}

function unknown(what) {
  return plain(`this version of assemblyscript has another runtime (\`${what}\` is not as expected): use 0.28, and \`"runtime": "minimal"\``);
}
