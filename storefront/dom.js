// Elements from values. Text is always text: nothing here, or anywhere else in the page, turns a string into HTML.

const SVG = "http://www.w3.org/2000/svg";

/** h("a.card", { href, onclick, "aria-label": ... }, ...children). Children: nodes, texts, lists of them; null and false are left out. */
export function h(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElement(tag), classes, properties, children);
}

/** The same for SVG. */
export function svg(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElementNS(SVG, tag), classes, properties, children);
}

/** Put these in the place of all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** Change an element's text only where it is another one: what reads it aloud would repeat it. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function filled(element, classes, properties, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...flat(children));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked") element[name] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

let lastId = 0;

/** An id that no other element has, for labels and descriptions. */
export function newId() {
  lastId += 1;
  return `e${lastId}`;
}
