/** Writes how classes with `@json` are read from JSON, and written. */

import { plain } from "./package.js";
import { authored, statements, textOf } from "./parse.js";

export function addJson(asc, parser) {
  for (const source of authored(asc, parser)) {
    const classes = source.statements.filter(
      (node) => node.kind === asc.NodeKind.ClassDeclaration && node.decorators?.some((decorator) => decorator.name.text === "json"),
    );
    if (classes.length > 0) addTo(asc, parser, source, classes);
  }
}

function addTo(asc, parser, source, classes) {
  const text = `
import * as __reader from "tidegate-guest/assembly/json/reader";
import * as __writer from "tidegate-guest/assembly/json/writer";
import { Buffer as __Buffer } from "tidegate-guest/assembly/abi/buffer";
${classes.map((node) => `class ${node.name.text} {${methods(node.name.text, fieldsOf(asc, node))}}`).join("\n")}`;
  const added = statements(parser, source, text);
  const written = added.filter((node) => node.kind === asc.NodeKind.ClassDeclaration);
  for (const [n, node] of classes.entries()) {
    completeFields(asc, node, written[n]);
    node.members.push(...written[n].members.filter((member) => member.kind === asc.NodeKind.MethodDeclaration));
  }
  source.statements.push(...added.filter((node) => node.kind === asc.NodeKind.Import));
}

/** What is read and written: fields of instances, with their types and what they are without JSON. */
function fieldsOf(asc, node) {
  const fields = node.members.filter(
    (member) => member.kind === asc.NodeKind.FieldDeclaration && !(member.flags & asc.CommonFlags.Static),
  );
  if (fields.length > 64) throw plain(`class ${node.name.text}: @json takes 64 fields at most`);
  return fields.map((field) => {
    if (!field.type) throw plain(`class ${node.name.text}: @json needs the type of \`${field.name.text}\``);
    const type = textOf(field.type);
    const isNullable = /\|\s*null\s*$/.test(type);
    const value = field.initializer ? textOf(field.initializer) : empty(type);
    return { name: field.name.text, type, value, isRequired: !field.initializer && !isNullable };
  });
}

/** The value of a field that has none. */
function empty(type) {
  if (type === "bool") return "false";
  if (/^([iu](8|16|32|64|size)|f32|f64)$/.test(type)) return "0";
  if (type === "string") return '""';
  return /\|\s*null\s*$/.test(type) ? "null" : `changetype<${type}>(0)`;
}

/** A field without a value gets one, so that the class needs no constructor. */
function completeFields(asc, node, written) {
  const made = new Map(
    written.members.filter((member) => member.kind === asc.NodeKind.FieldDeclaration).map((member) => [member.name.text, member.initializer]),
  );
  for (const member of node.members) {
    if (member.kind === asc.NodeKind.FieldDeclaration && member.initializer === null && made.has(member.name.text)) {
      member.initializer = made.get(member.name.text);
    }
  }
}

function methods(name, fields) {
  return `
  ${fields.map((field) => `${field.name}: ${field.type} = ${field.value};`).join("\n  ")}
  __resetJson(): void {
    ${fields.map((field) => `this.${field.name} = ${field.value};`).join("\n    ")}
  }
  __readJson(): bool {
    if (!__reader.open(${JSON.stringify(`struct ${name}`)})) return false;
    let seen: u64 = 0;
    while (__reader.next()) {
      const key = __reader.key;
      const length = __reader.keyLength;
      ${fields.map(readField).join(" else ")}${fields.length > 0 ? " else " : ""}if (!__reader.other(${JSON.stringify(expected(fields))})) return false;
    }
    if (!__reader.isFine()) return false;
    ${fields.map((field, n) => (field.isRequired ? `if (!(seen & ${bit(n)})) return __reader.missing(${JSON.stringify(field.name)});` : "")).join("\n    ")}
    return true;
  }
  __writeJson(out: __Buffer): void {
    ${fields.map(writeField).join("\n    ")}
    __writer.raw(${JSON.stringify(fields.length === 0 ? "{}" : "}")}, out);
  }
`;
}

function readField({ name, type }, n) {
  return `if (${isKey(name)}) {
        if (seen & ${bit(n)}) return __reader.twice(${JSON.stringify(name)});
        seen |= ${bit(n)};
        this.${name} = __reader.value<${type}>();
      }`;
}

function writeField({ name, type }, n) {
  return `__writer.raw(${JSON.stringify(`${n === 0 ? "{" : ","}${JSON.stringify(name)}:`)}, out);
    __writer.writeTo<${type}>(this.${name}, out);`;
}

function bit(n) {
  return `(<u64>1 << ${n})`;
}

/** A comparison of the key's bytes with a name, by words. */
function isKey(name) {
  const utf8 = Buffer.from(name, "utf8");
  const parts = [`length == ${utf8.length}`];
  let at = 0;
  for (const [size, type] of [[8, "u64"], [4, "u32"], [2, "u16"], [1, "u8"]]) {
    for (; at + size <= utf8.length; at += size) {
      let word = 0n;
      for (let n = size - 1; n >= 0; n--) word = (word << 8n) | BigInt(utf8[at + n]);
      parts.push(`load<${type}>(key, ${at}) == ${word}`);
    }
  }
  return parts.join(" && ");
}

/** As serde words it. */
function expected(fields) {
  const names = fields.map((field) => `\`${field.name}\``);
  if (names.length === 0) return "there are no fields";
  if (names.length === 1) return `expected ${names[0]}`;
  return names.length === 2 ? `expected ${names.join(" or ")}` : `expected one of ${names.join(", ")}`;
}
