// Pictures of products and people, and what stands in for them.

import { h } from "../dom.js";

export const MEDIA = document.querySelector("meta[name=livedrops-media]").content;
/** The page may load pictures from here and from there only: its Content-Security-Policy says so. */
const ALLOWED = new Set([location.origin, new URL(MEDIA, location.href).origin]);
/** Every image has the narrowest thumbnail; smaller images lack the wider ones. */
const NARROW = "160.webp";
const WIDE = "480.webp";

/** The first picture of a product, as small as a card shows it. Decoration: the card's name says what it is. */
export function cardPicture(media, name) {
  const frame = h("div.picture", { "aria-hidden": "true" }, standIn(name));
  if (!media?.length) return frame;
  const image = h("img", { src: `${MEDIA}/${media[0]}/${WIDE}`, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => {
    if (image.src.endsWith(WIDE)) image.src = `${MEDIA}/${media[0]}/${NARROW}`;
    else image.remove();
  });
  frame.append(image);
  return frame;
}

/** A file in full width, in the size that the screen needs. */
export function largePicture(file, name) {
  if (!file) return h("div.picture.large", { "aria-hidden": "true" }, standIn(name));
  if (file.contentType.startsWith("video/")) return h("div.picture.large", { "aria-hidden": "true" }, standIn(name));
  const sources = file.thumbnails.map(({ url, width }) => `${url} ${width}w`);
  const largest = file.thumbnails.at(-1);
  const properties = { src: largest?.url ?? file.url, srcset: sources.join(", "), sizes: "(min-width: 60rem) 34rem, 100vw", alt: name };
  return h("div.picture.large", {}, h("img", { ...properties, width: file.width, height: file.height, decoding: "async" }));
}

/** The picture of a person, or the first letter of their name. */
export function portrait(person, size = "") {
  const frame = h(`span.portrait${size && `.${size}`}`, { "aria-hidden": "true" }, h("span", {}, (person?.displayName ?? "?").slice(0, 1).toUpperCase()));
  tint(frame, person?.displayName ?? "");
  if (person?.picture && isAllowed(person.picture)) frame.append(h("img", { src: person.picture, alt: "", onerror: (event) => event.target.remove() }));
  return frame;
}

function isAllowed(address) {
  return URL.canParse(address) && ALLOWED.has(new URL(address).origin);
}

function standIn(name) {
  const letter = h("span.stand-in", {}, (name ?? "?").trim().slice(0, 1).toUpperCase());
  tint(letter, name ?? "");
  return letter;
}

/** One of six colours, always the same for a name. */
function tint(element, name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  element.classList.add(`tint-${sum % 6}`);
}
