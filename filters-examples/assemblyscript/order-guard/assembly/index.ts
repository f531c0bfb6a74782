/** Lets orders through that are real: not a test, and with an amount that can be. */

import { Event, Needs, Verdict, json } from "tidegate-guest";

@json
class Config {
  /** The type of orders that are tests. */
  test_type: string = "com.acme.order.test";
}

/** What of an order is looked at; the rest of it is skipped. */
@json
class Order {
  amount: f64;
}

export const needs = Needs.Attributes | Needs.Data;

export function filter(event: Event, config: Config): Verdict {
  if (event.type == config.test_type) return Verdict.drop("test order");
  if (event.data === null) return Verdict.reject("the event has no data");
  const order = event.json<Order>();
  if (order === null) return Verdict.reject("the data is no order");
  return order.amount <= 0 ? Verdict.drop("amount is not positive") : Verdict.keep;
}
