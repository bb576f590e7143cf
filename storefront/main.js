// The page begins here.

import * as header from "./header.js";
import { signIn, signUp } from "./pages/accounts.js";
import { creator } from "./pages/creator.js";
import { desk } from "./pages/desk.js";
import { deskDrop } from "./pages/desk_drop.js";
import { deskProduct, newProduct } from "./pages/desk_product.js";
import { drop } from "./pages/drop.js";
import { home, search } from "./pages/home.js";
import { inbox } from "./pages/inbox.js";
import { notFound } from "./pages/not_found.js";
import { orders } from "./pages/orders.js";
import * as router from "./router.js";
import * as session from "./session.js";
import * as unread from "./unread.js";

const top = header.start();

/** Pages of somebody: whoever is not signed in goes to do so, and comes back. */
const PERSONAL = /^\/(orders|inbox|desk)/;

function at(pattern, page) {
  router.route(pattern, (view) => {
    top.markPlace();
    if (PERSONAL.test(location.pathname) && !session.user()) return router.go(router.signInAddress(), { replace: true });
    return page(view);
  });
}

at(/^\/$/, home);
at(/^\/search$/, search);
at(/^\/drops\/([0-9a-f-]{36})$/, drop);
at(/^\/creators\/([0-9a-f-]{36})$/, creator);
at(/^\/orders$/, orders);
at(/^\/inbox$/, inbox);
at(/^\/desk$/, desk);
at(/^\/desk\/new$/, newProduct);
at(/^\/desk\/products\/([0-9a-f-]{36})$/, deskProduct);
at(/^\/desk\/drops\/([0-9a-f-]{36})$/, deskDrop);
at(/^\/sign-in$/, signIn);
at(/^\/sign-up$/, signUp);
at(/^/, notFound);

let shown = session.user()?.id;
// Another tab, or a session that has ended: what is shown may be somebody else's. A form that signs in goes on by itself.
session.watch((who) => {
  const isAnother = who?.id !== shown;
  shown = who?.id;
  if (isAnother && !/^\/sign-/.test(location.pathname)) router.showAgain();
});
unread.start();
router.start();
