// What is searched for: as the address says it, and as the API is asked. Pure.

const SORTS = ["RELEVANCE", "NEWEST", "PRICE_ASCENDING", "PRICE_DESCENDING"];

/** Names in the address of what may have several values. */
export const SEVERAL = ["kind", "state", "tag"];
/** Of what has one. */
export const SINGLE = ["creator", "currency", "price"];

/** { text, sort, kind: [], state: [], tag: [], creator, currency, price } from an address's query. */
export function wishOf(query) {
  const wish = { text: (query.get("q") ?? "").slice(0, 200), sort: SORTS.includes(query.get("sort")) ? query.get("sort") : SORTS[0] };
  for (const name of SEVERAL) wish[name] = query.getAll(name);
  for (const name of SINGLE) wish[name] = query.get(name);
  return wish;
}

export function addressOf(wish) {
  const query = new URLSearchParams();
  if (wish.text) query.set("q", wish.text);
  for (const name of SEVERAL) for (const value of wish[name]) query.append(name, value);
  for (const name of SINGLE) if (wish[name]) query.set(name, wish[name]);
  if (wish.sort !== SORTS[0]) query.set("sort", wish.sort);
  return query.size ? `/search?${query}` : "/search";
}

export function isFiltered(wish) {
  return [...SEVERAL, ...SINGLE].some((name) => isSet(wish, name));
}

export function isEmpty(wish) {
  return !wish.text && !isFiltered(wish);
}

function isSet(wish, name) {
  return Array.isArray(wish[name]) ? wish[name].length > 0 : Boolean(wish[name]);
}

export function isChosen(wish, name, value) {
  return Array.isArray(wish[name]) ? wish[name].includes(value) : wish[name] === value;
}

/** With this value where it was not chosen, and without it where it was. */
export function toggled(wish, name, value) {
  const chosen = isChosen(wish, name, value);
  if (Array.isArray(wish[name])) return { ...wish, [name]: chosen ? wish[name].filter((one) => one !== value) : [...wish[name], value] };
  const changed = { ...wish, [name]: chosen ? null : value };
  // Prices are of a currency.
  return name === "currency" && chosen ? { ...changed, price: null, sort: SORTS[0] } : changed;
}

export function cleared(wish) {
  return wishOf(new URLSearchParams(wish.text ? { q: wish.text } : {}));
}

/** The variables of the search. Sorts and ranges of price without a currency ask for nothing that there is. */
export function variablesOf(wish, after = null) {
  const [low, high] = (wish.currency && wish.price ? wish.price : "").split("-").map((bound) => (bound ? Number(bound) : null));
  const filter = {
    kinds: wish.kind,
    states: wish.state,
    tags: wish.tag,
    creatorId: wish.creator,
    currency: wish.currency,
    minPrice: low ?? null,
    // Where a range ends the next begins.
    maxPrice: high ? high - 1 : null,
  };
  const isByPrice = wish.sort.startsWith("PRICE");
  return { text: wish.text, filter, sort: isByPrice && !wish.currency ? SORTS[0] : wish.sort, after };
}
