// What a notification says.

import { counted } from "../format.js";

export function headlineOf({ kind, name, quantity, available }) {
  switch (kind) {
    case "DROP_STARTED":
      return `${name} is on sale`;
    case "DROP_LOW_STOCK":
      return `Only ${counted(available ?? 0, "unit")} of ${name} left`;
    case "DROP_SOLD_OUT":
      return `${name} is sold out`;
    case "ORDER_CONFIRMED":
      return `Yours: ${quantity ?? 1} × ${name}`;
    case "ORDER_CANCELLED":
      return `Your order of ${name} was cancelled`;
    case "ENDPOINT_DISABLED":
      return `${name} failed for long and was switched off`;
    default:
      return name;
  }
}

export const KINDS = [
  ["DROP_STARTED", "A drop starts"],
  ["DROP_LOW_STOCK", "Little is left"],
  ["DROP_SOLD_OUT", "A drop is sold out"],
  ["ORDER_CONFIRMED", "An order is confirmed"],
  ["ORDER_CANCELLED", "An order is cancelled"],
  ["ENDPOINT_DISABLED", "An endpoint is switched off"],
];
export const CHANNELS = [
  ["LIVE", "On this page"],
  ["WEB_PUSH", "Push"],
  ["EMAIL", "E-mail"],
  ["WEBHOOK", "Webhook"],
];
