"""The executable schema: schema.graphql is the contract, and every field of Query and Mutation has its resolver here.

Those of Subscription have theirs in the live unit.
"""

from pathlib import Path
from typing import Any

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLObjectType, GraphQLScalarType, GraphQLSchema, build_schema

from gateway import inputs, presenters
from gateway.mutations.add_notification_endpoint import resolve_add_notification_endpoint
from gateway.mutations.become_creator import resolve_become_creator
from gateway.mutations.cancel_drop import resolve_cancel_drop
from gateway.mutations.cancel_order import resolve_cancel_order
from gateway.mutations.change_drop import resolve_change_drop
from gateway.mutations.create_live_ticket import resolve_create_live_ticket
from gateway.mutations.create_product import resolve_create_product
from gateway.mutations.delete_account import resolve_delete_account
from gateway.mutations.enable_notification_endpoint import resolve_enable_notification_endpoint
from gateway.mutations.end_drop import resolve_end_drop
from gateway.mutations.follow import resolve_follow
from gateway.mutations.forget_reminder import resolve_forget_reminder
from gateway.mutations.mark_all_notifications_read import resolve_mark_all_notifications_read
from gateway.mutations.mark_notifications_read import resolve_mark_notifications_read
from gateway.mutations.place_order import resolve_place_order
from gateway.mutations.remind_me import resolve_remind_me
from gateway.mutations.remove_notification_endpoint import resolve_remove_notification_endpoint
from gateway.mutations.schedule_drop import resolve_schedule_drop
from gateway.mutations.sessions import resolve_refresh, resolve_sign_in, resolve_sign_out
from gateway.mutations.sign_up import resolve_sign_up
from gateway.mutations.unfollow import resolve_unfollow
from gateway.mutations.update_notification_preferences import resolve_update_notification_preferences
from gateway.mutations.update_product import resolve_update_product
from gateway.mutations.update_profile import resolve_update_profile
from gateway.mutations.upload import resolve_upload
from gateway.queries.analytics import resolve_analytics
from gateway.queries.creator import resolve_creator
from gateway.queries.drop import resolve_drop
from gateway.queries.drops import resolve_drops
from gateway.queries.followers import resolve_followers
from gateway.queries.following import resolve_following
from gateway.queries.is_following import resolve_is_following
from gateway.queries.me import resolve_me
from gateway.queries.mutual_follows import resolve_mutual_follows
from gateway.queries.my_orders import resolve_my_orders
from gateway.queries.notification_endpoints import resolve_notification_endpoints
from gateway.queries.notification_preferences import resolve_notification_preferences
from gateway.queries.notifications import resolve_notifications
from gateway.queries.order import resolve_order
from gateway.queries.product import resolve_product
from gateway.queries.products import resolve_products
from gateway.queries.push_options import resolve_push_options
from gateway.queries.search import resolve_search
from gateway.queries.suggest import resolve_suggest
from gateway.queries.unread_count import resolve_unread_count
from gateway.queries.user import resolve_user
from gateway.types import drop, follow_payload, notification, product, profile, reminder_payload, search_hit, user

FILE = Path(__file__).with_name("schema.graphql")

