// How much of the inbox is not read: counted once, then kept by what comes in.

import { ask } from "./api.js";
import * as clock from "./clock.js";
import { watchInbox } from "./live.js";
import { say } from "./notices.js";
import { UNREAD } from "./queries.js";
import * as session from "./session.js";
import { settled } from "./waiting.js";
import { headlineOf } from "./parts/notice.js";

let unread = 0;
/** How many notifications have come in. */
let arrived = 0;
const watchers = new Set();

/** Call with the number now, and with each new one. */
export function watchUnread(call) {
  watchers.add(call);
  call(unread);
}

/** What a mutation answered. */
export function setUnread(count) {
  unread = count;
  for (const call of watchers) call(unread);
}

async function countAnew() {
  if (!session.user()) return setUnread(0);
  const who = session.user().id;
  const before = arrived;
  const { unreadCount } = await ask(UNREAD).catch(() => ({ unreadCount: unread }));
  if (session.user()?.id !== who) return;
  // What came in meanwhile may be in this number, or not.
  if (arrived === before) setUnread(unreadCount);
  else countSoon();
}

const countSoon = settled(300, countAnew);

const hearers = new Set();

/** Call with each new notification until the signal. */
export function hear(signal, call) {
  hearers.add(call);
  signal.addEventListener("abort", () => hearers.delete(call));
}

export function start() {
  const startedAt = performance.now();
  // Asked for instead of streamed, old ones come too. By the server's clock: ours may be anywhere.
  const isOld = (notice) => clock.now() - Date.parse(notice.at) > performance.now() - startedAt + 5_000;
  watchInbox({
    notification(notice) {
      arrived += 1;
      if (notice.read || isOld(notice)) return;
      setUnread(Math.min(100, unread + 1));
      say(headlineOf(notice), "news", notice.dropId ? { href: `/drops/${notice.dropId}`, text: "Look" } : null);
      for (const call of hearers) call(notice);
    },
    stale: (count) => (count === undefined ? countAnew() : setUnread(count)),
  });
  session.watch(countAnew);
  countAnew();
}
