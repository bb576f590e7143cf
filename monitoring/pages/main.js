// Which board is shown, of which time; looked at again and again.

import { alerts, course, figure } from "./prometheus.js";
import { chart, colourOf } from "./chart.js";
import { named, shown } from "./format.js";

const SPANS = [["5 minutes", 300], ["30 minutes", 1_800], ["3 hours", 10_800], ["1 day", 86_400], ["7 days", 604_800]];
const REFRESH_MS = 5_000;
const POINTS = 120;
/** A rate needs two looks of Prometheus, which looks each fifteen seconds. */
const SHORTEST_WINDOW_S = 60;
/** More lines than these are a tangle: the highest are shown. */
const MOST_SERIES = 12;

const element = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });
const byId = (id) => document.getElementById(id);
let looking = 0;

function times() {
  const span = Number(byId("span").value);
  const step = Math.max(1, Math.ceil(span / POINTS));
  const until = Math.floor(Date.now() / 1000 / step) * step;
  return { from: until - span, until, step };
}

const inWindow = (expression, step) => expression.replaceAll("[WINDOW]", `[${Math.max(SHORTEST_WINDOW_S, 2 * step)}s]`);

async function drawFigure(panel, card, step) {
  const value = await figure(inWindow(panel.lines[0].expression, step));
  const verdict = panel.bound === null || value === null ? "" : value > panel.bound ? " bad" : " good";
  card.replaceChildren(element("h2", "", panel.title), element("div", `value${verdict}`, shown(value, panel.unit)));
}

async function drawCourse(panel, card, when) {
  const answers = await Promise.all(panel.lines.map((line) => course(inWindow(line.expression, when.step), when)));
  const found = answers.flatMap((series, index) => series.map((one) => ({ name: named(panel.lines[index].legend, one.labels), points: one.points })));
  const peak = ({ points }) => Math.max(...points.map(([, value]) => (Number.isFinite(value) ? value : -Infinity)));
  const some = found.filter((one) => peak(one) > -Infinity).sort((one, other) => peak(other) - peak(one)).slice(0, MOST_SERIES);
  // A series keeps its place, and so its colour, while others rise and fall.
  some.sort((one, other) => one.name.localeCompare(other.name));
  if (!some.length) return card.replaceChildren(element("h2", "", panel.title), element("div", "nothing", "Nothing was measured in this time."));
  const legend = element("ul", "legend");
  const values = some.map((one, index) => legendRow(legend, one, index, panel.unit));
  const tell = (at, given) => values.forEach((value, index) => (value.textContent = shown(given ? given[index] : some[index].points.at(-1)[1], panel.unit)));
  card.replaceChildren(element("h2", "", panel.title), chart({ ...panel, series: some, times: when, onPoint: tell }), legend);
}

function legendRow(legend, { name, points }, index, unit) {
  const [row, mark, value] = [element("li"), element("i"), element("span", "", shown(points.at(-1)[1], unit))];
  mark.style.background = colourOf(index);
  row.append(mark, name, value);
  legend.append(row);
  return value;
}

async function drawAlerts() {
  const found = await alerts();
  const rows = found.map(({ state, labels, annotations }) => {
    const row = element("div", `alert ${labels.severity} ${state}`);
    row.append(element("b", "", labels.alertname), element("span", "", `${state === "firing" ? "" : "(soon) "}${annotations.summary}`), element("span", "runbook", annotations.runbook));
    return row;
  });
  byId("alerts").replaceChildren(...(rows.length ? rows : [element("div", "well", "No alert fires.")]));
}

function open(boards) {
  const board = boards.find(({ name }) => name === location.hash.slice(1)) ?? boards[0];
  document.title = `${board.title} – LiveDrops, watched`;
  byId("boards").replaceChildren(
    ...boards.map(({ name, title }) => {
      const link = Object.assign(element("a", "", title), { href: `#${name}` });
      if (name === board.name) link.setAttribute("aria-current", "page");
      return link;
    }),
  );
  const cards = board.panels.map((panel) => element("section", panel.is_figure ? "panel figure" : "panel"));
  const figures = element("div", "figures");
  figures.append(...cards.filter((_, index) => board.panels[index].is_figure));
  byId("panels").replaceChildren(figures, ...cards.filter((_, index) => !board.panels[index].is_figure));
  look(board, cards, ++looking);
}

/** Draw, and again until another board is opened. Who points at a chart is not disturbed. */
async function look(board, cards, turn) {
  const when = times();
  const drawn = board.panels.map((panel, index) => {
    if (cards[index].matches(":hover") && cards[index].hasChildNodes()) return null;
    return panel.is_figure ? drawFigure(panel, cards[index], when.step) : drawCourse(panel, cards[index], when);
  });
  const failed = (await Promise.allSettled([drawAlerts(), ...drawn])).filter(({ status }) => status === "rejected");
  if (turn !== looking) return;
  byId("state").className = failed.length ? "failed" : "";
  byId("state").textContent = failed.length ? `Prometheus: ${failed[0].reason.message}` : `as of ${new Date().toLocaleTimeString()}`;
  setTimeout(() => turn === looking && look(board, cards, turn), REFRESH_MS);
}

const boards = await (await fetch("boards.json")).json();
byId("span").append(...SPANS.map(([name, seconds]) => Object.assign(element("option", "", name), { value: seconds, selected: seconds === 1_800 })));
byId("span").addEventListener("change", () => open(boards));
addEventListener("hashchange", () => open(boards));
open(boards);
