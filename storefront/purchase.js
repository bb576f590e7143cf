// Buying: one wish, one key, until there is a final answer. The wish outlives a reload, and no retry buys twice.

import { change } from "./api.js";
import { newKey, ofTab } from "./keeping.js";
import { PLACE_ORDER } from "./queries.js";
import * as session from "./session.js";
import { backoff, pause } from "./waiting.js";

/** About half a minute; then the person decides whether to go on, with the same key. */
const ATTEMPTS = 9;

/** What is under way, by drop: leaving the page and coming back joins it. */
const running = new Map();

function place(dropId) {
  return `livedrops.wish.${dropId}`;
}

/** The wish of the signed-in person that has no final answer yet: { key, quantity }. */
export function unanswered(dropId) {
  const wish = ofTab.get(place(dropId));
  return wish?.userId === session.user()?.id ? wish : null;
}

/**
 * Buy, or go on with the wish that has no answer yet, whose quantity then counts.
 * Answers { order }, { refused: error } (final), or { failed: error }: nobody knows, and buying again goes on with it.
 */
export function buy(dropId, quantity, onWait = () => {}) {
  const going = running.get(dropId);
  if (going) return going;
  const wish = unanswered(dropId) ?? { key: newKey(), quantity, userId: session.user().id };
  ofTab.set(place(dropId), wish);
  const outcome = insist(dropId, wish, onWait).finally(() => running.delete(dropId));
  running.set(dropId, outcome);
  return outcome;
}

async function insist(dropId, wish, onWait) {
  const input = { dropId, quantity: wish.quantity, idempotencyKey: wish.key };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const { order } = await change(PLACE_ORDER, { input });
      ofTab.remove(place(dropId));
      return { order };
    } catch (error) {
      const outcome = judged(error, dropId, attempt);
      if (outcome) return outcome;
      onWait(error);
      await pause(backoff(attempt, error));
    }
  }
}

/** What a failure means; null to try again. */
function judged(error, dropId, attempt) {
  // Signed in again, the same person goes on with the same wish.
  if (error.code === "UNAUTHENTICATED") return { failed: error };
  if (error.isPassing) return attempt + 1 < ATTEMPTS ? null : { failed: error };
  ofTab.remove(place(dropId));
  return { refused: error };
}
