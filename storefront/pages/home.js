// The shop's front and the search: one page, since typing a word turns the one into the other.

import { ask } from "../api.js";
import { fill, h, newId, setText } from "../dom.js";
import { counted } from "../format.js";
import { dropCard, grid, hitCard } from "../parts/cards.js";
import { facetPanel } from "../parts/facets.js";
import { icon } from "../parts/icons.js";
import { loadMore } from "../parts/paging.js";
import { empty, failed, waitingCards } from "../parts/states.js";
import { HOME, SEARCH, SUGGEST } from "../queries.js";
import { note } from "../router.js";
import { addressOf, isEmpty, variablesOf, wishOf } from "../searching.js";
import { settled } from "../waiting.js";

/** Between the last key and the question. */
const TYPING_MS = 250;

export async function home(view) {
  view.entitle("");
  const title = h("h1", {}, "Limited drops, fair for everyone");
  const hero = h("div.hero", {}, title, h("p.lead", {}, "Follow the people who make things. Be there when they drop. Nobody buys twice, nothing is oversold."));
  const fronts = h("div.fronts");
  await open(view, [hero], fronts, showFronts(view, fronts));
}

export async function search(view) {
  view.entitle("Search");
  await open(view, [h("h1.heard", {}, "Search")], null, null);
}

async function open(view, top, fronts, shown) {
  const results = new Results(view, fronts);
  view.show(top, results.form, fronts, results.element);
  await Promise.all([shown, results.run(wishOf(view.query))]);
}

async function showFronts(view, fronts) {
  fill(fronts, waitingCards(4));
  const { live, soon } = await ask(HOME, {}, { signal: view.signal }).catch((error) => ({ error }));
  if (!live) return fill(fronts);
  return fill(fronts, shelf("On sale now", live, view), shelf("Coming up", soon, view));
}

function shelf(title, { edges }, view) {
  if (!edges.length) return null;
  const id = newId();
  return h("section.shelf", { "aria-labelledby": id }, h("h2", { id }, title), grid(edges.map(({ node }) => dropCard(node, view.signal))));
}

/** The form, and what was found. */
class Results {
  constructor(view, fronts) {
    this.view = view;
    this.fronts = fronts;
    this.asked = new AbortController();
    this.wish = wishOf(view.query);
    this.suggestions = h("datalist", { id: newId() });
    this.form = this.makeForm();
    this.said = h("p.found", { role: "status" });
    this.warned = h("p.warning", { hidden: true }, "Search is running on a spare: results may be coarser than usual, and filters are missing.");
    this.list = h("div");
    this.facets = facetPanel((wish) => this.choose(wish));
    this.more = loadMore((after) => this.addPage(after));
    const heading = h("h2", {}, fronts ? "All of it" : "Results");
    const head = h("div.results-head", {}, heading, this.makeSort());
    this.element = h("section.results", { "aria-label": "Search results" }, head, this.said, this.warned, h("div.results-body", {}, this.facets.element, h("div", {}, this.list, this.more.element)));
    view.signal.addEventListener("abort", () => this.asked.abort(view.signal.reason));
  }

  makeForm() {
    const id = newId();
    const input = h("input", { type: "search", id, name: "q", value: this.wish.text, placeholder: "Shoes, posters, a name…", maxlength: 200, list: this.suggestions.id, autocomplete: "off", enterkeyhint: "search" });
    const later = settled(TYPING_MS, () => this.choose({ ...this.wish, text: input.value.trim() }));
    input.addEventListener("input", later);
    const form = h("form.search", { role: "search" }, h("label.heard", { for: id }, "Search products, drops and creators"), icon("search"), input, this.suggestions);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose({ ...this.wish, text: input.value.trim() });
    });
    return form;
  }

  makeSort() {
    const id = newId();
    const options = [["RELEVANCE", "Best first"], ["NEWEST", "Newest"], ["PRICE_ASCENDING", "Price, low first"], ["PRICE_DESCENDING", "Price, high first"]];
    this.sort = h("select", { id }, options.map(([value, text]) => h("option", { value }, text)));
    this.sort.addEventListener("change", () => {
      const needsCurrency = this.sort.value.startsWith("PRICE") && !this.wish.currency;
      this.choose({ ...this.wish, sort: this.sort.value, currency: needsCurrency ? this.commonCurrency : this.wish.currency });
    });
    return h("p.sort", {}, h("label", { for: id }, "Sort"), this.sort);
  }

  choose(wish) {
    if (this.view.signal.aborted || addressOf(wish) === addressOf(this.wish)) return;
    note(addressOf(wish));
    this.run(wish);
    if (wish.text) this.suggest(wish.text);
  }

  /** Ask anew; an older question is not waited for any more. */
  async run(wish) {
    this.wish = wish;
    this.asked.abort(new DOMException("something else is asked", "AbortError"));
    const asked = new AbortController();
    this.asked = asked;
    if (this.fronts) this.fronts.hidden = !isEmpty(wish);
    this.sort.value = wish.sort;
    if (!this.list.hasChildNodes()) fill(this.list, waitingCards(8));
    this.element.setAttribute("aria-busy", "true");
    try {
      const found = await ask(SEARCH, variablesOf(wish), { signal: asked.signal });
      if (!asked.signal.aborted) this.show(found.search);
    } catch (error) {
      if (asked.signal.aborted) return;
      setText(this.said, "");
      fill(this.list, failed(error, () => this.run(wish)));
    }
    this.element.removeAttribute("aria-busy");
  }

  show({ edges, facets, totalCount, totalIsExact, degraded, pageInfo }) {
    const hits = edges.map(({ node }) => node);
    this.commonCurrency = facets.find(({ name }) => name === "currency")?.values[0]?.value ?? null;
    this.warned.hidden = !degraded;
    setText(this.said, hits.length ? `${totalIsExact ? "" : "At least "}${counted(totalCount, "result")}` : "");
    this.facets.element.hidden = degraded && !facets.length;
    this.facets.update(facets, hits, this.wish);
    this.cards = hits.length ? grid(hits.map(hitCard)) : null;
    fill(this.list, this.cards ?? this.nothing());
    this.more.update(pageInfo);
  }

  nothing() {
    if (isEmpty(this.wish)) return empty("Nothing is for sale yet", "Come back in a moment, or sell something yourself.", h("a.button.primary", { href: "/desk" }, "Open your desk"));
    return empty("Nothing fits", "Try fewer words, or take a filter away.", h("a.button", { href: "/search" }, "Show everything"));
  }

  async addPage(after) {
    const { search: found } = await ask(SEARCH, variablesOf(this.wish, after), { signal: this.asked.signal });
    this.cards?.append(...grid(found.edges.map(({ node }) => hitCard(node))).children);
    return found.pageInfo;
  }

  async suggest(text) {
    const { signal } = this.asked;
    const { suggest } = await ask(SUGGEST, { text }, { signal }).catch(() => ({ suggest: null }));
    if (suggest && !signal.aborted) fill(this.suggestions, suggest.suggestions.map((one) => h("option", { value: one.text })));
  }
}
