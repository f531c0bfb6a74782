import { Event, Needs, Verdict } from "tidegate-guest";
import { hash } from "../../assembly/hash";

export const needs = Needs.Attributes | Needs.Extensions | Needs.Data | Needs.Context;

export function filter(event: Event): Verdict {
  const given = event.extensionText("reason");
  const reason = given === null ? hash(event) : given;
  const verdict = event.extensionText("verdict");
  if (verdict == "keep") return Verdict.keep;
  if (verdict == "reject") return Verdict.reject(reason);
  if (verdict == "retry") return Verdict.retry(reason);
  if (verdict == "panic") throw new Error("vector " + event.id);
  return Verdict.drop(reason);
}
