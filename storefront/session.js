// Who is signed in. Each tab has an access token of its own; the refresh token belongs to all tabs of the browser, and is used once.

import { ApiError, send } from "./api.js";
import { ofBrowser, ofTab } from "./keeping.js";
import { REFRESH, SIGN_IN, SIGN_OUT } from "./queries.js";
import * as vault from "./vault.js";

/** Who is signed in at this browser: { user }. Their refresh token is in the vault. */
const SESSION = "livedrops.session";
/** { token, until, userId } of this tab. */
const ACCESS = "livedrops.access";
/** A token that runs out within this is renewed before it is used: a request may take that long. */
const EARLY_MS = 20_000;
const LOCK = "livedrops.refresh";

let access = ofTab.get(ACCESS);
let renewal = null;
const watchers = new Set();

/** The signed-in person as far as the page shows them ({ id, displayName, roles }), or null. */
export function user() {
  return ofBrowser.get(SESSION)?.user ?? null;
}

export function isCreator() {
  return user()?.roles.includes("CREATOR") ?? false;
}

/** Call with the person, or null, whenever somebody signs in or out, or may do something else. */
export function watch(call) {
  watchers.add(call);
}

/** A token that is good for now; null where nobody is signed in. */
export async function accessToken() {
  const who = user();
  if (!who) return null;
  if (access?.userId === who.id && access.until - Date.now() > EARLY_MS) return access.token;
  return freshToken(access?.token);
}

/** A token that is not `stale`. Throws UNAUTHENTICATED where the session has ended. */
export function freshToken(stale) {
  if (access && access.token !== stale && access.userId === user()?.id) return Promise.resolve(access.token);
  renewal ??= alone(renew).finally(() => {
    renewal = null;
  });
  return renewal;
}

/** New tokens now, since roles have changed. */
export async function renewRoles() {
  await freshToken(access?.token);
  tell();
}

/** One tab of the browser after the other, so that each uses the token that the one before was given. Without locks the server allows for a race. */
function alone(work) {
  return navigator.locks ? navigator.locks.request(LOCK, work) : work();
}

async function renew() {
  const refreshToken = await vault.read();
  const answer = refreshToken && (await send(REFRESH, { input: { refreshToken } }, null)).refresh;
  if (answer && !answer.userErrors.length) return keep(answer);
  await vault.write(null);
  forget();
  throw ended();
}

function ended() {
  return new ApiError("UNAUTHENTICATED", "Your sign-in has ended. Sign in again.");
}

async function keep({ user, accessToken, expiresIn, refreshToken }) {
  // First of all: should this tab end here, the others go on.
  await vault.write(refreshToken);
  access = { token: accessToken, until: Date.now() + expiresIn * 1000, userId: user.id };
  ofTab.set(ACCESS, access);
  ofBrowser.set(SESSION, { user });
  return accessToken;
}

export async function signIn(email, password) {
  const { signIn: answer } = await send(SIGN_IN, { input: { email, password } }, null);
  const [refused] = answer.userErrors;
  if (refused) throw new ApiError(refused.code, refused.message, { field: refused.field });
  await alone(() => keep(answer));
  tell();
}

/** Ends here at once; the server hears of it if it can be reached. */
export async function signOut() {
  forget();
  const refreshToken = await alone(async () => {
    const held = await vault.read();
    await vault.write(null);
    return held;
  });
  if (refreshToken) await send(SIGN_OUT, { input: { refreshToken } }, null).catch(() => null);
}

function forget() {
  access = null;
  ofTab.remove(ACCESS);
  ofBrowser.remove(SESSION);
  tell();
}

function tell() {
  for (const call of watchers) call(user());
}

// Another tab signed in, or out, or as somebody else. A mere new token is no news.
let shown = user()?.id;
addEventListener("storage", (event) => {
  if (event.key !== null && event.key !== SESSION) return;
  const now = user()?.id;
  if (now !== shown) tell();
});
watch((who) => {
  shown = who?.id;
});
