// A course over time as SVG.

import { clock, shown } from "./format.js";

const WIDTH = 560;
const HEIGHT = 190;
const EDGE = { left: 56, right: 8, top: 8, bottom: 22 };
const NAMESPACE = "http://www.w3.org/2000/svg";
/** Told apart by people who see few colours, too (Okabe and Ito), then once more around. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a63d2", "#8c8c00"];

export const colourOf = (index) => COLOURS[index % COLOURS.length];

function svg(name, attributes, text) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** series: [{ name, points }]. onPoint(at, values): where the pointer is, values in the order of the series; null when it leaves. */
export function chart({ title, unit, bound, series, times, onPoint }) {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const top = ceilingOf(series, bound, unit);
  const x = (at) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * (at - times.from)) / (times.until - times.from);
  const floor = floorOf(series);
  const y = (value) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * (value - floor)) / (top - floor);
  drawing.append(...gridOf(floor, top, unit, y), ...timesOf(times, x));
  if (bound !== null && bound > floor && bound <= top) drawing.append(svg("line", { class: "bound", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(bound), y2: y(bound) }));
  series.forEach(({ points }, index) => drawing.append(svg("path", { class: "course", stroke: colourOf(index), d: pathOf(points, times.step, x, y) })));
  const cursor = svg("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
  drawing.append(cursor);
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width) * WIDTH;
    const at = Math.min(times.until, Math.max(times.from, times.from + ((share - EDGE.left) / (WIDTH - EDGE.left - EDGE.right)) * (times.until - times.from)));
    for (const [key, value] of [["x1", x(at)], ["x2", x(at)], ["visibility", "visible"]]) cursor.setAttribute(key, value);
    onPoint(at, series.map(({ points }) => nearest(points, at, times.step)));
  });
  drawing.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    onPoint(null, null);
  });
  return drawing;
}

/** The next round number above all values; the bound is shown where values come near it. */
function ceilingOf(series, bound, unit) {
  const highest = Math.max(0, ...series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite));
  const wanted = bound !== null && highest > bound / 3 ? Math.max(highest, bound) : highest;
  if (wanted <= 0) return 1;
  if (unit === "share" && wanted > 0.5 && wanted <= 1) return 1;
  const size = 10 ** Math.floor(Math.log10(wanted));
  return size * [1, 1.5, 2, 3, 4, 5, 8, 10].find((step) => step * size >= wanted * 1.02 || step === 10);
}

function floorOf(series) {
  const lowest = Math.min(0, ...series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite));
  return lowest === 0 ? 0 : lowest * 1.1;
}

function gridOf(floor, top, unit, y) {
  return [floor, (floor + top) / 2, top].flatMap((value) => [
    svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
    svg("text", { x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, shown(value, unit)),
  ]);
}

function timesOf({ from, until }, x) {
  return [from, (from + until) / 2, until].map((at, index) => svg("text", { x: x(at), y: HEIGHT - 4, "text-anchor": ["start", "middle", "end"][index] }, clock(at, until - from)));
}

/** Where nothing was measured the line is broken. */
function pathOf(points, step, x, y) {
  let last = -Infinity;
  return points
    .filter(([, value]) => Number.isFinite(value))
    .map(([at, value]) => {
      const command = at - last > step * 1.5 ? "M" : "L";
      last = at;
      return `${command}${x(at).toFixed(1)},${y(value).toFixed(1)}`;
    })
    .join("");
}

function nearest(points, at, step) {
  const found = points.find((point) => Math.abs(point[0] - at) <= step / 2 + 0.001);
  return found ? found[1] : null;
}
