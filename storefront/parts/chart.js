// The course of a sale, drawn from what is told while it is looked at. The table below says the same in numbers.

import * as clock from "../clock.js";
import { fill, h, newId, setText, svg } from "../dom.js";
import { clockTime, count, counted } from "../format.js";

const WIDTH = 640;
const HEIGHT = 220;
const EDGE = { left: 44, right: 8, top: 12, bottom: 26 };
/** Past this the oldest ones are thinned out: every second one goes. */
const MOST_POINTS = 400;
const TABLE_ROWS = 12;
const REDRAW_MS = 500;

/** { element, add(stock) }. */
export function saleChart(stock, signal) {
  const points = [];
  const summary = h("p.chart-summary");
  const titleId = newId();
  const drawing = svg("svg.chart", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": titleId });
  const rows = h("tbody");
  const head = h("tr", {}, ["Time", "Sold", "Left"].map((name) => h("th", { scope: "col" }, name)));
  const table = h("table", {}, h("caption", {}, "The latest changes"), h("thead", {}, head), rows);
  let waiting = null;
  const draw = () => {
    waiting = null;
    fill(drawing, svg("title", { id: titleId }, sentenceOf(points)), ...drawn(points));
    setText(summary, sentenceOf(points));
    fill(rows, points.slice(-TABLE_ROWS).reverse().map(rowOf));
  };
  const add = ({ sold, held, available, total }) => {
    points.push({ at: clock.now(), sold: sold + held, available, total });
    if (points.length > MOST_POINTS) thin(points);
    // A sale tells more often than anybody can look.
    waiting ??= setTimeout(draw, REDRAW_MS);
  };
  add(stock);
  draw();
  // Time goes on while nothing is sold.
  const moving = setInterval(draw, 5_000);
  signal.addEventListener("abort", () => {
    clearInterval(moving);
    clearTimeout(waiting);
  });
  return { element: h("figure.chart-box", {}, drawing, h("figcaption", {}, summary), h("details", {}, h("summary", {}, "As a table"), table)), add };
}

function thin(points) {
  const newer = points.splice(MOST_POINTS / 2);
  const older = points.splice(0).filter((_, index) => index % 2 === 0);
  points.push(...older, ...newer);
}

function sentenceOf(points) {
  const last = points.at(-1);
  const minute = points.find((point) => point.at >= last.at - 60_000);
  const rate = last.sold - minute.sold;
  return `${counted(last.sold, "unit")} of ${count(last.total)} sold, ${count(last.available)} left; ${count(rate)} in the last minute.`;
}

function rowOf({ at, sold, available }) {
  return h("tr", {}, h("td", {}, clockTime(at)), h("td", {}, count(sold)), h("td", {}, count(available)));
}

function drawn(points) {
  const total = Math.max(1, points.at(-1).total);
  const from = points[0].at;
  const until = Math.max(clock.now(), from + 10_000);
  const x = (at) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * (at - from)) / (until - from);
  const y = (sold) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * sold) / total;
  const line = points.map(({ at, sold }, index) => (index ? `H${x(at).toFixed(1)}V${y(sold).toFixed(1)}` : `M${x(at).toFixed(1)},${y(sold).toFixed(1)}`)).join("");
  const whole = `${line}H${x(until).toFixed(1)}`;
  const area = `${whole}V${y(0)}H${x(from).toFixed(1)}Z`;
  return [...gridOf(total, y), ...timesOf(from, until, x), svg("path.chart-area", { d: area }), svg("path.chart-line", { d: whole })];
}

function gridOf(total, y) {
  const steps = total < 4 ? [0, total] : [0, Math.round(total / 2), total];
  return steps.flatMap((sold) => [
    svg("line.chart-grid", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(sold), y2: y(sold) }),
    svg("text.chart-text", { x: EDGE.left - 8, y: y(sold) + 4, "text-anchor": "end" }, count(sold)),
  ]);
}

function timesOf(from, until, x) {
  return [
    svg("text.chart-text", { x: x(from), y: HEIGHT - 6 }, clockTime(from)),
    svg("text.chart-text", { x: x(until), y: HEIGHT - 6, "text-anchor": "end" }, clockTime(until)),
  ];
}
