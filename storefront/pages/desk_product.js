// A creator's product: making one, and scheduling drops of it.

import { ask, change } from "../api.js";
import * as clock from "../clock.js";
import { h } from "../dom.js";
import { money } from "../format.js";
import { say } from "../notices.js";
import { field, form } from "../parts/forms.js";
import { cardPicture } from "../parts/pictures.js";
import { CURRENCIES, moneyOf, saleFields, saleOf } from "../parts/sale_fields.js";
import { empty, waitingLines } from "../parts/states.js";
import { uploadField } from "../parts/upload_field.js";
import { Wishes } from "../parts/wishes.js";
import { CREATE_PRODUCT, PRODUCT, SCHEDULE_DROP } from "../queries.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { withRetries } from "../waiting.js";
import { invitation } from "./desk.js";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export function newProduct(view) {
  view.entitle("New product");
  if (!session.isCreator()) return view.show(h("h1", {}, "New product"), invitation());
  const picture = uploadField("Picture", view.signal);
  const wishes = new Wishes();
  const send = async (values) => {
    const mediaId = await picture.mediaId();
    const input = wishes.keyed({ ...productOf(values), media: mediaId ? [mediaId] : [] });
    const { product } = await withRetries(() => change(CREATE_PRODUCT, { input }, view));
    say(`${values.name} is in your shop.`, "good");
    await go(`/desk/products/${product.id}`);
  };
  const made = form({ label: "New product", fields: productFields(), extra: [picture.element], button: "Create product", send, aliases: { amount: "price", "price.amount": "price" } });
  return view.show(back(), h("div.narrow.panel", {}, h("h1", {}, "New product"), made));
}

function productFields() {
  return [
    field("Name", "name", { required: true, maxlength: 200 }),
    field("Description", "description", { kind: "textarea", maxlength: 5000 }),
    field("Price", "price", { kind: "number", min: 0, max: 10_000_000, step: "any", required: true, inputmode: "decimal" }),
    field("Currency", "currency", { kind: "select", options: CURRENCIES }),
    field("Tags", "tags", { hint: "With commas between them.", maxlength: 500 }),
  ];
}

function productOf({ name, description, price, currency, tags }) {
  const words = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  return { name: name.trim(), description, price: moneyOf(price, currency), tags: words };
}

function back() {
  return h("p.back", {}, h("a", { href: "/desk" }, "Back to the desk"));
}

export async function deskProduct(view) {
  view.entitle("Product");
  view.show(back(), h("h1.waiting-title", {}, "A product"), waitingLines(5));
  const { product } = await ask(PRODUCT, { id: view.id }, { signal: view.signal });
  if (product?.creatorId !== session.user().id) {
    return view.show(back(), h("h1", {}, "Not one of yours"), empty("There is no such product of yours", "It may have been made with another account.", h("a.button", { href: "/desk" }, "To your desk")));
  }
  view.entitle(product.name);
  const head = h("header.product-head", {}, cardPicture(product.media, product.name), h("div", {}, h("h1", {}, product.name), h("p.price.large", {}, money(product.price)), product.description && h("p.description", {}, product.description)));
  return view.show(back(), head, h("section.panel.narrow", { "aria-label": "Schedule a drop" }, h("h2", {}, "Schedule a drop"), scheduleForm(product, view)));
}

function scheduleForm(product, view) {
  const now = clock.now();
  const wishes = new Wishes();
  const fields = saleFields({ startsAt: now + 10 * MINUTE_MS, endsAt: now + DAY_MS, stock: 100 });
  const price = field("Price of one unit", "unitPrice", { kind: "number", min: 0, max: 10_000_000, step: "any", inputmode: "decimal", hint: `In ${product.price.currency}. Left empty, the product's price.` });
  const send = async (values) => {
    const own = values.unitPrice === "" ? {} : { unitPrice: moneyOf(values.unitPrice, product.price.currency) };
    const input = wishes.keyed({ productId: product.id, ...saleOf(values), ...own });
    const { drop } = await withRetries(() => change(SCHEDULE_DROP, { input }, view));
    say("The drop is scheduled.", "good");
    await go(`/desk/drops/${drop.id}`);
  };
  return form({ label: "Schedule a drop", fields: [...fields, price], button: "Schedule drop", send });
}
