import { Event, Needs, Verdict, json } from "tidegate-guest";

@json
class Limits {
  most: u8;
}

@json
class Config {
  prefix: string;
  limits: Limits | null = null;
  names: string[] = ["a"];
}

export const needs = Needs.Attributes;

export function configure(config: Config): string | null {
  return config.prefix == "" ? "`prefix` is empty" : null;
}

export function filter(event: Event, config: Config): Verdict {
  if (event.type == "data") return event.data === null ? Verdict.drop() : Verdict.keep;
  if (event.type == "both") return event.data === null && event.extensionText("x") === null ? Verdict.drop() : Verdict.keep;
  return event.type.startsWith(config.prefix) ? Verdict.keep : Verdict.drop(config.names.join());
}
