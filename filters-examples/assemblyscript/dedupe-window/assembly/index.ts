/** Lets each event through once: what came from the same source with the same id within the window is dropped. */

import { Event, Needs, Refused, Verdict, json, state } from "tidegate-guest";

@json
class Config {
  /** For how long an event is remembered. */
  window_seconds: u64 = 3600;
}

export const needs = Needs.Attributes;

export function filter(event: Event, config: Config): Verdict {
  // Source and id together name an event. No source has a line break in it.
  const name = event.source + "\n" + event.id;
  if (state.has(name)) return Verdict.drop("seen before");
  const refused = state.set(name, "", config.window_seconds * 1000);
  if (refused == Refused.TooLarge) return Verdict.reject("source and id are too long to remember");
  // Better twice than never: what finds no room goes on.
  return Verdict.keep;
}
