// Signing in and signing up.

import { change } from "../api.js";
import { h } from "../dom.js";
import { field, form } from "../parts/forms.js";
import { SIGN_UP } from "../queries.js";
import { go } from "../router.js";
import * as session from "../session.js";

/** Only to our own pages: an address from elsewhere may name anything. */
function destination(query) {
  const then = query.get("then") ?? "/";
  return then.startsWith("/") && !then.startsWith("//") && !then.startsWith("/\\") ? then : "/";
}

export function signIn(view) {
  view.entitle("Sign in");
  const fields = [emailField(), field("Password", "password", { kind: "password", required: true, minlength: 8, maxlength: 256, autocomplete: "current-password" })];
  const send = async ({ email, password }) => {
    await session.signIn(email, password);
    await go(destination(view.query), { replace: true });
  };
  show(view, "Sign in", form({ label: "Sign in", fields, button: "Sign in", send }), ["New here? ", h("a", { href: `/sign-up?${view.query}` }, "Create an account")]);
}

export function signUp(view) {
  view.entitle("Create an account");
  const fields = [
    field("Name", "name", { required: true, maxlength: 200, autocomplete: "name", hint: "Others see it when you follow or sell." }),
    emailField(),
    field("Password", "password", { kind: "password", required: true, minlength: 8, maxlength: 256, autocomplete: "new-password", hint: "At least 8 characters." }),
  ];
  const send = async ({ name, email, password }) => {
    await change(SIGN_UP, { input: { name: name.trim(), email, password } });
    await session.signIn(email, password);
    await go(destination(view.query), { replace: true });
  };
  show(view, "Create an account", form({ label: "Create an account", fields, button: "Create account", send }), ["Have one already? ", h("a", { href: `/sign-in?${view.query}` }, "Sign in")]);
}

function emailField() {
  return field("E-mail", "email", { kind: "email", required: true, maxlength: 254, autocomplete: "email" });
}

function show(view, title, element, below) {
  view.show(h("div.narrow.panel", {}, h("h1", {}, title), element, h("p.muted", {}, below)));
}