RESOLVERS: dict[str, dict[str, Any]] = {
    "Query": {
        "me": resolve_me,
        "drop": resolve_drop,
        "drops": resolve_drops,
        "product": resolve_product,
        "products": resolve_products,
        "search": resolve_search,
        "suggest": resolve_suggest,
        "order": resolve_order,
        "myOrders": resolve_my_orders,
        "user": resolve_user,
        "creator": resolve_creator,
        "isFollowing": resolve_is_following,
        "followers": resolve_followers,
        "following": resolve_following,
        "mutualFollows": resolve_mutual_follows,
        "notifications": resolve_notifications,
        "unreadCount": resolve_unread_count,
        "notificationPreferences": resolve_notification_preferences,
        "notificationEndpoints": resolve_notification_endpoints,
        "pushOptions": resolve_push_options,
        "analytics": resolve_analytics,
    },
    "Mutation": {
        "signUp": resolve_sign_up,
        "signIn": resolve_sign_in,
        "refresh": resolve_refresh,
        "signOut": resolve_sign_out,
        "placeOrder": resolve_place_order,
        "cancelOrder": resolve_cancel_order,
        "createProduct": resolve_create_product,
        "updateProduct": resolve_update_product,
        "scheduleDrop": resolve_schedule_drop,
        "changeDrop": resolve_change_drop,
        "endDrop": resolve_end_drop,
        "cancelDrop": resolve_cancel_drop,
        "follow": resolve_follow,
        "unfollow": resolve_unfollow,
        "updateProfile": resolve_update_profile,
        "becomeCreator": resolve_become_creator,
        "deleteAccount": resolve_delete_account,
        "upload": resolve_upload,
        "markNotificationsRead": resolve_mark_notifications_read,
        "markAllNotificationsRead": resolve_mark_all_notifications_read,
        "updateNotificationPreferences": resolve_update_notification_preferences,
        "remindMe": resolve_remind_me,
        "forgetReminder": resolve_forget_reminder,
        "addNotificationEndpoint": resolve_add_notification_endpoint,
        "removeNotificationEndpoint": resolve_remove_notification_endpoint,
        "enableNotificationEndpoint": resolve_enable_notification_endpoint,
        "createLiveTicket": resolve_create_live_ticket,
    },
}
# Fields that only those pay for who ask for them, most with a call of their own. All others are in what their parent's resolver answers.
LAZY_RESOLVERS: dict[str, dict[str, Any]] = {
    "User": {"followerCount": user.resolve_follower_count, "followingCount": user.resolve_following_count},
    "Product": {"creator": product.resolve_creator, "drops": product.resolve_drops, "files": product.resolve_files},
    "Drop": {
        "product": drop.resolve_product,
        "creator": drop.resolve_creator,
        "metadata": drop.resolve_metadata,
        "isReminded": drop.resolve_is_reminded,
    },
    "Notification": {"drop": notification.resolve_drop, "creator": notification.resolve_creator},
    "RemindMePayload": {"drop": reminder_payload.resolve_drop},
    "ForgetReminderPayload": {"drop": reminder_payload.resolve_drop},
    "SearchHit": {
        "product": search_hit.resolve_product,
        "drop": search_hit.resolve_drop,
        "creator": search_hit.resolve_creator,
    },
    "Profile": {"isFollowing": profile.resolve_is_following},
    "FollowPayload": {"creator": follow_payload.resolve_creator},
    "UnfollowPayload": {"creator": follow_payload.resolve_creator},
}


def load_schema() -> GraphQLSchema:
    """Build it. Raises KeyError where a resolver has no field, or a root field no resolver."""
    schema = build_schema(FILE.read_text())
    for name, resolvers in RESOLVERS.items():
        if missing := set(_fields(schema, name)) ^ set(resolvers):
            raise KeyError(f"{name}: no field or no resolver for {', '.join(sorted(missing))}")
    for name, resolvers in {**RESOLVERS, **LAZY_RESOLVERS}.items():
        for field, resolve in resolvers.items():
            _fields(schema, name)[field].resolve = resolve
    _set_conversions(schema)
    return schema


def _set_conversions(schema: GraphQLSchema) -> None:
    date_time, money = schema.type_map["DateTime"], schema.type_map["MoneyInput"]
    assert isinstance(date_time, GraphQLScalarType)
    assert isinstance(money, GraphQLInputObjectType)
    date_time.serialize = presenters.instant  # type: ignore[method-assign]
    money.out_type = inputs.whole_amount  # type: ignore[assignment]


def _fields(schema: GraphQLSchema, name: str) -> dict[str, GraphQLField]:
    kind = schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    fields: dict[str, GraphQLField] = kind.fields
    return fields
