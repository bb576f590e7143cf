// What somebody was told, and what they want to be told.

import { ask, change } from "../api.js";
import { fill, h, setText } from "../dom.js";
import { moment } from "../format.js";
import { say } from "../notices.js";
import { icon } from "../parts/icons.js";
import { headlineOf } from "../parts/notice.js";
import { loadMore } from "../parts/paging.js";
import { preferencesPanel } from "../parts/preferences.js";
import { empty, waitingLines } from "../parts/states.js";
import { INBOX, MARK_ALL_READ, MARK_READ } from "../queries.js";
import { hear, setUnread } from "../unread.js";

export async function inbox(view) {
  view.entitle("Inbox");
  const title = h("h1", {}, "Inbox");
  view.show(title, waitingLines(6));
  const page = await pageOf(view, null);
  const list = h("ul.rows.inbox");
  const none = empty("Nothing here yet", "Follow creators and ask to be reminded of drops: what they do is told here.", h("a.button", { href: "/" }, "Find somebody to follow"));
  const rows = new Map();
  const add = (notice, place = "append") => {
    if (rows.has(notice.id)) return;
    rows.set(notice.id, new Row(notice));
    list[place](rows.get(notice.id).element);
    none.hidden = true;
  };
  for (const { node } of page.edges) add(node);
  none.hidden = rows.size > 0;
  hear(view.signal, (notice) => add({ ...notice, read: false }, "prepend"));
  const more = loadMore(async (after) => {
    const next = await pageOf(view, after);
    for (const { node } of next.edges) add(node);
    return next.pageInfo;
  });
  more.update(page.pageInfo);
  const all = h("button.button", { type: "button", onclick: () => markAll(rows) }, "Mark all as read");
  return view.show(h("div.page-head", {}, title, all), none, list, more.element, preferencesPanel(view));
}

async function pageOf(view, after) {
  const { notifications } = await ask(INBOX, { after, unreadOnly: false }, { signal: view.signal });
  setUnread(notifications.unreadCount);
  return notifications;
}

async function markAll(rows) {
  try {
    setUnread((await change(MARK_ALL_READ)).unreadCount);
    for (const row of rows.values()) row.update(true);
  } catch (error) {
    say(error.message, "bad");
  }
}

class Row {
  constructor(notice) {
    this.notice = notice;
    this.button = h("button.button.small", { type: "button", "aria-label": `Mark as read: ${headlineOf(notice)}`, onclick: () => this.mark() }, "Mark as read");
    this.state = h("span.heard");
    const headline = headlineOf(notice);
    const address = notice.kind.startsWith("ORDER") ? "/orders" : notice.dropId && `/drops/${notice.dropId}`;
    const title = address ? h("a", { href: address, onclick: () => this.mark() }, headline) : headline;
    const about = h("p.muted", {}, moment(notice.at), notice.reason ? ` · ${notice.reason}` : "");
    this.element = h("li.row", {}, icon(notice.personal ? "orders" : "drop"), h("div.row-text", {}, h("p.row-title", {}, title, this.state), about), this.button);
    this.update(notice.read);
  }

  update(read) {
    this.notice.read = read;
    // Where the button goes, the keyboard's place is kept.
    if (read && document.activeElement === this.button) this.element.querySelector("a")?.focus();
    this.button.hidden = read;
    this.element.dataset.read = String(read);
    setText(this.state, read ? "" : " (not read)");
  }

  async mark() {
    if (this.notice.read) return;
    try {
      setUnread((await change(MARK_READ, { input: { ids: [this.notice.id] } })).unreadCount);
      this.update(true);
    } catch (error) {
      say(error.message, "bad");
    }
  }
}
