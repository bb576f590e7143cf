// Pages by address. Links are real links; those to our own pages are followed without loading the shell again.

import { fill } from "./dom.js";
import { failed } from "./parts/states.js";

const main = document.getElementById("main");
/** [pattern, page]. A page is called with a view (see `show`) and fills it. */
const routes = [];
let leave = new AbortController();

export function route(pattern, page) {
  routes.push([pattern, page]);
}

/** Go to one of our pages. replace: in the place of this one, which Back then skips. */
export function go(address, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", address);
  else {
    history.replaceState({ top: scrollY }, "");
    history.pushState(null, "", address);
  }
  return show({ isNavigation: true });
}

/** Show the page of the address bar once more, after who is signed in has changed. */
export function showAgain() {
  return show({ isNavigation: false });
}

/** Note in the address what the page shows now, without showing it anew. */
export function note(address) {
  history.replaceState(history.state, "", address);
}

/** Where to go after signing in. */
export function signInAddress() {
  return `/sign-in?then=${encodeURIComponent(location.pathname + location.search)}`;
}

async function show({ isNavigation, top = 0 }) {
  leave.abort(new DOMException("another page is shown", "AbortError"));
  leave = new AbortController();
  const { signal } = leave;
  if (isNavigation) main.focus({ preventScroll: true });
  scrollTo(0, 0);
  main.setAttribute("aria-busy", "true");
  try {
    await pageHere()(viewOf(signal));
  } catch (error) {
    if (signal.aborted) return;
    if (!error.code) throw error;
    fill(main, failed(error, showAgain));
  } finally {
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
  if (signal.aborted) return;
  scrollTo(0, top);
  if (isNavigation) focusHeading();
}

function pageHere() {
  for (const [pattern, page] of routes) {
    const match = pattern.exec(location.pathname);
    if (match) return (view) => page({ ...view, id: match[1] });
  }
  return routes.at(-1)[1];
}

/** What a page works with. signal: aborted when another page is shown. */
function viewOf(signal) {
  return {
    signal,
    query: new URLSearchParams(location.search),
    show: (...children) => (signal.aborted ? main : fill(main, ...children)),
    entitle: (title) => {
      if (!signal.aborted) document.title = title ? `${title} · LiveDrops` : "LiveDrops: limited drops";
    },
  };
}

/** Whoever does not see the page hears what it is, unless they have gone on already. */
function focusHeading() {
  const heading = main.querySelector("h1");
  if (!heading || (document.activeElement !== main && document.activeElement !== document.body)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

export function start() {
  history.scrollRestoration = "manual";
  addEventListener("popstate", () => show({ isNavigation: true, top: history.state?.top ?? 0 }));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;
    if (!link || !isPlain || link.target || link.origin !== location.origin || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  return show({ isNavigation: false });
}
