/** Parses text that is then moved into the author's source, where it sees what the author's code sees. */

let pieces = 0;

/** The statements of a text. `beside` is the source they will be moved to. */
export function statements(parser, beside, text) {
  const path = `${beside.internalPath}~${pieces++}.ts`;
  parser.parseFile(text, path, false);
  const at = parser.sources.findIndex((source) => source.normalizedPath === path);
  const [source] = parser.sources.splice(at, 1);
  // The compiler asks a declaration for its file by this path.
  source.internalPath = beside.internalPath;
  return source.statements;
}

/** The text of a node. */
export function textOf(node) {
  return node.range.source.text.substring(node.range.start, node.range.end);
}

/** The sources that the author wrote. */
export function authored(asc, parser) {
  const { User, UserEntry } = { User: 0, UserEntry: 1, ...asc.SourceKind };
  return parser.sources.filter((source) => source.sourceKind === User || source.sourceKind === UserEntry);
}
