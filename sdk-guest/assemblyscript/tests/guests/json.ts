import { Event, Verdict, json } from "tidegate-guest";

@json
class Item {
  sku: string;
  count: u8 = 1;
}

@json
class Order {
  amount: f64;
  small: i32 = -1;
  big: u64 = 7;
  note: string | null = null;
  ok: bool = true;
  items: Item[] = [];
  first: Item | null = null;
  tags: Map<string, i64> = new Map<string, i64>();
}

/** What was read goes out as a reason: this is a test. */
export function filter(event: Event): Verdict {
  const order = event.json<Order>();
  if (order === null) return Verdict.reject(event.problem);
  let text = order.amount.toString() + " " + order.small.toString() + " " + order.big.toString();
  text += " " + (order.note === null ? "-" : order.note!) + " " + order.ok.toString();
  for (let n = 0; n < order.items.length; n++) text += " " + order.items[n].sku + "*" + order.items[n].count.toString();
  if (order.first !== null) text += " first " + order.first!.sku;
  const keys = order.tags.keys();
  for (let n = 0; n < keys.length; n++) text += " " + keys[n] + "=" + order.tags.get(keys[n]).toString();
  return Verdict.drop(text);
}
