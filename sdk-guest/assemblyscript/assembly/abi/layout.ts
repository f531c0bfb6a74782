/** The layout of a flat batch, as `wit/tidegate.wit` documents it. Offsets are in bytes of a row. */

/** Words in a row of contract 0.1.0. A host with a later 0.1.x may send more: step by what the batch says. */
export const ROW_WORDS: u32 = 24;
/** Bytes in such a row. */
export const ROW_BYTES: u32 = ROW_WORDS * 4;

/** The words of a row that are not spans. */
export const FLAGS: u32 = 0;
export const ORIGIN: u32 = 4;
export const INHERIT: u32 = 8;
/** Of field n: its start here plus 8 × n, its length 4 bytes on. */
export const SPANS: u32 = 16;

/** The ten fields that have spans. */
export const ID: u32 = 0;
export const SOURCE: u32 = 1;
export const TYPE: u32 = 2;
export const SUBJECT: u32 = 3;
export const TIME: u32 = 4;
export const DATACONTENTTYPE: u32 = 5;
export const DATASCHEMA: u32 = 6;
export const EXTENSIONS: u32 = 7;
export const DATA: u32 = 8;
export const CONTEXT: u32 = 9;
export const FIELDS: u32 = 10;

/** Bits of the flags word. */
export const HAS_DATA: u32 = 1;
export const FORM_SHIFT: u32 = 1;
export const FORM: u32 = 3 << FORM_SHIFT;
export const WITHHELD_SHIFT: u32 = 8;

/** Bits of the inherit word: one a field, and one more: `extensions` holds only what was added, replaced, or removed. */
export const INHERIT_ALL: u32 = (1 << FIELDS) - 1;
export const EXTENSIONS_CHANGED: u32 = 1 << 16;

/** An entry of extensions or context: name length, kind, value length, then name and value. */
export const ENTRY_HEAD: u32 = 6;
