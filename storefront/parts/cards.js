// Cards: one for each thing that can be found.

import * as clock from "../clock.js";
import { h, setText } from "../dom.js";
import { brief, counted, money } from "../format.js";
import { watchDrop } from "../live.js";
import { badge, stateNow, stockBar } from "./drop_state.js";
import { cardPicture, portrait } from "./pictures.js";

export function grid(cards) {
  return h("ul.grid", {}, cards.map((card) => h("li", {}, card)));
}

/** A drop. With a signal, it stays true until then: its state by the clock, its stock by what is told. */
export function dropCard(drop, signal = null) {
  const shown = { ...drop };
  const state = badge(stateNow(shown));
  const time = h("span.when");
  const stock = shown.stock ? stockBar(shown.stock) : null;
  const update = () => {
    const now = stateNow(shown);
    state.update(now);
    setText(time, whenOf(shown, now));
    if (stock) stock.element.hidden = now !== "LIVE";
  };
  if (signal && shown.stock && ["SCHEDULED", "LIVE"].includes(shown.state)) follow(shown, stock, update, signal);
  update();
  return card({
    href: `/drops/${drop.id}`,
    name: drop.name,
    media: drop.product?.media ?? drop.media,
    price: drop.unitPrice ?? drop.price,
    by: drop.creator?.displayName ?? drop.creatorName,
    top: [state.element, time],
    bottom: stock?.element,
  });
}

function follow(shown, stock, update, signal) {
  watchDrop(shown.id, signal, {
    stock: (now) => stock.update(now),
    state: ({ state, startsAt, endsAt }) => {
      Object.assign(shown, { state, startsAt, endsAt });
      update();
    },
  });
  clock.eachSecond(signal, update);
}

function whenOf(drop, state) {
  if (state === "SCHEDULED") return `in ${brief(Date.parse(drop.startsAt) - clock.now())}`;
  return state === "LIVE" ? `${brief(Date.parse(drop.endsAt) - clock.now())} left` : "";
}

/** top: what stands above its name. */
export function productCard(product, href = null, top = []) {
  return card({ href, name: product.name, media: product.media, price: product.price, by: product.creatorName, top });
}

function card({ href, name, media, price, by, top = [], bottom = null }) {
  const heading = h("h3.card-name", {}, href ? h("a", { href }, name) : name);
  const line = h("p.card-line", {}, price && h("span.price", {}, money(price)), by && h("span.by", {}, by));
  return h("article.card", {}, cardPicture(media, name), h("div.card-text", {}, top.length > 0 && h("p.card-top", {}, top), heading, line, bottom));
}

export function creatorCard(hit) {
  const name = h("h3.card-name", {}, h("a", { href: `/creators/${hit.id}` }, hit.name));
  return h("article.card.person", {}, portrait({ displayName: hit.name }, "large"), h("div.card-text", {}, name, h("p.card-line", {}, counted(hit.followerCount, "follower"))));
}

/** What a search found. A product leads to its creator, with whom its drops are. */
export function hitCard(hit) {
  if (hit.kind === "CREATOR") return creatorCard(hit);
  return hit.kind === "DROP" ? dropCard(hit) : productCard(hit, `/creators/${hit.creatorId}`, [h("span.badge", {}, "Product")]);
}
