/** Names every order by its region, as in `orders/eu`: routes map names to sinks and topics. */

import { Event, Names, Needs, json } from "tidegate-guest";

/** What the policy says under `config`; schema.json says the same. */
@json
class Config {
  /** What names begin with. */
  root: string = "orders";
}

/** What of an order is looked at; the rest of it is skipped. */
@json
class Order {
  region: string | null = null;
}

export const needs = Needs.Data;

/** An order without a region gets no name, and goes where the route sends what no sink asks for. */
export function matcher(event: Event, config: Config, names: Names): void {
  const order = event.json<Order>();
  if (order === null) return;
  const region = order.region;
  if (region !== null) names.join(config.root, region);
}
