/** Gives every order the region of its data as an attribute, so that it can be routed without reading the data. */

import { Draft, Event, Needs, json } from "tidegate-guest";

/** What the policy says under `config`; schema.json says the same. */
@json
class Config {
  /** The region of orders that name none. */
  fallback: string = "none";
}

/** What of an order is looked at; the rest of it is skipped. */
@json
class Order {
  region: string | null = null;
}

export const needs = Needs.Data;

/** A patch costs only what it changes: the data is not copied. */
export function transform(event: Event, config: Config): Draft {
  let region = config.fallback;
  const order = event.json<Order>();
  if (order !== null) {
    const named = order.region;
    if (named !== null) region = named;
  }
  return event.patch().extension("region", region);
}
