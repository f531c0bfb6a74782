import { Counter, Draft, Event, log } from "tidegate-guest";

const seen = new Counter("seen");
const kept: string[] = [];

/** Makes garbage, and keeps some things for long. */
export function transform(event: Event): Draft | null {
  seen.add();
  kept.push(event.id + "!");
  if (kept.length > 100) kept.splice(0, 50);
  if (event.type == "log") log.warn("ü " + event.id);
  const text = event.text;
  if (text === null) return null;
  return event.patch().dataText(text + text.length.toString() + kept[0]);
}
