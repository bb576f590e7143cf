// Filters of a search: what there is of each, and what is chosen.

import { ask } from "../api.js";
import { fill, h, newId, setText } from "../dom.js";
import { count, digitsOf } from "../format.js";
import { NAMES } from "../queries.js";
import { SINGLE, cleared, isChosen, isFiltered, toggled } from "../searching.js";
import { nameOf } from "./drop_state.js";

const TITLES = { kind: "Kind", state: "State", creator: "Creator", tag: "Tag", currency: "Currency", price: "Price" };
const KINDS = { PRODUCT: "Products", DROP: "Drops", CREATOR: "Creators" };
/** Names of creators by id, as far as they were seen. */
const people = new Map();

/** { element, update(facets, hits, wish) }. choose(wish) is called with what is asked for instead. */
export function facetPanel(choose) {
  const groups = h("div.facet-groups");
  const element = h("details.facets", { open: matchMedia("(min-width: 60rem)").matches }, h("summary", {}, "Filters"), groups);
  const update = (facets, hits, wish) => {
    for (const hit of hits) people.set(hit.creatorId, hit.creatorName);
    const held = focusIn(groups);
    const clear = h("button.button.small", { type: "button", onclick: () => choose(cleared(wish)), "data-key": "clear" }, "Clear all filters");
    fill(groups, facets.map((facet) => groupOf(facet, wish, choose)), isFiltered(wish) && clear);
    if (held) (groups.querySelector(`[data-key="${CSS.escape(held)}"]`) ?? element.firstChild).focus();
  };
  return { element, update };
}

/** Which control has the keyboard: drawing anew must not take it away. */
function focusIn(groups) {
  return groups.contains(document.activeElement) ? document.activeElement.dataset.key : null;
}

function groupOf({ name, values }, wish, choose) {
  const chosen = [wish[name] ?? []].flat().filter((value) => !values.some((one) => one.value === value));
  // What is chosen stays in sight, so that it can be taken back.
  const shown = [...values, ...chosen.map((value) => ({ value, count: 0 }))].slice(0, 12);
  if (!shown.length || !(name in TITLES)) return null;
  return h("fieldset.facet", {}, h("legend", {}, TITLES[name]), shown.map((one) => optionOf(name, one, wish, choose)));
}

function optionOf(name, { value, count: number }, wish, choose) {
  const id = newId();
  const box = h("input", { type: "checkbox", id, checked: isChosen(wish, name, value), "data-key": `${name}:${value}` });
  box.addEventListener("change", () => choose(toggled(wish, name, value)));
  const label = h("span.facet-name", {}, labelOf(name, value, wish));
  if (name === "creator" && !people.has(value)) nameLater(value, label);
  return h("label.option", { for: id }, box, label, h("span.facet-count", {}, count(number)), SINGLE.includes(name) && h("span.heard", {}, "only one at a time"));
}

function labelOf(name, value, wish) {
  if (name === "kind") return KINDS[value] ?? value;
  if (name === "state") return nameOf(value);
  if (name === "creator") return people.get(value) ?? "…";
  return name === "price" ? priceRange(value, wish.currency) : value;
}

function priceRange(value, currency) {
  const [low, high] = value.split("-");
  const major = (minor) => count(Number(minor) / 10 ** digitsOf(currency));
  return high ? `${major(low)} to ${major(high)} ${currency}` : `${major(low)} ${currency} and more`;
}

async function nameLater(id, label) {
  const { user } = await ask(NAMES, { id }).catch(() => ({ user: null }));
  people.set(id, user?.displayName ?? "Somebody");
  setText(label, people.get(id));
}
