// What happens now: one stream of events for the whole page, and questions each two seconds while there is none.

import { change, ask } from "./api.js";
import * as clock from "./clock.js";
import { DROP_STOCK, LIVE_TICKET, NEWS } from "./queries.js";
import * as session from "./session.js";
import { backoff, pause, settled } from "./waiting.js";

/** As many as the stream takes. */
const MOST_DROPS = 20;
const POLL_MS = 2_000;
/** The inbox costs more to ask than a stock. */
const POLL_INBOX_EVERY = 3;
/** Of many drops, so many are asked in one round. */
const POLLED_AT_ONCE = 4;
/** A stream that does not speak within this is helped out for. */
const PATIENCE_MS = 5_000;
/** A page that nobody looks at for so long gives its connection back: browsers have six for all their tabs. */
const HIDDEN_MS = 30_000;
/** Notifications that are known when they come again. */
const REMEMBERED = 500;
const RETRY = { first: 4_000, most: 60_000 };

/** Sets of { stock, state } by drop. */
const drops = new Map();
/** { notification, counted } */
const inboxes = new Set();
const versions = new Map();
const told = new Set();
let source = null;
let position = null;
let attempt = 0;
let turn = 0;
let retryTimer = null;
let patienceTimer = null;
let polling = null;
let pollsInbox = false;

/** Follow a drop until the signal. stock({ total, available, held, sold, version }), state({ state, startsAt, endsAt }). */
export function watchDrop(dropId, signal, watcher) {
  const watchers = drops.get(dropId) ?? new Set();
  drops.set(dropId, watchers.add(watcher));
  connectSoon();
  signal.addEventListener("abort", () => {
    watchers.delete(watcher);
    if (watchers.size || drops.get(dropId) !== watchers) return;
    drops.delete(dropId);
    versions.delete(dropId);
    connectSoon();
  });
}

/** Follow the inbox of whoever is signed in. notification(notice), each once; stale() when it has to be counted anew. */
export function watchInbox(watcher) {
  inboxes.add(watcher);
  connectSoon();
}

const connectSoon = settled(50, connect);

async function connect() {
  close();
  turn += 1;
  const mine = turn;
  if (!drops.size && !session.user()) return;
  const ticket = session.user() ? await newTicket() : null;
  if (mine !== turn) return;
  pollsInbox = Boolean(session.user()) && !ticket;
  if (!drops.size && !ticket) return poll();
  open(ticket);
  if (pollsInbox) poll();
}

function close() {
  source?.close();
  source = null;
  clearTimeout(retryTimer);
  clearTimeout(patienceTimer);
  stopPolling();
}

/** Good for a minute: the only secret that ever is in an address. Null where there is none to be had. */
async function newTicket() {
  try {
    return (await change(LIVE_TICKET)).ticket;
  } catch {
    return null;
  }
}

function open(ticket) {
  const query = new URLSearchParams([...drops.keys()].slice(0, MOST_DROPS).map((id) => ["drop", id]));
  if (ticket) {
    query.set("inbox", "1");
    query.set("ticket", ticket);
    if (position !== null) query.set("after", position);
  }
  const opened = new EventSource(`/live?${query}`);
  source = opened;
  listen(opened);
  beImpatient();
}

function listen(stream) {
  const on = (name, call) => stream.addEventListener(name, (event) => call(JSON.parse(event.data), event));
  on("hello", greeted);
  on("stock", tellStock);
  on("state", tellState);
  on("notification", (notice, event) => {
    position = event.lastEventId || position;
    tellNotice(notice);
  });
  on("expired", connectSoon);
  stream.addEventListener("error", () => {
    if (stream !== source) return;
    if (stream.readyState === EventSource.CLOSED) retry();
    else beImpatient();
  });
}

function greeted(hello) {
  clock.observeNow(hello.now);
  position ??= hello.position ?? null;
  attempt = 0;
  clearTimeout(patienceTimer);
  if (!pollsInbox) stopPolling();
  for (const watcher of inboxes) watcher.stale();
}

/** The stream was refused, or is not there: ask instead, and try it again later. */
function retry() {
  clearTimeout(patienceTimer);
  pollsInbox = Boolean(session.user());
  poll();
  // A stream that spoke may only lack a new ticket: that is tried soon, and later each time.
  retryTimer = setTimeout(connectSoon, backoff(attempt, null, RETRY));
  attempt += 1;
}

function beImpatient() {
  clearTimeout(patienceTimer);
  patienceTimer = setTimeout(() => {
    pollsInbox = Boolean(session.user());
    poll();
  }, PATIENCE_MS);
}

async function poll() {
  if (polling) return;
  const mine = new AbortController();
  polling = mine;
  for (let round = 0; !mine.signal.aborted; round += 1) {
    if (!document.hidden) await askNow(round);
    await pause(POLL_MS, mine.signal).catch(() => null);
  }
}

function stopPolling() {
  polling?.abort();
  polling = null;
}

async function askNow(round) {
  const questions = turnsOf([...drops.keys()], round).map(askDrop);
  if (pollsInbox && session.user() && round % POLL_INBOX_EVERY === 0) questions.push(askInbox());
  // What fails is asked again in two seconds anyway.
  await Promise.allSettled(questions);
}

/** Some of the drops, the next ones in each round. */
function turnsOf(ids, round) {
  if (ids.length <= POLLED_AT_ONCE) return ids;
  return Array.from({ length: POLLED_AT_ONCE }, (_, index) => ids[(round * POLLED_AT_ONCE + index) % ids.length]);
}

async function askDrop(id) {
  const { drop } = await ask(DROP_STOCK, { id });
  if (!drop) return;
  tellStock({ dropId: id, ...drop.stock });
  tellState({ dropId: id, ...drop });
}

async function askInbox() {
  const { notifications } = await ask(NEWS);
  for (const { node } of notifications.edges.reverse()) tellNotice(node);
  for (const watcher of inboxes) watcher.stale(notifications.unreadCount);
}

/** Only what is newer: answers overtake each other. */
function tellStock(stock) {
  if (stock.version <= (versions.get(stock.dropId) ?? -1)) return;
  versions.set(stock.dropId, stock.version);
  for (const watcher of drops.get(stock.dropId) ?? []) watcher.stock?.(stock);
}

function tellState(state) {
  clock.observeNow(state.now);
  for (const watcher of drops.get(state.dropId) ?? []) watcher.state?.(state);
}

function tellNotice(notice) {
  if (told.has(notice.id)) return;
  told.add(notice.id);
  if (told.size > REMEMBERED) told.delete(told.values().next().value);
  for (const watcher of inboxes) watcher.notification(notice);
}

session.watch(() => {
  position = null;
  told.clear();
  connectSoon();
});

let hiding = null;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(close, HIDDEN_MS);
  else if (!source || source.readyState === EventSource.CLOSED) connectSoon();
});
