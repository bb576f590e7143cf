// The browser's refresh token, for all its tabs. In IndexedDB: what one tab has written there, the next one reads. localStorage promises that to
// the tab that wrote only; the others may see the token before, which is used up.

import { ofBrowser } from "./keeping.js";

const NAME = "livedrops";
const STORE = "tokens";
const KEY = "refresh";
/** Where a browser has no IndexedDB for us. */
const INSTEAD = "livedrops.refresh";

let opening = null;

export async function read() {
  const database = await opened();
  if (!database) return ofBrowser.get(INSTEAD);
  return (await done(database.transaction(STORE).objectStore(STORE).get(KEY))) ?? null;
}

/** token: null for none. Others read it once this is over. */
export async function write(token) {
  const database = await opened();
  if (!database) return token === null ? ofBrowser.remove(INSTEAD) : ofBrowser.set(INSTEAD, token);
  const transaction = database.transaction(STORE, "readwrite");
  const store = transaction.objectStore(STORE);
  if (token === null) store.delete(KEY);
  else store.put(token, KEY);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Null where there is none. */
function opened() {
  opening ??= open().catch(() => null);
  return opening;
}

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request);
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
