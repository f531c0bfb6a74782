/** Tests of modules under Node; see `index.js`. */

/** A CloudEvent in JSON. `context` is what the transport knows. */
export interface TestEvent {
  specversion?: string;
  id: string;
  source: string;
  type: string;
  subject?: string;
  time?: string;
  datacontenttype?: string;
  dataschema?: string;
  /** JSON; text where `datacontenttype` is not JSON; or bytes. */
  data?: unknown;
  data_base64?: string;
  context?: Record<string, string>;
  [extension: string]: unknown;
}

export interface Outcome {
  verdict: "keep" | "drop" | "reject" | "retry";
  reason: string;
}

/** An event with id `1`, source `/test`, type `test` and nothing else, until told otherwise. */
export function event(members?: Partial<TestEvent>): TestEvent;
/** A value of an extension attribute with a kind that JSON does not tell. */
export function value(kind: "uri" | "uri-reference" | "timestamp", text: string): { kind: string; value: string };
/** Events of a file with one in a line. */
export function eventsFromJsonLines(lines: string): TestEvent[];
/** Compiles the filter in a folder (a path or a file URL). */
export function load(folder: string | URL, entry?: string): Module;

export const keep: Outcome;
export function drop(reason?: string): Outcome;
export function reject(reason?: string): Outcome;
export function retry(reason?: string): Outcome;

export class Module {
  /** What it says of itself. */
  describe(): { name: string; version: string; schema: string | null };
  /** An instance with this configuration (a value, or JSON text), which remembers what `state` does. Throws what the module refuses it with. */
  configure(config?: unknown, state?: State): Instance;
}

/** Stands in for what a host remembers, without limits but those of a key and a value. */
export class State {
  /** The value of a key as bytes, whether its time is over or not. */
  get(key: string): Uint8Array | undefined;
  /** The same, as text. */
  text(key: string): string | undefined;
  /** How many keys there are. */
  readonly size: number;
  /** Empties it. */
  forget(): void;
}

/** A configured module. A call that fails throws the module's own words. */
export class Instance {
  filter(events: TestEvent[]): Outcome[];
  transform(events: TestEvent[]): (Outcome & { events: TestEvent[] })[];
  matcher(events: TestEvent[]): (Outcome & { names: string[] })[];
  /** Lines logged so far. */
  logged: { level: "trace" | "debug" | "info" | "warn" | "error"; message: string }[];
  /** What a counter stands at. */
  counted(name: string): bigint;
  /** The host's clock, in milliseconds since the Unix epoch: what is remembered ends by it. */
  nowMs: number;
  /** What it remembers. */
  state: State;
  /** The module's memory, in bytes. */
  readonly memory: number;
}
