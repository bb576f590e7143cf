"""What happens in the mesh and who is told of it: the notifications service through its RPCs, its events and its messages over Redis."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis

from services.contracts import live
from services.contracts.errors import Ended, Forbidden, InvalidInput, NotFound
from services.contracts.events import DropTold, Event
from services.contracts.live import Broadcast, PersonMessage
from services.contracts.notifications import Channel, Muted, NoticeKind, Notification, Notifications, Place, Preferences, Replay
from services.contracts.orders import Orders, PlaceOrder, Stock
from services.contracts.products import Drop, DropState, NewDrop, Product, Products
from services.contracts.users import User, Users
from services.contracts.values import Money
from services.kernel import calls, ids
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.conftest import eventually
from tests.integration.test_events import confirmed

Heard = Callable[[], list[bytes]]


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture
def clock(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("products-clock")


@pytest.fixture
def seller_events(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("products-relay")


@pytest.fixture
def listen(stack: Stack) -> Iterator[Callable[[str], Heard]]:
    """Subscribes to a channel; the answer tells what was heard since."""
    client = redis.Redis.from_url(stack.environment("orders")["LIVEDROPS_REDIS_URL"])
    subscriptions: list[Any] = []

    def subscribe(channel: str) -> Heard:
        subscription = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        subscription.subscribe(channel)
        eventually(lambda: dict(client.pubsub_numsub(channel)).get(channel.encode()))
        subscriptions.append(subscription)
        found: list[bytes] = []

        def heard() -> list[bytes]:
            while (message := subscription.get_message(timeout=0.05)) is not None:
                found.append(message["data"])
            return found

        return heard

    yield subscribe
    for subscription in subscriptions:
        subscription.close()
    client.close()


def some_id() -> str:
    return str(uuid.uuid4())


def started(creator_id: str, drop_id: str | None = None, at: datetime | None = None) -> Event:
    """A drop has started, as the clock tells it."""
    now = at or datetime.now(UTC)
    price, end = Money(1, "EUR"), now + timedelta(hours=1)
    drop = Drop(drop_id or some_id(), some_id(), creator_id, "A hat", now, end, 5, None, price, {}, DropState.LIVE, None, 1, now, now)
    return Event(ids.derived_id("drop.started", drop.id), "drop.started", now, msgspec.to_builtins(DropTold(drop)))


def cancelled(event: Event) -> Event:
    return msgspec.structs.replace(event, id=some_id(), type="drop.cancelled", data={**event.data, "reason": "no paint"})


def told(notifications: Notifications, user_id: str, *wanted: NoticeKind) -> list[Notification]:
    """The inbox, once it has exactly these kinds, newest first."""

    def found() -> list[Notification] | None:
        page = notifications.list_notifications(user_id=user_id)
        return page.notifications if [one.notice.kind for one in page.notifications] == list(wanted) else None

    return eventually(found)  # type: ignore[no-any-return]


@pytest.fixture
def fan(users: Users, sign_up: Callable[..., User]) -> tuple[str, str]:
    """A fan, and the creator whom they follow."""
    somebody, creator = sign_up(), sign_up()
    users.follow(user_id=somebody.id, creator_id=creator.id)
    return somebody.id, creator.id


class TestWhoIsTold:
    def test_a_buyer_is_told_of_each_order_and_of_its_end(
        self, notifications: Notifications, orders: Orders, open_drop: Callable[..., Stock]
    ) -> None:
        drop, buyer = open_drop(total=50), some_id()
        order = orders.place_order(request=PlaceOrder(drop.drop_id, buyer, 2, "a"))
        (confirmed,) = told(notifications, buyer, NoticeKind.ORDER_CONFIRMED)
        orders.cancel_order(order_id=order.id, reason="too small")
        ended, _ = told(notifications, buyer, NoticeKind.ORDER_CANCELLED, NoticeKind.ORDER_CONFIRMED)
        assert (confirmed.personal, confirmed.number, confirmed.notice.order_id, confirmed.notice.quantity) == (True, 1, order.id, 2)
        assert (ended.number, ended.notice.reason, ended.notice.name) == (2, "too small", drop.name)
        assert notifications.last_numbers(user_ids=[buyer, some_id()]) == [2, 0]

    def test_followers_are_told_of_a_drop_and_nobody_else(
        self, notifications: Notifications, orders: Orders, open_drop: Callable[..., Stock], fan: tuple[str, str], clock: EventPublisher
    ) -> None:
        fan_id, creator_id = fan
        drop = open_drop(total=10, creator_id=creator_id)
        clock.publish([started(creator_id, drop.drop_id)])
        told(notifications, fan_id, NoticeKind.DROP_STARTED)
        orders.place_order(request=PlaceOrder(drop.drop_id, some_id(), 9, "a"))
        told(notifications, fan_id, NoticeKind.DROP_LOW_STOCK, NoticeKind.DROP_STARTED)
        orders.place_order(request=PlaceOrder(drop.drop_id, some_id(), 1, "b"))
        out, low, start = told(notifications, fan_id, NoticeKind.DROP_SOLD_OUT, NoticeKind.DROP_LOW_STOCK, NoticeKind.DROP_STARTED)
        assert not any(one.personal for one in (out, low, start))
        assert (low.notice.available, low.notice.total, out.notice.creator_id, out.notice.drop_id) == (1, 10, creator_id, drop.drop_id)
        assert notifications.list_notifications(user_id=some_id()).notifications == []

    def test_nobody_is_told_of_what_happened_before_they_followed(
        self, notifications: Notifications, users: Users, sign_up: Callable[..., User], clock: EventPublisher
    ) -> None:
        fan, creator = sign_up(), sign_up()
        before = started(creator.id, at=datetime.now(UTC) - timedelta(minutes=1))
        users.follow(user_id=fan.id, creator_id=creator.id)
        clock.publish([before])
        clock.publish([started(creator.id)])
        (only,) = told(notifications, fan.id, NoticeKind.DROP_STARTED)
        assert only.notice.drop_id != before.data["drop"]["id"]

    def test_who_asked_to_be_reminded_is_told_without_following(
        self, notifications: Notifications, products: Products, make_product: Callable[..., Product], clock: EventPublisher
    ) -> None:
        product, fan_id = make_product(), some_id()
        begin = datetime.now(UTC) + timedelta(hours=1)
        drop = products.schedule_drop(drop_id=some_id(), product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5))
        assert notifications.remind(user_id=fan_id, drop_id=drop.id)
        assert notifications.remind(user_id=fan_id, drop_id=drop.id)
        assert notifications.are_reminded(user_id=fan_id, drop_ids=[some_id(), drop.id]) == [False, True]
        clock.publish([started(product.creator_id, drop.id)])
        told(notifications, fan_id, NoticeKind.DROP_STARTED)
        assert notifications.get_live_interests(user_ids=[fan_id])[0].drop_ids == [drop.id]
        assert not notifications.forget_reminder(user_id=fan_id, drop_id=drop.id)
        assert notifications.list_notifications(user_id=fan_id).notifications == []

    def test_nobody_is_reminded_of_what_is_not_or_is_over(
        self, notifications: Notifications, products: Products, make_product: Callable[..., Product]
    ) -> None:
        begin = datetime.now(UTC) + timedelta(hours=1)
        product = make_product()
        drop = products.schedule_drop(drop_id=some_id(), product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5))
        products.cancel_drop(drop_id=drop.id, reason="no paint")
        with pytest.raises(Ended):
            notifications.remind(user_id=some_id(), drop_id=drop.id)
        with pytest.raises(NotFound):
            notifications.remind(user_id=some_id(), drop_id=some_id())

    def test_a_muted_creator_is_not_heard_of(self, notifications: Notifications, fan: tuple[str, str], clock: EventPublisher) -> None:
        fan_id, creator_id = fan
        clock.publish([started(creator_id)])
        told(notifications, fan_id, NoticeKind.DROP_STARTED)
        notifications.set_preferences(user_id=fan_id, preferences=Preferences([], [creator_id]))
        page = notifications.list_notifications(user_id=fan_id)
        assert (page.notifications, page.unread) == ([], 0)
        assert notifications.get_live_interests(user_ids=[fan_id])[0].creator_ids == []
        notifications.set_preferences(user_id=fan_id, preferences=Preferences())
        told(notifications, fan_id, NoticeKind.DROP_STARTED)

    def test_a_cancelled_drop_is_told_of_no_more(
        self, notifications: Notifications, fan: tuple[str, str], clock: EventPublisher, seller_events: EventPublisher
    ) -> None:
        fan_id, creator_id = fan
        event = started(creator_id)
        clock.publish([event])
        told(notifications, fan_id, NoticeKind.DROP_STARTED)
        seller_events.publish([cancelled(event)])
        eventually(lambda: notifications.list_notifications(user_id=fan_id).notifications == [])
        clock.publish([event, started(creator_id)])  # the first once more, late
        (only,) = told(notifications, fan_id, NoticeKind.DROP_STARTED)
        assert only.notice.id != event.id

    def test_of_who_is_deleted_nothing_is_left(
        self,
        stack: Stack,
        notifications: Notifications,
        users: Users,
        orders: Orders,
        open_drop: Callable[..., Stock],
        sign_up: Callable[..., User],
    ) -> None:
        gone, muter, drop = sign_up(), some_id(), open_drop(total=50)
        notifications.set_preferences(user_id=muter, preferences=Preferences([], [gone.id]))
        notifications.set_preferences(user_id=gone.id, preferences=Preferences([], [muter]))
        orders.place_order(request=PlaceOrder(drop.drop_id, gone.id, 1, "a"))
        told(notifications, gone.id, NoticeKind.ORDER_CONFIRMED)
        users.delete_user(user_id=gone.id)
        eventually(lambda: notifications.get_preferences(user_id=muter) == Preferences())
        assert notifications.list_notifications(user_id=gone.id).notifications == []
        assert notifications.get_preferences(user_id=gone.id) == Preferences()
        # What comes late begins them not anew.
        orders.place_order(request=PlaceOrder(drop.drop_id, gone.id, 1, "b"))
        orders.place_order(request=PlaceOrder(drop.drop_id, muter, 1, "c"))
        told(notifications, muter, NoticeKind.ORDER_CONFIRMED)
        assert notifications.list_notifications(user_id=gone.id).notifications == []


@pytest.fixture
def full(
    notifications: Notifications, orders: Orders, open_drop: Callable[..., Stock], fan: tuple[str, str], clock: EventPublisher
) -> tuple[str, list[Notification]]:
    """A fan's inbox with notes and broadcasts between each other, newest first."""
    fan_id, creator_id = fan
    drop = open_drop(total=1000)
    kinds: list[NoticeKind] = []
    for number in range(4):
        clock.publish([started(creator_id)])
        kinds.insert(0, NoticeKind.DROP_STARTED)
        told(notifications, fan_id, *kinds)
        orders.place_order(request=PlaceOrder(drop.drop_id, fan_id, 1, str(number)))
        kinds.insert(0, NoticeKind.ORDER_CONFIRMED)
        told(notifications, fan_id, *kinds)
    return fan_id, notifications.list_notifications(user_id=fan_id).notifications


