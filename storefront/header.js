// The top of every page: where one can go, and who is signed in.

import { fill, h, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { icon } from "./parts/icons.js";
import { portrait } from "./parts/pictures.js";
import { go } from "./router.js";
import * as session from "./session.js";
import { watchUnread } from "./unread.js";

const PLACES = [
  ["/", "Shop", "shop"],
  ["/orders", "Orders", "orders"],
  ["/inbox", "Inbox", "inbox"],
  ["/desk", "Desk", "desk"],
];

export function start() {
  const links = PLACES.map(([href, name, shape]) => h("a.place", { href }, icon(shape), h("span", {}, name)));
  const account = h("div.account");
  addBadge(links[2]);
  const nav = h("nav.places", { "aria-label": "Main" }, links);
  fill(document.getElementById("header"), h("a.brand", { href: "/" }, icon("drop"), h("span", {}, "LiveDrops")), nav, account);
  session.watch(() => drawAccount(account));
  drawAccount(account);
  return { markPlace: () => markPlace(links) };
}

/** How much is not read, beside the inbox. */
function addBadge(link) {
  const number = h("span.unread", { "aria-hidden": "true" });
  const words = h("span.heard");
  link.append(number, words);
  watchUnread((unread) => {
    number.hidden = unread === 0;
    setText(number, unread >= 100 ? "99+" : count(unread));
    setText(words, unread ? ` (${counted(unread, "unread notification")})` : "");
  });
}

function drawAccount(account) {
  const who = session.user();
  if (!who) return fill(account, h("a.button.small", { href: "/sign-in" }, "Sign in"));
  const out = h("button.button.small", { type: "button" }, "Sign out");
  out.addEventListener("click", () => {
    session.signOut();
    go("/");
  });
  return fill(account, portrait(who), h("span.account-name", {}, who.displayName), out);
}

function markPlace(links) {
  for (const link of links) {
    const here = link.pathname === "/" ? ["/", "/search"].includes(location.pathname) : location.pathname.startsWith(link.pathname);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
