// Follow, or not any more.

import { change } from "../api.js";
import { h, setText } from "../dom.js";
import { say } from "../notices.js";
import { FOLLOW, UNFOLLOW } from "../queries.js";
import { go, signInAddress } from "../router.js";
import * as session from "../session.js";
import { withRetries } from "../waiting.js";

/** creator: { id, displayName, isFollowing }. onChange(is following). Nobody follows themselves: then there is none. */
export function followButton(creator, onChange = () => {}) {
  if (session.user()?.id === creator.id) return null;
  let following = Boolean(creator.isFollowing);
  const button = h("button.button.follow", { type: "button" });
  const update = () => {
    setText(button, following ? "Following" : "Follow");
    button.setAttribute("aria-pressed", String(following));
    button.setAttribute("aria-label", `${following ? "Following" : "Follow"} ${creator.displayName}`);
  };
  button.addEventListener("click", async () => {
    if (!session.user()) return go(signInAddress());
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    try {
      // To follow twice is to follow: tried again without harm.
      const answer = await withRetries(() => change(following ? UNFOLLOW : FOLLOW, { input: { creatorId: creator.id } }));
      following = answer.isFollowing;
      onChange(following);
    } catch (error) {
      say(error.message, "bad");
    }
    button.removeAttribute("aria-disabled");
    update();
  });
  update();
  return button;
}