class TestInbox:
    @pytest.mark.parametrize("size", [1, 3, 8])
    def test_pages_are_the_whole_whatever_comes_meanwhile(
        self,
        size: int,
        notifications: Notifications,
        full: tuple[str, list[Notification]],
        orders: Orders,
        open_drop: Callable[..., Stock],
    ) -> None:
        fan_id, whole = full
        page = notifications.list_notifications(user_id=fan_id, first=size)
        orders.place_order(request=PlaceOrder(open_drop(total=100).drop_id, fan_id, 1, "late"))
        eventually(lambda: notifications.count_unread(user_id=fan_id) == 9)
        found = list(page.notifications)
        while page.next is not None:
            page = notifications.list_notifications(user_id=fan_id, first=size, after=page.next)
            found += page.notifications
        assert found == whole

    def test_a_cursor_is_good_for_one_list_of_one_person(self, notifications: Notifications, full: tuple[str, list[Notification]]) -> None:
        fan_id, _ = full
        cursor = notifications.list_notifications(user_id=fan_id, first=1).next
        assert cursor is not None
        for user_id, unread_only, after in ((some_id(), False, cursor), (fan_id, True, cursor), (fan_id, False, cursor[:-1] + "-")):
            with pytest.raises(InvalidInput):
                notifications.list_notifications(user_id=user_id, after=after, unread_only=unread_only)

    def test_notes_and_broadcasts_are_read_one_by_one_or_all(
        self, notifications: Notifications, full: tuple[str, list[Notification]]
    ) -> None:
        fan_id, whole = full
        note, broadcast = whole[0], whole[1]
        assert (note.personal, broadcast.personal) == (True, False)
        marked = [note.notice.id, broadcast.notice.id]
        assert notifications.mark_read(user_id=fan_id, notice_ids=[*marked, some_id()]) == 6
        assert notifications.mark_read(user_id=fan_id, notice_ids=marked) == 6
        page = notifications.list_notifications(user_id=fan_id)
        assert [one.read for one in page.notifications] == [True, True] + [False] * 6
        unread = notifications.list_notifications(user_id=fan_id, unread_only=True)
        assert [one.notice.id for one in unread.notifications] == [one.notice.id for one in whole[2:]]
        assert notifications.mark_all_read(user_id=fan_id) == 0
        page = notifications.list_notifications(user_id=fan_id)
        assert {one.read for one in page.notifications} == {True}
        assert (page.unread, notifications.list_notifications(user_id=fan_id, unread_only=True).notifications) == (0, [])

    def test_what_comes_after_all_was_read_is_unread(
        self, notifications: Notifications, fan: tuple[str, str], clock: EventPublisher
    ) -> None:
        fan_id, creator_id = fan
        clock.publish([started(creator_id)])
        told(notifications, fan_id, NoticeKind.DROP_STARTED)
        notifications.mark_all_read(user_id=fan_id)
        clock.publish([started(creator_id)])
        new, old = told(notifications, fan_id, NoticeKind.DROP_STARTED, NoticeKind.DROP_STARTED)
        assert (new.read, old.read) == (False, True)
        assert notifications.count_unread(user_id=fan_id) == 1

    def test_more_than_a_hundred_unread_are_told_as_a_hundred(
        self, notifications: Notifications, fan: tuple[str, str], clock: EventPublisher
    ) -> None:
        fan_id, creator_id = fan
        clock.publish([started(creator_id) for _ in range(103)])
        eventually(lambda: notifications.count_unread(user_id=fan_id) == 100)

    def test_nobody_reads_the_inbox_of_another(self, stack: Stack, metrics: Metrics) -> None:
        """The gateway says who asks."""
        gateway = RpcClient(stack.environment("gateway")["LIVEDROPS_BROKER_URL"], "tests-gateway", metrics)
        gateway.start()
        assert gateway.wait_open(10)
        asked, me, other = gateway.service("notifications", Notifications), some_id(), some_id()
        questions: tuple[Callable[[], Any], ...] = (
            lambda: asked.list_notifications(user_id=other),
            lambda: asked.count_unread(user_id=other),
            lambda: asked.mark_read(user_id=other, notice_ids=[some_id()]),
            lambda: asked.mark_all_read(user_id=other),
            lambda: asked.get_preferences(user_id=other),
            lambda: asked.set_preferences(user_id=other, preferences=Preferences()),
            lambda: asked.remind(user_id=other, drop_id=some_id()),
            lambda: asked.forget_reminder(user_id=other, drop_id=some_id()),
            lambda: asked.are_reminded(user_id=other, drop_ids=[some_id()]),
        )
        try:
            with calls.under(calls.begin(20, viewer=calls.Viewer(me))):
                assert asked.list_notifications(user_id=me).notifications == []
                for question in questions:
                    with pytest.raises(Forbidden):
                        question()
        finally:
            gateway.stop()


