// A picture that is sent while the rest of a form is filled in.

import { fill, h, newId, setText } from "../dom.js";
import { bytes } from "../format.js";
import { send } from "../tus.js";
import { MEDIA } from "./pictures.js";

const TYPES = "image/jpeg,image/png,image/gif,image/webp,image/avif";

/** { element, mediaId() }: the promise of the file's id, or of null where none was chosen. Leaving the page stops the sending. */
export function uploadField(label, signal) {
  const id = newId();
  const about = `${id}-about`;
  const input = h("input", { type: "file", id, accept: TYPES, "aria-describedby": about });
  const progress = h("progress", { max: 100, value: 0, hidden: true, "aria-label": "Upload" });
  const said = h("span.hint", { role: "status" }, "JPEG, PNG, GIF, WebP or AVIF, up to 20 MB.");
  const preview = h("div.upload-preview");
  let sending = Promise.resolve(null);
  let current = new AbortController();
  signal.addEventListener("abort", () => current.abort(signal.reason));

  const begin = (file) => {
    current.abort(new DOMException("another file was chosen", "AbortError"));
    current = new AbortController();
    progress.hidden = false;
    const onProgress = (sent) => {
      progress.value = (100 * sent) / file.size;
    };
    setText(said, `Sending ${file.name} (${bytes(file.size)})…`);
    sending = send(file, { signal: current.signal, onProgress });
    sending.then((mediaId) => done(file, mediaId), (error) => error.name !== "AbortError" && broken(file, error));
  };
  const done = (file, mediaId) => {
    progress.value = 100;
    setText(said, `${file.name} is there.`);
    fill(preview, h("img", { src: `${MEDIA}/${mediaId}/160.webp`, alt: `Your picture: ${file.name}` }));
  };
  const broken = (file, error) => {
    progress.hidden = true;
    // Goes on where it stopped.
    fill(said, `${error.message} `, h("button.button.small", { type: "button", onclick: () => begin(file) }, "Try again"));
  };
  input.addEventListener("change", () => input.files[0] && begin(input.files[0]));
  const element = h("div.field", {}, h("label", { for: id }, label), input, progress, preview, h("p.about", { id: about }, said));
  return { element, mediaId: () => sending };
}
