// Drawn, so that they take the colour of their text. Decoration: what they stand beside says the same in words.

import { svg } from "../dom.js";

const SHAPES = {
  drop: "M12 3c3.500 4.300 5.500 7.200 5.500 10a5.500 5.500 0 0 1-11 0c0-2.800 2-5.700 5.500-10z",
  shop: "M4 9h16l-1.200 10.500a1 1 0 0 1-1 .9H6.200a1 1 0 0 1-1-.9L4 9zm4.500 0V7.500a3.500 3.500 0 0 1 7 0V9",
  orders: "M6 3h12v18l-3-2-3 2-3-2-3 2V3zm3 5h6m-6 4h6",
  inbox: "M6 17V11a6 6 0 0 1 12 0v6l1.500 2h-15L6 17zm4 4h4",
  desk: "M4 20V9m5 11V4m6 16v-8m5 8V7",
  search: "M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zm5 11.500L20 20",
};

export function icon(name) {
  const path = svg("path", { d: SHAPES[name], fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round" });
  return svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}
