// A drop: look, follow, wait, buy.

import { ask, change } from "../api.js";
import * as clock from "../clock.js";
import { fill, h, setText } from "../dom.js";
import { counted, moment, money } from "../format.js";
import { watchDrop } from "../live.js";
import { say } from "../notices.js";
import { BuyBox } from "../parts/buy_box.js";
import { badge, countdown, nameOf, stateNow, stockBar } from "../parts/drop_state.js";
import { followButton } from "../parts/follow_button.js";
import { largePicture, portrait } from "../parts/pictures.js";
import { empty, waitingLines } from "../parts/states.js";
import { DROP_PAGE, FORGET_REMINDER, REMIND } from "../queries.js";
import { go, signInAddress } from "../router.js";
import * as session from "../session.js";
import { withRetries } from "../waiting.js";

export async function drop(view) {
  view.entitle("Drop");
  view.show(h("div.drop-page", {}, h("div.picture.large.waiting"), h("div", {}, h("h1.waiting-title", {}, "A drop"), waitingLines(5))));
  const { drop: found } = await ask(DROP_PAGE, { id: view.id }, { signal: view.signal });
  if (!found) return notThere(view);
  view.entitle(found.name);
  return view.show(pageOf(found, view));
}

function notThere(view) {
  view.entitle("No such drop");
  const link = h("a.button.primary", { href: "/" }, "See what there is");
  return view.show(h("h1", {}, "There is no such drop"), empty("It may have been deleted", "Or the link was copied in part.", link));
}

function pageOf(shown, view) {
  const parts = { badge: badge(stateNow(shown)), bar: stockBar(shown.stock), time: countdown(), said: h("p.heard", { role: "status" }) };
  const buyBox = new BuyBox(shown, view);
  const reminder = reminderButton(shown);
  let state = null;
  const update = () => {
    const now = stateNow(shown);
    parts.time.update(shown, now);
    if (now === state) return;
    // Only a change is said aloud, never the passing seconds.
    if (state !== null) setText(parts.said, `${shown.name}: ${nameOf(now)}`);
    state = now;
    parts.badge.update(now);
    parts.bar.element.hidden = now === "CANCELLED";
    reminder.hidden = now !== "SCHEDULED";
    buyBox.update(now);
  };
  clock.eachSecond(view.signal, update);
  watchDrop(shown.id, view.signal, {
    stock: (stock) => {
      parts.bar.update(stock);
      shown.stock = stock;
      buyBox.update(state);
    },
    state: (told) => {
      Object.assign(shown, { state: told.state, startsAt: told.startsAt, endsAt: told.endsAt });
      update();
    },
  });
  return h("article.drop-page", {}, largePicture(shown.product?.files[0], shown.name), textOf(shown, parts, buyBox, reminder));
}

function textOf(shown, parts, buyBox, reminder) {
  const limit = shown.perUserLimit ? `At most ${counted(shown.perUserLimit, "unit")} for each person.` : "";
  const when = h("p.muted", {}, `${moment(shown.startsAt)} to ${moment(shown.endsAt)}. ${limit}`);
  const head = h("div.drop-head", {}, h("p", {}, parts.badge.element), h("h1", {}, shown.name), h("p.price.large", {}, money(shown.unitPrice)));
  const text = shown.product?.description && h("p.description", {}, shown.product.description);
  const tags = shown.product?.tags.length > 0 && h("ul.tags", { "aria-label": "Tags" }, shown.product.tags.map((tag) => h("li", {}, h("a", { href: `/search?tag=${encodeURIComponent(tag)}` }, tag))));
  return h("div.drop-text", {}, head, creatorOf(shown), h("div.panel", {}, parts.time.element, parts.bar.element, reminder, buyBox.element), when, text, tags, parts.said);
}

function creatorOf({ creator }) {
  if (!creator) return h("p.muted", {}, "Its creator has left.");
  const followers = h("span.muted", {}, counted(creator.followerCount, "follower"));
  const name = h("span.creator-name", {}, h("a", { href: `/creators/${creator.id}` }, creator.displayName), followers);
  return h("div.creator-line", {}, portrait(creator), name, followButton(creator));
}

function reminderButton(shown) {
  let reminded = shown.isReminded;
  const button = h("button.button.wide", { type: "button" });
  const update = () => {
    setText(button, reminded ? "You will be reminded" : "Remind me");
    button.setAttribute("aria-pressed", String(reminded));
  };
  button.addEventListener("click", async () => {
    if (!session.user()) return go(signInAddress());
    try {
      const answer = await withRetries(() => change(reminded ? FORGET_REMINDER : REMIND, { input: { dropId: shown.id } }));
      reminded = answer.isReminded;
      say(reminded ? "You will find it in your inbox once it starts." : "No reminder any more.", "good");
    } catch (error) {
      say(error.message, "bad");
    }
    update();
  });
  update();
  return button;
}
