// The creator's desk: what they sell.

import { ask, change } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { count, counted, moment, money } from "../format.js";
import { say } from "../notices.js";
import { grid, productCard } from "../parts/cards.js";
import { badge, stateNow } from "../parts/drop_state.js";
import { figures } from "../parts/figures.js";
import { loadMore } from "../parts/paging.js";
import { empty, waitingLines } from "../parts/states.js";
import { BECOME_CREATOR, OWN_DROPS, OWN_FIGURES, OWN_PRODUCTS } from "../queries.js";
import { showAgain } from "../router.js";
import * as session from "../session.js";
import { withRetries } from "../waiting.js";

export async function desk(view) {
  view.entitle("Your desk");
  if (!session.isCreator()) return view.show(h("h1", {}, "Your desk"), invitation());
  const title = h("h1", {}, "Your desk");
  view.show(title, waitingLines(6));
  const me = session.user().id;
  const [{ drops }, { products }] = await Promise.all([ask(OWN_DROPS, { me }, view), ask(OWN_PRODUCTS, { me }, view)]);
  const head = h("div.page-head", {}, title, h("a.button.primary", { href: "/desk/new" }, "New product"));
  return view.show(head, thisWeek(me, view), ownDrops(drops, me, view), ownProducts(products, me, view));
}

function thisWeek(me, view) {
  const id = newId();
  const read = async () => {
    const { totals } = (await ask(OWN_FIGURES, { me }, view)).analytics;
    return [
      { name: "Visits to drops", value: count(totals.views) },
      { name: "Orders", value: count(totals.orders), note: counted(totals.units, "unit") },
      { name: "New followers", value: count(totals.follows), note: totals.unfollows ? `${count(totals.unfollows)} left` : "" },
    ];
  };
  const numbers = figures(read, view.signal, ["Visits to drops", "Orders", "New followers"]);
  return h("section.panel", { "aria-labelledby": id }, h("h2", { id }, "This week"), numbers);
}

/** Also where somebody comes to a page of the desk who sells nothing yet. */
export function invitation() {
  const button = h("button.button.primary", { type: "button" }, "Become a creator");
  button.addEventListener("click", async () => {
    try {
      await withRetries(() => change(BECOME_CREATOR));
      // What somebody may do stands in their token.
      await session.renewRoles();
      say("Welcome. This is your desk.", "good");
      await showAgain();
    } catch (error) {
      say(error.message, "bad");
    }
  });
  return empty("Sell what you make", "As a creator you offer products, schedule drops and watch them sell, live. It costs nothing and you can go on buying.", button);
}

function ownDrops(page, me, view) {
  const id = newId();
  const list = h("ul.rows", {}, page.edges.map(({ node }) => dropRow(node)));
  const more = loadMore(async (after) => {
    const { drops } = await ask(OWN_DROPS, { me, after }, view);
    list.append(...drops.edges.map(({ node }) => dropRow(node)));
    return drops.pageInfo;
  });
  more.update(page.pageInfo);
  const none = h("p.muted", {}, "No drops yet. Choose a product below and schedule its first one.");
  return h("section.shelf", { "aria-labelledby": id }, h("h2", { id }, "Drops"), page.edges.length ? list : none, more.element);
}

function dropRow(drop) {
  const sold = h("p.row-number", {}, h("strong", {}, count(drop.stock.sold + drop.stock.held)), ` of ${count(drop.stock.total)} sold`);
  const title = h("p.row-title", {}, h("a", { href: `/desk/drops/${drop.id}` }, drop.name));
  return h("li.row", {}, h("div.row-text", {}, title, h("p.muted", {}, `${moment(drop.startsAt)} · ${money(drop.unitPrice)}`)), sold, badge(stateNow(drop)).element);
}

function ownProducts(page, me, view) {
  const id = newId();
  const cards = ({ edges }) => edges.map(({ node }) => productCard(node, `/desk/products/${node.id}`));
  const list = grid(cards(page));
  const more = loadMore(async (after) => {
    const { products } = await ask(OWN_PRODUCTS, { me, after }, view);
    list.append(...grid(cards(products)).children);
    return products.pageInfo;
  });
  more.update(page.pageInfo);
  const none = empty("No products yet", "A product has a name, a price and a picture. Drops sell it.", h("a.button", { href: "/desk/new" }, "Make the first one"));
  return h("section.shelf", { "aria-labelledby": id }, h("h2", { id }, "Products"), page.edges.length ? list : none, more.element);
}
