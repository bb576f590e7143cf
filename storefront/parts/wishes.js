// Keys of what a form asks for: the same as long as the same is asked, so that sending a form twice makes one thing.

import { newKey } from "../keeping.js";

export class Wishes {
  constructor() {
    this.keys = new Map();
  }

  /** The input with its key. */
  keyed(input) {
    const text = JSON.stringify(input);
    if (!this.keys.has(text)) this.keys.set(text, newKey());
    return { ...input, idempotencyKey: this.keys.get(text) };
  }
}
