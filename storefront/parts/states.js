// What stands where there is nothing yet, nothing at all, or an error.

import { h } from "../dom.js";
import { icon } from "./icons.js";

/** title, what to do about it, and a link or button that does it. */
export function empty(title, text, ...actions) {
  return h("div.state", {}, icon("drop"), h("p.state-title", {}, title), h("p", {}, text), actions.length > 0 && h("p.actions", {}, actions));
}

/** An error, and a way on. */
export function failed(error, again) {
  const button = again && h("button.button", { type: "button", onclick: again }, "Try again");
  return h("div.state", { role: "alert" }, h("p.state-title", {}, "That did not work"), h("p", {}, error.message), button && h("p.actions", {}, button));
}

/** A grid of cards to come. */
export function waitingCards(count) {
  return h("div.grid", { "aria-hidden": "true" }, Array.from({ length: count }, () => h("div.card.waiting", {}, h("div.picture"), h("div.line"), h("div.line.short"))));
}

export function waitingLines(count) {
  return h("div.lines", { "aria-hidden": "true" }, Array.from({ length: count }, () => h("div.line")));
}
