"""Who may do what on the broker: one user for each deploy unit and each team, with the least rights.

`services.kernel.topology` turns this into RabbitMQ permissions, so the broker itself refuses the rest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rights:
    """What one broker user may do.

    serves: the service whose RPC queue it consumes.
    calls: RPCs it may call, "service.method" or "service.*".
    publishes: event types it may publish, "*" for one word.
    consumes: names of its event queues, each with the types bound to it.
    watches: may read any event through a queue of its own that dies with it.
    tends_dead_letters: may read and replay every dead-letter queue.
    measures_queues: may look at every event queue.
    stock_client: may use a stock nameko client, which declares the RPC exchange itself.
    """

    serves: str | None = None
    calls: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    consumes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    watches: bool = False
    tends_dead_letters: bool = False
    measures_queues: bool = False
    stock_client: bool = False


# The one broker user whose word about a person's identity is believed.
GATEWAY = "gateway"

USERS: dict[str, Rights] = {
    GATEWAY: Rights(
        calls=(
            "orders.place_many",
            "orders.get_order",
            "orders.cancel_order",
            "orders.list_orders",
            "orders.get_stock",
            "orders.get_stocks",
            "products.create_product",
            "products.update_product",
            "products.get_product",
            "products.get_products",
            "products.list_products",
            "products.schedule_drop",
            "products.change_drop",
            "products.end_drop",
            "products.cancel_drop",
            "products.get_drop",
            "products.get_drops",
            "products.list_drops",
            "products.create_upload",
            "products.get_media",
            "users.sign_up",
            "users.sign_in",
            "users.refresh",
            "users.sign_out",
            "users.get_user",
            "users.become_creator",
            "users.update_user",
            "users.delete_user",
            "users.get_profiles",
            "users.follow",
            "users.unfollow",
            "users.is_following",
            "users.are_following",
            "users.list_followers",
            "users.list_following",
            "users.list_mutual",
            "users.find_followers",
            "search.search",
            "search.suggest",
            "notifications.list_notifications",
            "notifications.count_unread",
            "notifications.mark_read",
            "notifications.mark_all_read",
            "notifications.get_preferences",
            "notifications.set_preferences",
            "notifications.remind",
            "notifications.forget_reminder",
            "notifications.are_reminded",
            "notifications.get_push_options",
            "notifications.add_endpoint",
            "notifications.list_endpoints",
            "notifications.remove_endpoint",
            "notifications.enable_endpoint",
            "notifications.unsubscribe",
            "analytics.get_series",
            "analytics.report",
        )
    ),
    # Holds people's streams. It has checked who somebody is and names them, but speaks for nobody: these reads are all that it may ask, so a process
    # that is taken over can read inboxes and buy nothing.
    "live": Rights(
        calls=(
            "notifications.get_live_interests",
            "notifications.replay",
            "notifications.list_broadcasts",
            "notifications.last_numbers",
            "orders.get_stocks",
            "products.get_drops",
        )
    ),
    "products": Rights(serves="products", calls=("orders.set_terms",)),
    "products-stock": Rights(
        consumes=(
            (
                "products.stock",
                (
                    "drop.sold_out",
                    "drop.restocked",
                    "drop.scheduled",
                    "drop.changed",
                    "drop.cancelled",
                    "drop.started",
                    "drop.ended",
                ),
            ),
        )
    ),
    "products-relay": Rights(publishes=("product.*", "drop.scheduled", "drop.changed", "drop.cancelled")),
    "products-clock": Rights(publishes=("drop.started", "drop.ended"), calls=("orders.set_terms", "users.get_profiles")),
    # Speaks HTTP and to its stores only.
    "media": Rights(),
    "users": Rights(serves="users"),
    "users-capture": Rights(publishes=("follow.*", "user.*")),
    "orders": Rights(serves="orders", calls=("products.get_drop",)),
    "orders-terms": Rights(consumes=(("orders.terms", ("drop.scheduled", "drop.changed", "drop.cancelled")),)),
    "orders-views": Rights(consumes=(("orders.views", ("order.confirmed", "order.cancelled")),)),
    "orders-relay": Rights(publishes=("order.*", "stock.*", "drop.low_stock", "drop.sold_out", "drop.restocked")),
    "orders-reconciler": Rights(),
    "search": Rights(serves="search", calls=("products.find_products", "products.find_drops")),
    "search-indexer": Rights(
        calls=(
            "products.get_products",
            "products.get_drops",
            "products.list_products",
            "products.list_drops",
            "users.get_profiles",
            "users.list_profiles",
            "orders.get_stocks",
        ),
        consumes=(
            (
                "search.index",
                (
                    "product.created",
                    "product.changed",
                    "drop.scheduled",
                    "drop.changed",
                    "drop.cancelled",
                    "drop.sold_out",
                    "drop.restocked",
                ),
            ),
            # Apart: a creator who is renamed, with all that they sell, or whom a million people follow at once, holds up no product.
            ("search.creators", ("user.changed", "user.deleted")),
            ("search.popularity", ("follow.created", "follow.removed")),
        ),
    ),
    "notifications": Rights(serves="notifications", calls=("users.list_followed", "users.list_followed_ids", "products.get_drop")),
    "notifications-events": Rights(
        consumes=(
            ("notifications.broadcasts", ("drop.started", "drop.low_stock", "drop.sold_out", "drop.cancelled")),
            ("notifications.personal", ("order.confirmed", "order.cancelled")),
            # Apart: a person with all that is theirs, or a drop with all its reminders, is many steps.
            ("notifications.upkeep", ("user.deleted", "drop.changed")),
        )
    ),
    "notifications-push": Rights(
        calls=("users.cut_followers", "users.list_follower_ids", "users.get_users"),
        publishes=("push.*",),
        consumes=(
            ("notifications.planning", ("drop.started", "drop.low_stock", "drop.sold_out")),
            # Work: chunks of a broadcast, and single deliveries that failed, which come through the delay queues alone.
            ("notifications.push", ("push.chunk",)),
            ("notifications.push_again", ("push.delivery",)),
            # Apart: a buyer's own news waits for no crowd.
            ("notifications.push_personal", ("order.confirmed", "order.cancelled")),
        ),
    ),
    "analytics-service": Rights(serves="analytics", calls=("orders.get_stock", "orders.tally_sales", "users.tally_follows")),
    "analytics-events": Rights(
        consumes=(
            ("analytics.orders", ("order.confirmed", "order.cancelled")),
            ("analytics.follows", ("follow.created", "follow.removed")),
        ),
    ),
    # Teams. `operations` is the one behind the livedrops command; `analytics` reads.
    # `livedrops exporter`: what waits for whom, since when.
    "exporter": Rights(measures_queues=True),
    "operations": Rights(
        calls=("orders.*", "products.*", "users.*", "search.*", "notifications.*", "analytics.*"),
        watches=True,
        tends_dead_letters=True,
        stock_client=True,
    ),
    "analytics": Rights(
        calls=("orders.get_stock", "users.get_user", "users.get_profiles", "analytics.get_series"), watches=True, stock_client=True
    ),
}
