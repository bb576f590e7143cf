// The server's clock. What is sold when goes by that one, whatever the clock of this machine says.

/** How far the server is ahead, in ms: somewhere between these. A Date header has whole seconds; each answer narrows it. */
let least = -Infinity;
let most = Infinity;
let exact = null;

/** A server's Date header, with the moments of our clock between which it was written. */
export function observe(date, sentAt, receivedAt) {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const low = told - receivedAt;
  const high = told + 999 - sentAt;
  // Where they contradict each other, one of the clocks was set: the latest is believed.
  const fits = low <= most && high >= least;
  least = fits ? Math.max(least, low) : low;
  most = fits ? Math.min(most, high) : high;
}

/** A server's moment, to the millisecond, that has just come in. */
export function observeNow(instant) {
  const told = Date.parse(instant ?? "");
  if (!Number.isNaN(told)) exact = told - Date.now();
}

/** The server's time now, in ms since 1970. */
export function now() {
  if (exact !== null) return Date.now() + exact;
  return least === -Infinity ? Date.now() : Date.now() + (least + most) / 2;
}

/** Call this at once and then each full second of the server's clock, until the signal. */
export function eachSecond(signal, call) {
  let timer = null;
  const tick = () => {
    call();
    timer = setTimeout(tick, 1000 - (now() % 1000) + 5);
  };
  tick();
  signal.addEventListener("abort", () => clearTimeout(timer));
}
