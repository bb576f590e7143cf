// Asking the Prometheus that serves these pages.

const API = "../api/v1/";
/** Past this nobody waits for an answer any more: the next look asks anew. */
const DEADLINE_MS = 10_000;

async function ask(path, parameters = {}) {
  const answer = await fetch(`${API}${path}?${new URLSearchParams(parameters)}`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const { status, data, error } = await answer.json();
  if (status !== "success") throw new Error(error);
  return data;
}

/** Series of an expression: [{ labels, points: [[seconds, value]] }]. times: { from, until, step }, in seconds. */
export async function course(expression, { from, until, step }) {
  const { result } = await ask("query_range", { query: expression, start: from, end: until, step });
  return result.map(({ metric, values }) => ({ labels: metric, points: values.map(([at, value]) => [at, Number(value)]) }));
}

/** What an expression says now; null where it says nothing. */
export async function figure(expression) {
  const { result } = await ask("query", { query: expression });
  const value = Number(result[0]?.value[1]);
  return Number.isFinite(value) ? value : null;
}

/** Alerts that fire or are about to, pages first. */
export async function alerts() {
  const { alerts } = await ask("alerts");
  const order = (one) => (one.state === "firing" ? 0 : 2) + (one.labels.severity === "page" ? 0 : 1);
  return alerts.sort((one, other) => order(one) - order(other) || one.labels.alertname.localeCompare(other.labels.alertname));
}
