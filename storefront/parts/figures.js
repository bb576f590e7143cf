// What is counted, in a few numbers with their names; asked for anew now and then while somebody looks.

import { fill, h } from "../dom.js";

const AGAIN_MS = 15_000;

/**
 * A list of numbers. read: asks for them, and answers [{ name, value, note }]. What can't be had now is left as it was, and asked for again.
 * `waiting` stands there until the first answer.
 */
export function figures(read, signal, waiting) {
  const list = h("dl.figures", {}, waiting.map((name) => figure({ name, value: "…" })));
  const refresh = async () => {
    if (document.hidden) return;
    try {
      fill(list, (await read()).map(figure));
    } catch {
      // Numbers of a moment ago are better than none.
    }
  };
  refresh();
  const again = setInterval(refresh, AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(again));
  return list;
}

function figure({ name, value, note = "" }) {
  return h("div.figure", {}, h("dt", {}, name), h("dd", {}, h("strong", {}, value), note && h("span.muted", {}, note)));
}
