// The fields of a sale, and what they say. Times are typed as those of the person's own place.

import { digitsOf } from "../format.js";
import { field } from "./forms.js";

export const CURRENCIES = ["EUR", "USD", "GBP", "CHF", "SEK", "PLN", "JPY"].map((code) => [code, code]);

/** { amount, currency } of what was typed in major units. */
export function moneyOf(text, currency) {
  return { amount: Math.round(Number(text) * 10 ** digitsOf(currency)), currency };
}

export function saleFields({ startsAt, endsAt, stock, perUserLimit }) {
  const when = { kind: "datetime-local", step: 1, required: true };
  return [
    field("Starts", "startsAt", { ...when, value: local(startsAt) }),
    field("Ends", "endsAt", { ...when, value: local(endsAt) }),
    field("Units", "stock", { kind: "number", min: 1, max: 10_000_000, step: 1, required: true, value: stock, inputmode: "numeric" }),
    field("At most for each person", "perUserLimit", { kind: "number", min: 1, max: 1000, step: 1, value: perUserLimit ?? "", inputmode: "numeric", hint: "Left empty, as many as there are." }),
  ];
}

/** The fields as the API takes them. */
export function saleOf({ startsAt, endsAt, stock, perUserLimit }) {
  const limit = perUserLimit === "" ? {} : { perUserLimit: Number(perUserLimit) };
  return { startsAt: new Date(startsAt).toISOString(), endsAt: new Date(endsAt).toISOString(), stock: Number(stock), ...limit };
}

/** An instant as an input of a local date and time has it. */
export function local(instant) {
  const moment = new Date(instant);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
