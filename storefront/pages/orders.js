// What somebody has bought.

import { ask, change } from "../api.js";
import { fill, h, setText } from "../dom.js";
import { moment, money } from "../format.js";
import { say } from "../notices.js";
import { confirmed } from "../parts/dialog.js";
import { loadMore } from "../parts/paging.js";
import { empty, waitingLines } from "../parts/states.js";
import { CANCEL_ORDER, ORDERS } from "../queries.js";
import { withRetries } from "../waiting.js";

const STATUSES = { HELD: "On hold", CONFIRMED: "Yours", CANCELLED: "Cancelled", EXPIRED: "Expired" };

export async function orders(view) {
  view.entitle("Orders");
  const title = h("h1", {}, "Your orders");
  view.show(title, waitingLines(6));
  const { myOrders } = await ask(ORDERS, {}, { signal: view.signal });
  if (!myOrders.edges.length) return view.show(title, empty("Nothing bought yet", "What you buy appears here a moment later.", h("a.button.primary", { href: "/" }, "See what is on sale")));
  const list = h("ul.rows", {}, myOrders.edges.map(({ node }) => rowOf(node)));
  const more = loadMore(async (after) => {
    const page = (await ask(ORDERS, { after }, { signal: view.signal })).myOrders;
    list.append(...page.edges.map(({ node }) => rowOf(node)));
    return page.pageInfo;
  });
  more.update(myOrders.pageInfo);
  return view.show(title, list, more.element);
}

function rowOf(order) {
  const status = h("span.badge");
  const cancel = h("button.button.small", { type: "button", "aria-label": `Cancel the order of ${order.name}` }, "Cancel");
  const update = () => {
    setText(status, STATUSES[order.status] ?? order.status);
    status.dataset.state = order.status;
    cancel.hidden = !["HELD", "CONFIRMED"].includes(order.status);
  };
  cancel.addEventListener("click", async () => {
    if (!(await confirmed("Cancel this order?", `${order.quantity} × ${order.name} goes back on sale.`, { yes: "Cancel the order" }))) return;
    await giveBack(order);
    update();
  });
  update();
  const sum = money({ amount: order.unitPrice.amount * order.quantity, currency: order.unitPrice.currency });
  const name = h("p.row-title", {}, h("a", { href: `/drops/${order.dropId}` }, order.name));
  return h("li.row", {}, h("div.row-text", {}, name, h("p.muted", {}, `${order.quantity} × ${money(order.unitPrice)} = ${sum} · ${moment(order.placedAt)}`)), status, cancel);
}

/** To cancel twice is to cancel: tried again without harm. */
async function giveBack(order) {
  try {
    const answer = await withRetries(() => change(CANCEL_ORDER, { input: { orderId: order.id } }));
    order.status = answer.order.status;
    say("The order is cancelled.", "good");
  } catch (error) {
    say(error.message, "bad");
  }
}
