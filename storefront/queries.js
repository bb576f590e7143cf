// Every document that the page sends. They never change with what is asked: the gateway knows them by their text.

const PRICE = "{ amount currency }";
const STOCK = "{ total available held sold version }";
const USER = "{ id displayName roles }";
const ERRORS = "userErrors { code message field }";
const PAGE_INFO = "pageInfo { hasNextPage endCursor }";
const CARD = `{ id name creatorId startsAt endsAt state unitPrice ${PRICE} stock ${STOCK} product { media } creator { displayName } }`;
const DROP = `{
  id name creatorId startsAt endsAt state perUserLimit productId version isReminded cancelledAt unitPrice ${PRICE} stock ${STOCK}
  creator { id displayName picture followerCount isFollowing }
  product { description tags files { id contentType url width height thumbnails { width height url } } }
}`;
const OWN_DROP = `{ id name state startsAt endsAt perUserLimit version productId unitPrice ${PRICE} stock ${STOCK} }`;
const SESSION = `{ user ${USER} accessToken expiresIn refreshToken ${ERRORS} }`;

export const SIGN_UP = `mutation SignUp($input: SignUpInput!) { signUp(input: $input) { user { id } ${ERRORS} } }`;
export const SIGN_IN = `mutation SignIn($input: SignInInput!) { signIn(input: $input) ${SESSION} }`;
export const REFRESH = `mutation Refresh($input: RefreshInput!) { refresh(input: $input) ${SESSION} }`;
export const SIGN_OUT = `mutation SignOut($input: SignOutInput!) { signOut(input: $input) { ${ERRORS} } }`;
export const LIVE_TICKET = `mutation LiveTicket { createLiveTicket { ticket expiresIn ${ERRORS} } }`;

export const SEARCH = `query Search($text: String!, $filter: SearchFilter, $sort: SearchSort!, $after: String) {
  search(text: $text, filter: $filter, sort: $sort, first: 24, after: $after) {
    totalCount totalIsExact degraded
    edges { node { kind id name creatorId creatorName followerCount state startsAt endsAt tags media price ${PRICE} } }
    facets { name values { value count } }
    ${PAGE_INFO}
  }
}`;
export const SUGGEST = "query Suggest($text: String!) { suggest(text: $text, first: 6) { suggestions { kind id text } } }";
export const NAMES = "query Names($id: ID!) { user(id: $id) { id displayName } }";
export const HOME = `query Home {
  live: drops(state: LIVE, first: 8) { edges { node ${CARD} } }
  soon: drops(state: SCHEDULED, first: 8) { edges { node ${CARD} } }
}`;

export const DROP_PAGE = `query Drop($id: ID!) { drop(id: $id) ${DROP} }`;
export const DROP_STOCK = `query DropStock($id: ID!) { drop(id: $id) { id state startsAt endsAt stock ${STOCK} } }`;
export const PLACE_ORDER = `mutation PlaceOrder($input: PlaceOrderInput!) {
  placeOrder(input: $input) { order { id quantity status unitPrice ${PRICE} } ${ERRORS} }
}`;
export const REMIND = `mutation Remind($input: RemindMeInput!) { remindMe(input: $input) { isReminded ${ERRORS} } }`;
export const FORGET_REMINDER = `mutation ForgetReminder($input: ForgetReminderInput!) { forgetReminder(input: $input) { isReminded ${ERRORS} } }`;
export const FOLLOW = `mutation Follow($input: FollowInput!) { follow(input: $input) { isFollowing ${ERRORS} } }`;
export const UNFOLLOW = `mutation Unfollow($input: UnfollowInput!) { unfollow(input: $input) { isFollowing ${ERRORS} } }`;

export const CREATOR = `query Creator($id: ID!) {
  user(id: $id) { id displayName bio picture isCreator followerCount followingCount isFollowing }
  drops(creatorId: $id, first: 12) { edges { node ${CARD} } ${PAGE_INFO} }
  products(creatorId: $id, first: 12) { edges { node { id name media price ${PRICE} } } ${PAGE_INFO} }
}`;
export const CREATOR_DROPS = `query CreatorDrops($id: ID!, $after: String) {
  drops(creatorId: $id, first: 12, after: $after) { edges { node ${CARD} } ${PAGE_INFO} }
}`;
export const CREATOR_PRODUCTS = `query CreatorProducts($id: ID!, $after: String) {
  products(creatorId: $id, first: 12, after: $after) { edges { node { id name media price ${PRICE} } } ${PAGE_INFO} }
}`;

