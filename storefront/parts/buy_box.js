// The button that buys, and what came of it.

import { fill, h, newId, setText } from "../dom.js";
import { counted, money } from "../format.js";
import { buy, unanswered } from "../purchase.js";
import { go, signInAddress } from "../router.js";
import * as session from "../session.js";

/** As many as can be chosen where a drop has no limit of its own. */
const MOST_AT_ONCE = 10;
const REFUSALS = {
  SOLD_OUT: ["Sold out", "Others were faster this time. Units that are given back go on sale again here."],
  INSUFFICIENT_STOCK: ["Not that many are left", "Choose fewer and try again."],
  LIMIT_REACHED: ["You have your share", "Each person may buy only so many of this drop."],
  NOT_STARTED: ["Not yet", "The sale has not started. The button works as soon as it has."],
  ENDED: ["The sale is over", "Follow its creator to be told of the next one."],
};
const WHY_NOT = { SCHEDULED: "Not on sale yet", SOLD_OUT: "Sold out", ENDED: "The sale is over", CANCELLED: "This drop was cancelled" };

export class BuyBox {
  constructor(drop, view) {
    this.drop = drop;
    this.view = view;
    this.state = null;
    this.isBuying = false;
    this.outcome = h("div.outcome", { role: "status" });
    this.button = h("button.button.primary.wide.buy", { type: "submit" });
    this.quantity = this.makeQuantity();
    this.form = h("form.buy-form", { "aria-label": "Buy" }, this.quantity.row, this.button);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.button.getAttribute("aria-disabled") !== "true") this.run();
    });
    this.element = h("div.buy-box", {}, this.form, this.outcome);
    this.draw();
    // A wish whose answer never came, from before a reload: its answer is still to be had.
    if (session.user() && unanswered(drop.id)) this.run();
  }

  makeQuantity() {
    const id = newId();
    const most = Math.min(this.drop.perUserLimit ?? MOST_AT_ONCE, MOST_AT_ONCE);
    const select = h("select", { id, onchange: () => this.draw() }, Array.from({ length: most }, (_, index) => h("option", { value: index + 1 }, String(index + 1))));
    return { select, row: h("p.quantity", { hidden: most === 1 }, h("label", { for: id }, "Quantity"), select) };
  }

  /** What is known of the drop now. */
  update(state) {
    this.state = state;
    this.draw();
  }

  draw() {
    const wish = session.user() && unanswered(this.drop.id);
    if (wish) this.quantity.select.value = String(wish.quantity);
    this.quantity.select.disabled = Boolean(wish);
    const isOpen = this.state === "LIVE" || Boolean(wish);
    // It stays where the keyboard finds it: who waits at the button may press it the moment it starts.
    if (isOpen && !this.isBuying) this.button.removeAttribute("aria-disabled");
    else this.button.setAttribute("aria-disabled", "true");
    setText(this.button, this.label(isOpen, wish));
  }

  label(isOpen, wish) {
    if (this.isBuying) return "Buying…";
    if (!isOpen) return WHY_NOT[this.state] ?? "One moment…";
    if (!session.user()) return "Sign in to buy";
    const { amount, currency } = this.drop.unitPrice;
    const sum = money({ amount: amount * Number(this.quantity.select.value), currency });
    return wish ? `Try again for ${sum}` : `Buy for ${sum}`;
  }

  async run() {
    if (!session.user()) return go(signInAddress());
    this.isBuying = true;
    this.tell("waiting", "Asking for it…", "Stay or go: this goes on, and you never buy twice.");
    this.draw();
    const outcome = await buy(this.drop.id, Number(this.quantity.select.value), () =>
      this.tell("waiting", "Many are buying", "You keep your place to ask; trying again by itself."),
    );
    this.isBuying = false;
    this.draw();
    return this.conclude(outcome);
  }

  conclude({ order, refused, failed }) {
    if (order) {
      const link = h("a", { href: "/orders" }, "See your orders");
      return this.tell("good", "It is yours", `${counted(order.quantity, "unit")} of ${this.drop.name}. `, link);
    }
    if (refused) {
      const [title, text] = REFUSALS[refused.code] ?? ["That did not work", refused.message];
      return this.tell("bad", title, text);
    }
    if (failed.code === "UNAUTHENTICATED") return this.tell("bad", "Sign in again", "Your wish is kept: it goes on once you are back. ", h("a", { href: signInAddress() }, "Sign in"));
    return this.tell("bad", "No answer yet", "Your wish is kept. Try again: if it was already bought, you get the same order, never a second one.");
  }

  tell(kind, title, text, link = null) {
    fill(this.outcome, h(`div.told.${kind}`, {}, h("p.told-title", {}, title), h("p", {}, text, link)));
  }
}
