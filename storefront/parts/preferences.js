// What somebody does not want to be told: kinds by channel, and creators.

import { ask, change } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { say } from "../notices.js";
import { PREFERENCES, SET_PREFERENCES } from "../queries.js";
import * as session from "../session.js";
import { CHANNELS, KINDS } from "./notice.js";
import { failed, waitingLines } from "./states.js";

/** Asked for when it is opened. */
export function preferencesPanel(view) {
  const body = h("div", {}, waitingLines(4));
  const panel = h("details.preferences", {}, h("summary", {}, "What you are told"), body);
  const load = async () => {
    try {
      const { notificationPreferences, following } = await ask(PREFERENCES, { me: session.user().id }, { signal: view.signal });
      fill(body, new Preferences(notificationPreferences, following.edges.map(({ node }) => node)).element);
    } catch (error) {
      if (!view.signal.aborted) fill(body, failed(error, load));
    }
  };
  panel.addEventListener("toggle", () => panel.open && load(), { once: true });
  return panel;
}

class Preferences {
  constructor({ muted, mutedCreators }, followed) {
    this.muted = new Set(muted.map(({ kind, channel }) => `${kind} ${channel}`));
    this.mutedCreators = new Set(mutedCreators);
    const save = h("button.button.primary", { type: "submit" }, "Save");
    this.element = h("form.form", { "aria-label": "What you are told" }, this.kinds(), this.creators(followed), save);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
  }

  kinds() {
    const head = h("tr", {}, h("th", { scope: "col" }, "Tell me when"), CHANNELS.map(([, name]) => h("th", { scope: "col" }, name)));
    const rows = KINDS.map(([kind, name]) => h("tr", {}, h("th", { scope: "row" }, name), CHANNELS.map(([channel, where]) => this.cell(kind, channel, `${name}: ${where}`))));
    // Scrolled by keyboard, too, where it is wider than a phone.
    return h("div.wide-table", { tabindex: 0, role: "region", "aria-label": "Kinds by channel" }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
  }

  cell(kind, channel, label) {
    const name = `${kind} ${channel}`;
    return h("td", {}, this.box(label, !this.muted.has(name), (on) => (on ? this.muted.delete(name) : this.muted.add(name))));
  }

  box(label, checked, change) {
    return h("input", { type: "checkbox", "aria-label": label, checked, onchange: (event) => change(event.target.checked) });
  }

  creators(followed) {
    if (!followed.length) return h("p.muted", {}, "Once you follow creators, you can mute them here one by one.");
    const options = followed.map(({ id, displayName }) => {
      const boxId = newId();
      const box = h("input", { type: "checkbox", id: boxId, checked: !this.mutedCreators.has(id) });
      box.addEventListener("change", () => (box.checked ? this.mutedCreators.delete(id) : this.mutedCreators.add(id)));
      return h("label.option", { for: boxId }, box, h("span", {}, displayName));
    });
    return h("fieldset.facet", {}, h("legend", {}, "Creators whose drops are told"), options);
  }

  async save() {
    const muted = [...this.muted].map((name) => name.split(" ")).map(([kind, channel]) => ({ kind, channel }));
    try {
      await change(SET_PREFERENCES, { input: { muted, mutedCreators: [...this.mutedCreators] } });
      say("Saved.", "good");
    } catch (error) {
      say(error.message, "bad");
    }
  }
}