class TestReplay:
    @pytest.mark.parametrize("size", [1, 3, 100])
    def test_a_replay_from_any_place_has_the_rest_in_order(
        self, size: int, notifications: Notifications, full: tuple[str, list[Notification]]
    ) -> None:
        fan_id, whole = full
        begin = f"0-{min(one.number for one in whole if not one.personal) - 1}"
        found, position, more = list[Notification](), begin, True
        while more:
            page: Replay = notifications.replay(user_id=fan_id, after=position, first=size)
            found, position, more = found + page.notifications, page.position, page.more
        assert found == whole[::-1]
        assert position == notifications.get_live_interests(user_ids=[fan_id])[0].position
        assert notifications.replay(user_id=fan_id, after=position) == Replay([], position, False)

    def test_what_is_muted_live_is_in_the_inbox_alone(self, notifications: Notifications, full: tuple[str, list[Notification]]) -> None:
        fan_id, whole = full
        chosen = Preferences([Muted(NoticeKind.DROP_STARTED, Channel.LIVE), Muted(NoticeKind.ORDER_CONFIRMED, Channel.EMAIL)])
        notifications.set_preferences(user_id=fan_id, preferences=chosen)
        replayed = notifications.replay(user_id=fan_id, after="0-0").notifications
        assert {one.notice.kind for one in replayed} == {NoticeKind.ORDER_CONFIRMED}
        assert notifications.list_notifications(user_id=fan_id).notifications == whole
        assert notifications.get_live_interests(user_ids=[fan_id])[0].muted == [NoticeKind.DROP_STARTED]

    def test_a_position_that_never_was_begins_at_the_end(self, notifications: Notifications, full: tuple[str, list[Notification]]) -> None:
        fan_id, _ = full
        page = notifications.replay(user_id=fan_id, after=f"{2**50}-{2**50}")
        assert (page.notifications, page.position) == ([], notifications.get_live_interests(user_ids=[fan_id])[0].position)


