/**
 * Names `orders/REGION`, or `orders/REGION/CHANNEL`: routes ask for `orders/eu/>`, or for one level of them.
 *
 * The region is the extension `region`, else the member of the data; the channel is in the data. An event without a region gets no
 * name, and goes where events go that no sink asks for.
 */

import { Event, Names, Needs, json } from "tidegate-guest";

@json
class Order {
  region: string | null = null;
  channel: string | null = null;
}

export const needs = Needs.Extensions | Needs.Data;

export function matcher(event: Event, names: Names): void {
  let region = event.extensionText("region");
  let channel: string | null = null;
  const order = event.json<Order>();
  if (order !== null) {
    channel = order.channel;
    if (region === null) region = order.region;
  }
  if (region !== null) names.join("orders", region, channel);
}
