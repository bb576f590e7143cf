import { h } from "../dom.js";
import { empty } from "../parts/states.js";

export function notFound(view) {
  view.entitle("Not found");
  view.show(h("h1", {}, "There is nothing at this address"), empty("Lost?", "The link may be old, or copied in part.", h("a.button.primary", { href: "/" }, "To the shop")));
}
