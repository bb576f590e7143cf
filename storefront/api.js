// GraphQL over HTTP: one way to ask, with a deadline, and errors that say what can be done.

import * as clock from "./clock.js";
import * as session from "./session.js";
import { withRetries } from "./waiting.js";

/** Longer than the gateway gives itself: its own answer is better than none. */
const DEADLINE_MS = 12_000;
/** Waiting may mend these. */
const PASSING = new Set(["BUSY", "RATE_LIMITED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "NETWORK"]);

/** code: of the contract, or NETWORK where no answer came. isPassing: whether to try again makes sense. */
export class ApiError extends Error {
  constructor(code, message, { field = null, retryAfterS = 0 } = {}) {
    super(message);
    this.code = code;
    this.field = field;
    this.retryAfterS = retryAfterS;
    this.isPassing = PASSING.has(code);
  }
}

/** Data of a query. Tried again where that helps: to read twice does no harm. */
export function ask(query, variables, { signal } = {}) {
  return withRetries(() => request(query, variables, { signal }), { signal });
}

/** The payload of a mutation, which is its only field. Throws its first userError. Not tried again: who calls knows whether that is safe. */
export async function change(query, variables, { signal } = {}) {
  const data = await request(query, variables, { signal });
  const [payload] = Object.values(data);
  const [refused] = payload.userErrors;
  if (refused) throw new ApiError(refused.code, refused.message, { field: refused.field });
  return payload;
}

/** As who is signed in, if anybody is; with a fresh token where the one we have is refused. */
async function request(query, variables, { signal }) {
  const token = await session.accessToken();
  try {
    return await send(query, variables, token, signal);
  } catch (error) {
    if (error.code !== "UNAUTHENTICATED" || !token) throw error;
    const fresh = await session.freshToken(token);
    return send(query, variables, fresh, signal);
  }
}

/** One request, as the bearer of this token or nobody. */
export async function send(query, variables, token, signal) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const sentAt = Date.now();
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const answer = await fetch("/graphql", {
      method: "POST",
      headers,
      body: JSON.stringify({ query, variables }),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    clock.observe(answer.headers.get("Date"), sentAt, Date.now());
    return dataOf(answer, await answer.json());
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError("NETWORK", "No answer came. Check the connection and try again.");
  }
}

function dataOf(answer, body) {
  const [error] = body.errors ?? [];
  if (!error && body.data) return body.data;
  const code = error?.extensions?.code ?? (answer.status >= 500 ? "UNAVAILABLE" : "INVALID_INPUT");
  const retryAfterS = Number(answer.headers.get("Retry-After")) || 0;
  throw new ApiError(code, error?.message ?? "That did not work.", { field: error?.extensions?.field, retryAfterS });
}
