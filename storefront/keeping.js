// What is kept in the browser. Storage may be full, or forbidden: then it lasts as long as the page.

/** JSON values by name in sessionStorage (of this tab) or localStorage (of all tabs). instead: what could not be kept there. */
export class Keeper {
  constructor(storage) {
    this.storage = storage;
    this.instead = new Map();
  }

  get(name) {
    if (this.instead.has(name)) return this.instead.get(name);
    try {
      return JSON.parse(this.storage.getItem(name));
    } catch {
      return null;
    }
  }

  set(name, value) {
    try {
      this.storage.setItem(name, JSON.stringify(value));
      this.instead.delete(name);
    } catch {
      this.instead.set(name, value);
    }
  }

  remove(name) {
    this.instead.delete(name);
    try {
      this.storage.removeItem(name);
    } catch {
      // There is nothing to remove from.
    }
  }
}

export const ofTab = new Keeper(opened("sessionStorage"));
export const ofBrowser = new Keeper(opened("localStorage"));

function opened(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

/** A new random key for a wish, the same for its retries. Over plain HTTP from afar there is no randomUUID. */
export function newKey() {
  const numbers = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(numbers, (number) => number.toString(16).padStart(2, "0")).join("");
}
