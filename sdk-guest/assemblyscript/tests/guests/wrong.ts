import { Event } from "tidegate-guest";

export function filter(event: Event): string {
  return event.id;
}
