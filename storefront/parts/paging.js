// Lists that go on.

import { fill, h } from "../dom.js";
import { failed } from "./states.js";

/** A button that adds the next page. more(after) adds it and answers its pageInfo. { element, update(pageInfo) } */
export function loadMore(more) {
  const element = h("div.more");
  let next = null;
  const button = h("button.button", { type: "button" }, "Load more");
  const load = async () => {
    button.disabled = true;
    try {
      update(await more(next));
    } catch (error) {
      if (error.name !== "AbortError") fill(element, failed(error, load));
    } finally {
      button.disabled = false;
    }
  };
  button.addEventListener("click", load);
  const update = ({ hasNextPage, endCursor }) => {
    next = endCursor;
    fill(element, hasNextPage && button);
  };
  return { element, update };
}
