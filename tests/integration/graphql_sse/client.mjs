// Subscribes as a page would, and writes each result as a line of JSON: node client.mjs '{"url", "token", "query", "variables", "results", "method"}'
import { createClient } from "graphql-sse";

const asked = JSON.parse(process.argv[2]);
const client = createClient({
  url: asked.url,
  headers: asked.token ? { Authorization: `Bearer ${asked.token}` } : {},
  retryAttempts: asked.retries ?? 0,
});
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

let left = asked.results;
const stop = client.subscribe(
  { query: asked.query, variables: asked.variables },
  {
    next(result) {
      say({ next: result });
      left -= 1;
      if (left === 0) stop();
    },
    error(error) {
      say({ error: { status: error.response?.status ?? null, message: String(error.message ?? error) } });
      process.exit(1);
    },
    complete() {
      say({ complete: true });
    },
  },
);
