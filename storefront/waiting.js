// Waiting, and trying again.

/** After so many ms, or at once when the signal says stop (then it throws). */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** How long to wait before the next attempt, in ms: twice as long each time, at random, and never less than the server asks for. */
export function backoff(attempt, error, { first = 300, most = 5000 } = {}) {
  const asked = (error?.retryAfterS ?? 0) * 1000;
  return asked + Math.random() * Math.min(most, first * 2 ** attempt);
}

/** What `work` answers, tried again while it fails with what waiting may mend. */
export async function withRetries(work, { attempts = 3, signal } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!error.isPassing || attempt + 1 >= attempts) throw error;
      await pause(backoff(attempt, error), signal);
    }
  }
}

/** Call with the last arguments once nothing came for so long. */
export function settled(ms, call) {
  let timer = null;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), ms);
  };
}
