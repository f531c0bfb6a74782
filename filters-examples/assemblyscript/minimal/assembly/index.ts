import { Event, Verdict } from "tidegate-guest";

/** Lets orders through, and nothing else. */
export function filter(event: Event): Verdict {
  return event.type.startsWith("com.acme.order") ? Verdict.keep : Verdict.drop("not an order");
}
