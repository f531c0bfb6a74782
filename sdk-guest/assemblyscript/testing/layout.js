/** The layout of a flat batch, as `wit/tidegate.wit` documents it: the host's side of it. */

export const ROW_WORDS = 24;

/** Fields that have spans, by their number. */
export const FIELDS = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "extensions", "data", "context"];
export const ID = 0;
export const EXTENSIONS = 7;
export const DATA = 8;
export const CONTEXT = 9;

export const HAS_DATA = 1;
export const EXTENSIONS_CHANGED = 1 << 16;
export const FORMS = ["binary", "text", "json"];
export const KINDS = ["removed", "string", "integer", "boolean", "binary", "uri", "uri-reference", "timestamp"];
export const VERDICTS = ["keep", "drop", "reject", "retry"];

/** The needs that each field belongs to. */
export function needOf(field) {
  return field < EXTENSIONS ? 1 : field === EXTENSIONS ? 2 : field === DATA ? 4 : 8;
}
