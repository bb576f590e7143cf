// Sending a file by tus 1.0, in pieces, going on where a broken line stopped it, after a reload of the page too.

import { ApiError, change } from "./api.js";
import { newKey, ofTab } from "./keeping.js";
import { UPLOAD } from "./queries.js";
import * as session from "./session.js";
import { backoff, pause, withRetries } from "./waiting.js";

/** What is sent again at most, and how often a token is looked at. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Failures in a row without a byte of progress. */
const ATTEMPTS = 8;
/** Silence for so long is a broken line; judging a whole file takes a while. */
const SILENCE_MS = 60_000;
const VERSION = { "Tus-Resumable": "1.0.0" };
/** Somebody else wrote meanwhile, or is writing: where it stands now is asked for. */
const ASK_WHERE = new Set([409, 423, 460]);

/** Send a file; answers its media id. onProgress(bytes sent). Throws ApiError. */
export async function send(file, { signal, onProgress = () => {} }) {
  const name = `livedrops.upload.${file.name}.${file.size}.${file.lastModified}`;
  const key = ofTab.get(name) ?? newKey();
  ofTab.set(name, key);
  const input = { idempotencyKey: key, filename: file.name, contentType: file.type, size: file.size };
  try {
    const { mediaId, uploadUrl } = await withRetries(() => change(UPLOAD, { input }, { signal }), { signal, attempts: 5 });
    // By its path alone: whoever came here as localhost may send nothing to 127.0.0.1.
    await sendAll(file, new URL(uploadUrl, location.origin).pathname, signal, onProgress);
    return mediaId;
  } catch (error) {
    // A file that is refused is refused for good; another try begins a new upload.
    if (!error.isPassing && !signal.aborted) ofTab.remove(name);
    throw error;
  }
}

async function sendAll(file, url, signal, onProgress) {
  let offset = 0;
  let failures = 0;
  let known = false;
  while (!known || offset < file.size) {
    try {
      const before = offset;
      offset = known ? await sendPiece(file, url, offset, signal, onProgress) : await standOf(url, signal);
      known = true;
      if (offset > before) failures = 0;
    } catch (error) {
      failures += 1;
      if (!error.isPassing || failures >= ATTEMPTS) throw error;
      known = false;
      await pause(backoff(failures, error), signal);
    }
    onProgress(offset);
  }
}

async function standOf(url, signal) {
  const answer = await exchange("HEAD", url, { signal });
  return offsetOf(answer);
}

async function sendPiece(file, url, offset, signal, onProgress) {
  const headers = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
  const body = file.slice(offset, offset + PIECE_BYTES);
  return offsetOf(await exchange("PATCH", url, { headers, body, signal, onSent: (sent) => onProgress(offset + sent) }));
}

function offsetOf(answer) {
  const offset = Number(answer.getResponseHeader("Upload-Offset"));
  if (answer.status < 300 && answer.getResponseHeader("Upload-Offset") !== null) return offset;
  throw refusal(answer);
}

function refusal(answer) {
  const problem = problemOf(answer);
  const retryAfterS = Number(answer.getResponseHeader("Retry-After")) || 0;
  const passing = answer.status === 0 || answer.status >= 500 || answer.status === 429 || answer.status === 401 || ASK_WHERE.has(answer.status);
  if (passing) return new ApiError("UNAVAILABLE", "The upload was interrupted.", { retryAfterS });
  return new ApiError(problem.code ?? "INVALID_INPUT", problem.detail ?? "This file was refused.");
}

function problemOf(answer) {
  try {
    return JSON.parse(answer.responseText);
  } catch {
    return {};
  }
}

/** By XMLHttpRequest, since fetch does not say how much of a body is sent. */
async function exchange(method, url, { headers = {}, body = null, signal, onSent = () => {} }) {
  const token = await session.accessToken();
  const request = new XMLHttpRequest();
  request.open(method, url);
  for (const [name, value] of Object.entries({ ...VERSION, ...headers, Authorization: `Bearer ${token}` })) request.setRequestHeader(name, value);
  const answered = new Promise((resolve) => {
    request.onloadend = () => resolve(request);
  });
  const silence = watchSilence(request);
  request.upload.onprogress = (event) => {
    silence.heard();
    onSent(event.loaded);
  };
  const abort = () => request.abort();
  signal.addEventListener("abort", abort);
  request.send(body);
  await answered;
  silence.end();
  signal.removeEventListener("abort", abort);
  if (signal.aborted) throw signal.reason;
  if (request.status === 401) await session.freshToken(token);
  return request;
}

function watchSilence(request) {
  let timer = null;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => request.abort(), SILENCE_MS);
  };
  heard();
  return { heard, end: () => clearTimeout(timer) };
}
