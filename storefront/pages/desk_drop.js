// A creator's drop: how it sells, and what can still be changed.

import { ask, change } from "../api.js";
import * as clock from "../clock.js";
import { fill, h, setText } from "../dom.js";
import { count, counted, money, share } from "../format.js";
import { watchDrop } from "../live.js";
import { say } from "../notices.js";
import { saleChart } from "../parts/chart.js";
import { confirmed } from "../parts/dialog.js";
import { figures } from "../parts/figures.js";
import { badge, countdown, stateNow, stockBar } from "../parts/drop_state.js";
import { field, form } from "../parts/forms.js";
import { saleFields, saleOf } from "../parts/sale_fields.js";
import { empty, waitingLines } from "../parts/states.js";
import { CANCEL_DROP, CHANGE_DROP, DROP_FIGURES, END_DROP, OWN_DROP_PAGE } from "../queries.js";
import * as session from "../session.js";
import { withRetries } from "../waiting.js";

/** As long as one answer can be: 1,500 hours. */
const FIGURES_MS = 60 * 24 * 3600 * 1000;

export async function deskDrop(view) {
  view.entitle("Drop");
  const back = h("p.back", {}, h("a", { href: "/desk" }, "Back to the desk"));
  view.show(back, h("h1.waiting-title", {}, "A drop"), waitingLines(6));
  const { drop } = await ask(OWN_DROP_PAGE, { id: view.id }, { signal: view.signal });
  if (drop?.creatorId !== session.user().id) {
    return view.show(back, h("h1", {}, "Not one of yours"), empty("There is no such drop of yours", "It may have been made with another account.", h("a.button", { href: "/desk" }, "To your desk")));
  }
  view.entitle(`${drop.name}, your drop`);
  return view.show(back, new DeskDrop(drop, view).element);
}

class DeskDrop {
  constructor(drop, view) {
    this.drop = drop;
    this.view = view;
    this.badge = badge(stateNow(drop));
    this.time = countdown();
    this.bar = stockBar(drop.stock);
    this.chart = saleChart(drop.stock, view.signal);
    this.controls = h("div.panel.controls");
    const numbers = figures(() => this.figures(), view.signal, ["Visits", "Orders", "Revenue", "Came too late"]);
    const soFar = h("section.panel", { "aria-label": "So far" }, h("h2", {}, "So far"), numbers);
    const head = h("div.page-head", {}, h("h1", {}, drop.name), this.badge.element);
    const links = h("p.muted", {}, h("a", { href: `/drops/${drop.id}` }, "See it as your fans do"), ` · ${money(drop.unitPrice)} each`);
    const sale = h("section.panel", { "aria-label": "The sale" }, h("h2", {}, "The sale"), this.time.element, this.bar.element, this.chart.element);
    this.element = h("div", {}, head, links, h("div.two", {}, sale, this.controls), soFar);
    clock.eachSecond(view.signal, () => this.update());
    this.watch();
  }

  watch() {
    watchDrop(this.drop.id, this.view.signal, {
      stock: (stock) => {
        this.drop.stock = stock;
        this.bar.update(stock);
        this.chart.add(stock);
      },
      state: ({ state, startsAt, endsAt }) => {
        Object.assign(this.drop, { state, startsAt, endsAt });
        this.update();
      },
    });
  }

  /** Of the last two months, a moment behind. */
  async figures() {
    const since = new Date(clock.now() - FIGURES_MS).toISOString();
    const { totals } = (await ask(DROP_FIGURES, { id: this.drop.id, since }, this.view)).analytics;
    const revenue = money({ amount: totals.revenue, currency: this.drop.unitPrice.currency });
    return [
      { name: "Visits", value: count(totals.views) },
      { name: "Orders", value: count(totals.orders), note: totals.views ? `${share(totals.orders, totals.views)} of visits` : "" },
      { name: "Revenue", value: revenue, note: totals.cancelledOrders ? `${counted(totals.cancelledOrders, "order")} cancelled` : "" },
      { name: "Came too late", value: count(totals.soldOut), note: totals.limitReached ? `${count(totals.limitReached)} at their limit` : "" },
    ];
  }

  /** Controls are drawn anew only when the state changes: somebody may be typing. */
  update() {
    const state = stateNow(this.drop);
    this.time.update(this.drop, state);
    if (state === this.state) return;
    this.state = state;
    this.badge.update(state);
    this.drawControls();
  }

  drawControls() {
    const isOver = this.state === "ENDED" || this.state === "CANCELLED";
    if (isOver) return fill(this.controls, h("h2", {}, "Over"), h("p.muted", {}, this.state === "ENDED" ? "What was sold stays sold." : "Its orders are cancelled, one by one."));
    const isOn = this.state !== "SCHEDULED";
    const end = isOn && h("button.button", { type: "button", onclick: () => this.end() }, "End it now");
    const cancel = h("button.button.danger", { type: "button", onclick: () => this.cancel() }, "Cancel the drop");
    return fill(this.controls, h("h2", {}, "Change it"), this.changeForm(isOn), h("p.actions", {}, end, cancel));
  }

  changeForm(isOn) {
    const fields = saleFields({ ...this.drop, stock: this.drop.stock.total }).filter(({ name }) => !isOn || name === "endsAt" || name === "stock");
    const before = new Map(fields.map((one) => [one.name, one.input.value]));
    const send = async (values) => {
      // Only what was changed: a start that is over could not be sent again.
      const told = saleOf({ startsAt: before.get("startsAt") ?? this.drop.startsAt, ...values, perUserLimit: values.perUserLimit ?? "" });
      const changes = Object.fromEntries(Object.entries(told).filter(([name]) => values[name] !== undefined && values[name] !== before.get(name)));
      await this.apply(CHANGE_DROP, { id: this.drop.id, expectedVersion: this.drop.version, ...changes }, "Changed.");
      for (const one of fields) before.set(one.name, one.input.value);
    };
    return form({ label: "Change the drop", fields, button: "Save changes", send });
  }

  async end() {
    const sure = await confirmed("End this sale now?", "What was sold stays sold. Nobody can buy more.", { yes: "End the sale", no: "Let it go on" });
    if (sure) await this.applyOrSay(END_DROP, { id: this.drop.id }, "The sale has ended.");
  }

  async cancel() {
    const reason = field("Reason", "reason", { required: true, maxlength: 200, hint: "Told to those who bought." });
    const sure = await confirmed("Cancel this drop?", "Every order of it is cancelled.", { yes: "Cancel the drop", no: "Keep the drop", fields: [reason.element] });
    if (sure) await this.applyOrSay(CANCEL_DROP, { id: this.drop.id, reason: reason.input.value }, "The drop is cancelled.");
  }

  async applyOrSay(mutation, input, text) {
    try {
      await this.apply(mutation, input, text);
    } catch (error) {
      say(error.message, "bad");
    }
  }

  /** Each of them may be sent twice: a version is changed once, and an end is an end. */
  async apply(mutation, input, text) {
    const { drop } = await withRetries(() => change(mutation, { input }, this.view));
    Object.assign(this.drop, drop);
    this.bar.update(drop.stock);
    this.update();
    say(text, "good");
  }
}
