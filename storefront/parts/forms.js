// Forms: labelled fields, and errors that stand at the field they are about.

import { fill, h, newId } from "../dom.js";

/** { element, input, fail(text) }. kind: a type of input, "textarea", or "select" with options [[value, text]]. */
export function field(label, name, { kind = "text", hint = "", options = [], ...properties } = {}) {
  const id = newId();
  const about = `${id}-about`;
  const given = { id, name, "aria-describedby": about, ...properties };
  const input = inputOf(kind, given, options);
  const error = h("span.field-error");
  const element = h("div.field", {}, h("label", { for: id }, label), input, h("p.about", { id: about }, hint && h("span.hint", {}, hint), error));
  const fail = (text) => {
    error.textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => fail(""));
  return { element, input, name, fail };
}

function inputOf(kind, properties, options) {
  if (kind === "textarea") return h("textarea", { rows: 4, ...properties });
  if (kind === "select") return h("select", properties, options.map(([value, text]) => h("option", { value }, text)));
  return h("input", { type: kind, ...properties });
}

/**
 * A form. send(values) is called once at a time; what it throws is shown at its field, by the names of `fields` or of `aliases`
 * ({ name of the API: name here }), or above the button.
 */
export function form({ label, fields, extra = [], button, send, aliases = {}, classes = "" }) {
  const said = h("p.form-error", { role: "alert" });
  const submit = h("button.button.primary", { type: "submit" }, button);
  const element = h(`form.form${classes}`, { "aria-label": label, novalidate: true }, fields.map((one) => one.element), extra, said, submit);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true" || !isComplete(fields)) return;
    // Not `disabled`: that would take the keyboard's focus away.
    submit.setAttribute("aria-disabled", "true");
    fill(said);
    try {
      await send(Object.fromEntries(fields.map((one) => [one.name, one.input.value])));
    } catch (error) {
      if (error.name !== "AbortError") tell(error, fields, aliases, said);
    } finally {
      submit.removeAttribute("aria-disabled");
    }
  });
  return element;
}

/** The browser's own checks, with its own words in the person's language. */
function isComplete(fields) {
  const wrong = fields.filter((one) => !one.input.checkValidity());
  for (const one of wrong) one.fail(one.input.validationMessage);
  wrong[0]?.input.focus();
  return wrong.length === 0;
}

function tell(error, fields, aliases, said) {
  const name = aliases[error.field] ?? error.field;
  const wrong = fields.find((one) => one.name === name);
  if (!wrong) return fill(said, error.message);
  wrong.fail(error.message);
  wrong.input.focus();
}
