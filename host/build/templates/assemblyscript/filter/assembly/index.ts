/** Lets orders through that are real: not a test, and worth something. */

import { Event, Needs, Verdict, json } from "tidegate-guest";

/** What the policy says under `config`; schema.json says the same. */
@json
class Config {
  /** An order of less is dropped. */
  minimum: f64 = 1;
}

/** What of an order is looked at; the rest of it is skipped. */
@json
class Order {
  amount: f64;
}

export const needs = Needs.Attributes | Needs.Data;

export function filter(event: Event, config: Config): Verdict {
  if (event.type == "com.acme.order.test") return Verdict.drop("test order");
  const order = event.json<Order>();
  if (order === null) return Verdict.reject("the data is no order");
  return order.amount < config.minimum ? Verdict.drop("below the minimum") : Verdict.keep;
}
