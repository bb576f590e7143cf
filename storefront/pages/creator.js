// Somebody who makes things: who they are, what they sell.

import { ask } from "../api.js";
import { fill, h, newId, setText } from "../dom.js";
import { counted } from "../format.js";
import { dropCard, grid, productCard } from "../parts/cards.js";
import { followButton } from "../parts/follow_button.js";
import { loadMore } from "../parts/paging.js";
import { portrait } from "../parts/pictures.js";
import { empty, waitingCards } from "../parts/states.js";
import { CREATOR, CREATOR_DROPS, CREATOR_PRODUCTS } from "../queries.js";

export async function creator(view) {
  view.entitle("Creator");
  view.show(h("h1.waiting-title", {}, "A creator"), waitingCards(4));
  const { user, drops, products } = await ask(CREATOR, { id: view.id }, { signal: view.signal });
  if (!user) {
    view.entitle("Nobody here");
    return view.show(h("h1", {}, "There is nobody here"), empty("This account is gone", "Or the link was copied in part.", h("a.button", { href: "/" }, "To the shop")));
  }
  view.entitle(user.displayName);
  const dropCards = (page) => page.edges.map(({ node }) => dropCard(node, view.signal));
  const productCards = (page) => page.edges.map(({ node }) => productCard(node));
  return view.show(
    headOf(user),
    section("Drops", drops, dropCards, (after) => ask(CREATOR_DROPS, { id: view.id, after }, view).then((data) => data.drops), "No drops yet"),
    section("Products", products, productCards, (after) => ask(CREATOR_PRODUCTS, { id: view.id, after }, view).then((data) => data.products), "No products yet"),
  );
}

function headOf(user) {
  const followers = h("p.muted");
  let { followerCount } = user;
  const tell = () => setText(followers, `${counted(followerCount, "follower")} · follows ${counted(user.followingCount, "person", "people")}`);
  const button = followButton(user, (following) => {
    followerCount += following ? 1 : -1;
    tell();
  });
  tell();
  return h("header.profile", {}, portrait(user, "huge"), h("div", {}, h("h1", {}, user.displayName), followers, user.bio && h("p.bio", {}, user.bio)), button);
}

function section(title, page, cardsOf, next, none) {
  const id = newId();
  const list = grid(cardsOf(page));
  const more = loadMore(async (after) => {
    const found = await next(after);
    list.append(...grid(cardsOf(found)).children);
    return found.pageInfo;
  });
  more.update(page.pageInfo);
  return h("section.shelf", { "aria-labelledby": id }, h("h2", { id }, title), page.edges.length ? list : h("p.muted", {}, none), more.element);
}
