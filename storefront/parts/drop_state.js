// The state of a drop: what it is called, how it looks, how much of it is left, and when it starts or ends.

import * as clock from "../clock.js";
import { h, setText } from "../dom.js";
import { brief, count, spoken } from "../format.js";

const NAMES = { SCHEDULED: "Coming up", LIVE: "On sale", SOLD_OUT: "Sold out", ENDED: "Ended", CANCELLED: "Cancelled" };

export function nameOf(state) {
  return NAMES[state] ?? state;
}

/** The state at this very moment, by the server's clock: what was told last may be a second old. */
export function stateNow(drop) {
  const now = clock.now();
  if (drop.state === "SCHEDULED" && now >= Date.parse(drop.startsAt)) return "LIVE";
  if ((drop.state === "LIVE" || drop.state === "SOLD_OUT") && now >= Date.parse(drop.endsAt)) return "ENDED";
  return drop.state;
}

/** { element, update(state) } */
export function badge(state) {
  const element = h("span.badge");
  const update = (now) => {
    setText(element, nameOf(now));
    element.dataset.state = now;
  };
  update(state);
  return { element, update };
}

/** How much is left, as a bar with words beside it. { element, update(stock) } */
export function stockBar(stock) {
  const fill = h("span.fill");
  const bar = h("div.bar", { role: "meter", "aria-label": "Left in stock", "aria-valuemin": 0 }, fill);
  const words = h("p.left");
  const update = ({ total, available }) => {
    bar.setAttribute("aria-valuemax", total);
    bar.setAttribute("aria-valuenow", available);
    bar.setAttribute("aria-valuetext", `${available} of ${total}`);
    fill.style.inlineSize = `${total ? (100 * available) / total : 0}%`;
    bar.dataset.low = String(available * 5 <= total);
    setText(words, available ? `${count(available)} of ${count(total)} left` : "None left");
  };
  update(stock);
  return { element: h("div.stock", {}, bar, words), update };
}

/** Time until a drop starts or ends. Heard in words when asked for; it does not speak by itself. { element, update(drop, state) } */
export function countdown() {
  const label = h("span.countdown-label");
  const digits = h("span.countdown-digits", { "aria-hidden": "true" });
  const words = h("span.heard");
  const element = h("p.countdown", { role: "timer", "aria-live": "off" }, label, digits, words);
  const update = (drop, state) => {
    const until = { SCHEDULED: [drop.startsAt, "Starts in"], LIVE: [drop.endsAt, "Ends in"], SOLD_OUT: [drop.endsAt, "Ends in"] }[state];
    element.hidden = !until;
    if (!until) return;
    const left = Date.parse(until[0]) - clock.now();
    setText(label, `${until[1]} `);
    setText(digits, brief(left));
    setText(words, spoken(left));
  };
  return { element, update };
}