class TestLive:
    def test_what_each_of_many_wants_is_told_in_the_order_asked(
        self,
        notifications: Notifications,
        products: Products,
        make_product: Callable[..., Product],
        users: Users,
        fan: tuple[str, str],
        sign_up: Callable[..., User],
    ) -> None:
        (fan_id, creator_id), picky, nobody = fan, sign_up().id, some_id()
        product, other_id = make_product(), sign_up().id
        for followed in (creator_id, other_id):
            users.follow(user_id=picky, creator_id=followed)
        begin = datetime.now(UTC) + timedelta(hours=1)
        window = NewDrop(begin, begin + timedelta(hours=1), 5)
        drops = [products.schedule_drop(drop_id=some_id(), product_id=one.id, drop=window) for one in (product, make_product())]
        for drop in drops:
            notifications.remind(user_id=picky, drop_id=drop.id)
        notifications.set_preferences(
            user_id=picky, preferences=Preferences([Muted(NoticeKind.DROP_SOLD_OUT, Channel.LIVE)], [creator_id, product.creator_id])
        )

        told = notifications.get_live_interests(user_ids=[picky, nobody, fan_id, picky])

        assert [(one.creator_ids, one.drop_ids, one.muted) for one in told] == [
            ([other_id], [drops[1].id], [NoticeKind.DROP_SOLD_OUT]),
            ([], [], []),
            ([creator_id], [], []),
            ([other_id], [drops[1].id], [NoticeKind.DROP_SOLD_OUT]),
        ]
        assert len({Place.of(one.position).broadcasts for one in told}) == 1

    def test_a_note_is_told_live_and_once_more_where_its_event_is(
        self, listen: Callable[[str], Heard], publisher_of: Callable[[str], EventPublisher], notifications: Notifications
    ) -> None:
        buyer = some_id()
        heard, event = listen(live.person(buyer)), confirmed(buyer)
        relay = publisher_of("orders-relay")
        relay.publish([event, event])
        eventually(heard)
        # Not with the first: in one batch with it, it would be told once.
        relay.publish([event])
        eventually(lambda: len(heard()) >= 2)
        messages = [msgspec.json.decode(message, type=PersonMessage) for message in heard()]
        (kept,) = notifications.list_notifications(user_id=buyer).notifications
        assert {(one.number, one.notice, one.interests) for one in messages} == {(1, kept.notice, False)}

    def test_a_broadcast_is_told_live_with_its_number(
        self, listen: Callable[[str], Heard], fan: tuple[str, str], clock: EventPublisher, notifications: Notifications
    ) -> None:
        fan_id, creator_id = fan
        heard = listen(live.BROADCASTS)
        clock.publish([started(creator_id) for _ in range(3)])
        kept = told(notifications, fan_id, *[NoticeKind.DROP_STARTED] * 3)[::-1]

        def ours() -> list[Broadcast]:
            messages = [msgspec.json.decode(message, type=Broadcast) for message in heard()]
            return [one for one in messages if one.notice.creator_id == creator_id]

        eventually(lambda: len(ours()) == 3)
        assert [(one.number, one.notice) for one in ours()] == [(one.number, one.notice) for one in kept]
        page = notifications.list_broadcasts(after=kept[0].number - 1, first=3)
        assert page.broadcasts[0] == ours()[0]
        assert page.last >= kept[-1].number

    def test_whoever_listens_learns_that_a_persons_interests_changed(
        self, listen: Callable[[str], Heard], notifications: Notifications, users: Users, sign_up: Callable[..., User]
    ) -> None:
        fan, creator = sign_up(), sign_up()
        heard = listen(live.person(fan.id))
        changes: tuple[Callable[[], Any], ...] = (
            lambda: users.follow(user_id=fan.id, creator_id=creator.id),
            lambda: users.unfollow(user_id=fan.id, creator_id=creator.id),
            lambda: notifications.set_preferences(user_id=fan.id, preferences=Preferences([], [creator.id])),
            lambda: notifications.forget_reminder(user_id=fan.id, drop_id=some_id()),
        )
        for number, change in enumerate(changes, start=1):
            change()
            eventually(lambda number=number: len(heard()) >= number)  # type: ignore[misc]
        assert {msgspec.json.decode(message, type=PersonMessage) for message in heard()} == {PersonMessage(interests=True)}

    def test_without_redis_everything_is_told_later_and_nothing_waits(
        self, stack: Stack, notifications: Notifications, fan: tuple[str, str], clock: EventPublisher
    ) -> None:
        fan_id, creator_id = fan
        stack.stop("redis")
        try:
            clock.publish([started(creator_id)])
            told(notifications, fan_id, NoticeKind.DROP_STARTED)
        finally:
            stack.start("redis")
            stack.wait_ready("redis")
