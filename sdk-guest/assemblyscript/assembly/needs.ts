/** Which parts of an event a module reads. */

/**
 * What a module reads; the host leaves the rest out of its batches, which makes them cheaper.
 *
 * Written as `export const needs = Needs.Attributes | Needs.Data;`. Without it a module gets attributes, extensions and data.
 */
export enum Needs {
  /** Nothing: a module that decides by its configuration alone. */
  None = 0,
  /** `id`, `source`, `type`, `subject`, `time`, `datacontenttype`, `dataschema`. */
  Attributes = 1,
  /** Extension attributes. */
  Extensions = 2,
  /** The payload. */
  Data = 4,
  /** What the transport knows: key, topic, headers. */
  Context = 8,
}

/** What a module gets that does not say what it reads. */
export const DEFAULT_NEEDS: i32 = Needs.Attributes | Needs.Extensions | Needs.Data;

/** `attributes and data`. */
export function describeNeeds(needs: u32): string {
  let text = "";
  for (let bit = 0; bit < 4; bit++) {
    if ((needs & (1 << bit)) == 0) continue;
    if (text.length > 0) text += " and ";
    text += bit == 0 ? "attributes" : bit == 1 ? "extensions" : bit == 2 ? "data" : "context";
  }
  return text;
}
