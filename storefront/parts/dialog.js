// Questions that need an answer before something is taken away.

import { h, newId } from "../dom.js";

/** Ask; `fields` are shown in between. Answers whether it was confirmed. */
export function confirmed(title, text, { yes, no = "Keep it", fields = [] }) {
  const id = newId();
  const accept = h("button.button.danger", { value: "yes" }, yes);
  const refuse = h("button.button", { value: "no", formnovalidate: true }, no);
  const body = h("form", { method: "dialog" }, h("h2", { id }, title), h("p", {}, text), fields, h("p.actions", {}, refuse, accept));
  const dialog = h("dialog.dialog", { "aria-labelledby": id }, body);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
