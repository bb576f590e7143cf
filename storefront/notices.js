// Short messages that go by themselves. What must be read stands on the page instead.

import { h } from "./dom.js";

const SHOWN_MS = 7_000;
const place = document.getElementById("notices");

/** kind: "good", "bad" or "news". link: { href, text }. */
export function say(text, kind = "news", link = null) {
  const notice = h(`p.notice.${kind}`, {}, h("span", {}, text), link && h("a", { href: link.href }, link.text));
  place.append(notice);
  // Three at once are enough for anybody.
  while (place.children.length > 3) place.firstChild.remove();
  setTimeout(() => notice.remove(), SHOWN_MS);
}