export const ORDERS = `query Orders($after: String) {
  myOrders(first: 20, after: $after) { edges { node { id dropId name quantity status placedAt unitPrice ${PRICE} } } ${PAGE_INFO} }
}`;
export const CANCEL_ORDER = `mutation CancelOrder($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id status } ${ERRORS} } }`;

const NOTICE = "{ id kind at name read personal creatorId dropId orderId quantity available total reason }";
export const INBOX = `query Inbox($after: String, $unreadOnly: Boolean!) {
  notifications(first: 20, after: $after, unreadOnly: $unreadOnly) { edges { node ${NOTICE} } unreadCount ${PAGE_INFO} }
}`;
export const NEWS = `query News { notifications(first: 10) { edges { node ${NOTICE} } unreadCount } }`;
export const UNREAD = "query Unread { unreadCount }";
export const MARK_READ = `mutation MarkRead($input: MarkNotificationsReadInput!) { markNotificationsRead(input: $input) { unreadCount ${ERRORS} } }`;
export const MARK_ALL_READ = `mutation MarkAllRead { markAllNotificationsRead { unreadCount ${ERRORS} } }`;
export const PREFERENCES = `query Preferences($me: ID!) {
  notificationPreferences { muted { kind channel } mutedCreators }
  following(userId: $me, first: 50) { edges { node { id displayName } } }
}`;
export const SET_PREFERENCES = `mutation SetPreferences($input: UpdateNotificationPreferencesInput!) {
  updateNotificationPreferences(input: $input) { preferences { mutedCreators } ${ERRORS} }
}`;

const TOTALS = "{ totals { views orders units revenue cancelledOrders soldOut limitReached follows unfollows } }";
export const DROP_FIGURES = `query DropFigures($id: ID!, $since: DateTime!) { analytics(dropId: $id, grain: HOUR, since: $since) ${TOTALS} }`;
export const OWN_FIGURES = `query OwnFigures($me: ID!) { analytics(creatorId: $me, grain: HOUR) ${TOTALS} }`;

export const BECOME_CREATOR = `mutation BecomeCreator { becomeCreator { user { roles } ${ERRORS} } }`;
export const OWN_DROPS = `query OwnDrops($me: ID!, $after: String) {
  drops(creatorId: $me, first: 20, after: $after) { edges { node ${OWN_DROP} } ${PAGE_INFO} }
}`;
export const OWN_PRODUCTS = `query OwnProducts($me: ID!, $after: String) {
  products(creatorId: $me, first: 20, after: $after) { edges { node { id name media price ${PRICE} } } ${PAGE_INFO} }
}`;
export const PRODUCT = `query Product($id: ID!) { product(id: $id) { id creatorId name description tags media price ${PRICE} } }`;
export const OWN_DROP_PAGE = `query OwnDrop($id: ID!) { drop(id: $id) ${OWN_DROP.replace("{", "{ creatorId")} }`;
export const UPLOAD = `mutation Upload($input: UploadInput!) { upload(input: $input) { mediaId uploadUrl ${ERRORS} } }`;
export const CREATE_PRODUCT = `mutation CreateProduct($input: CreateProductInput!) { createProduct(input: $input) { product { id } ${ERRORS} } }`;
export const SCHEDULE_DROP = `mutation ScheduleDrop($input: ScheduleDropInput!) { scheduleDrop(input: $input) { drop { id } ${ERRORS} } }`;
export const CHANGE_DROP = `mutation ChangeDrop($input: ChangeDropInput!) { changeDrop(input: $input) { drop ${OWN_DROP} ${ERRORS} } }`;
export const END_DROP = `mutation EndDrop($input: EndDropInput!) { endDrop(input: $input) { drop ${OWN_DROP} ${ERRORS} } }`;
export const CANCEL_DROP = `mutation CancelDrop($input: CancelDropInput!) { cancelDrop(input: $input) { drop ${OWN_DROP} ${ERRORS} } }`;
