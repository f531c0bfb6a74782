import { Event, Names, Needs, Verdict } from "tidegate-guest";
import { hash } from "../../assembly/hash";

export const needs = Needs.Attributes | Needs.Extensions | Needs.Data | Needs.Context;

export function matcher(event: Event, names: Names): Verdict {
  names.add("all");
  const region = event.extensionText("region");
  if (region !== null) names.join("region", region);
  const name = event.extensionText("name");
  if (name !== null) {
    names.add(name);
    names.add(name);
  }
  return event.extensionText("verdict") == "drop" ? Verdict.drop(hash(event)) : Verdict.keep;
}
