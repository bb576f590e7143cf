"""Who is away is told: over webhooks, mail and web push, once for each endpoint, again where it failed, and never where it was not wanted."""

import email
import email.policy
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import requests
from standardwebhooks import Webhook

from services.contracts.errors import AddressNotAllowed, InvalidInput, NotFound, TooManyEndpoints
from services.contracts.events import Event, OrderConfirmed
from services.contracts.notifications import (
    MOST_ENDPOINTS,
    AddedEndpoint,
    Channel,
    EndpointKind,
    FanOut,
    FanOutState,
    Muted,
    NewEndpoint,
    NoticeKind,
    Notifications,
    Preferences,
)
from services.contracts.orders import Order, OrderStatus
from services.contracts.products import NewDrop, Product, Products
from services.contracts.users import ListPlace, User, Users
from services.contracts.values import Money
from services.kernel import ids
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.chaos.disturbances import running_with
from tests.conftest import eventually
from tests.integration.receiving import OK, Browser, Mailbox, Received, Receiver, Reply, mail_server, receiver, vapid_claims
from tests.integration.test_notifications import cancelled, started

UNITS = ("notifications", "notifications-push")
# The first steps of the delay queues, and what is done between them.
TRIED_AGAIN_WITHIN_S = 30.0


def some_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def mails() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(scope="module", autouse=True)
def _units(stack: Stack, mails: Mailbox) -> Iterator[None]:
    """With a mail server, chunks that a test can fill, and endpoints that are given up at once."""
    settings = {
        "LIVEDROPS_SMTP_URL": f"smtp://127.0.0.1:{mails.port}",
        "LIVEDROPS_MAIL_FROM": "news@livedrops.example",
        "LIVEDROPS_PUSH_CHUNK": "3",
        "LIVEDROPS_PUSH_FAILURES_MANY": "2",
        "LIVEDROPS_PUSH_FAILING_MANY_HOURS": "0",
    }
    with running_with(stack, dict.fromkeys(UNITS, settings)):
        yield


@pytest.fixture(scope="module")
def notifications(operations: RpcClient) -> Notifications:
    return operations.service("notifications", Notifications)


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def clock(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("products-clock")


@pytest.fixture
def relay(publisher_of: Callable[[str], EventPublisher]) -> EventPublisher:
    return publisher_of("orders-relay")


@pytest.fixture
def add_hook(notifications: Notifications, hooks: Receiver) -> Callable[..., AddedEndpoint]:
    """A webhook of a person at this path of the receiver."""

    def add(user_id: str, path: str = "/hook") -> AddedEndpoint:
        return notifications.add_endpoint(user_id=user_id, endpoint=NewEndpoint(EndpointKind.WEBHOOK, hooks.url + path))

    return add


@pytest.fixture
def follow(users: Users, sign_up: Callable[..., User]) -> Callable[[int], tuple[str, list[str]]]:
    """A creator and so many followers, once they are in the list."""

    def make(count: int) -> tuple[str, list[str]]:
        creator_id, fans = sign_up().id, [sign_up().id for _ in range(count)]
        for fan in fans:
            users.follow(user_id=fan, creator_id=creator_id)
        eventually(lambda: {one.user_id for one in users.list_followers(creator_id=creator_id, first=100).people} >= set(fans))
        return creator_id, fans

    return make


def confirmed(user_id: str, name: str = "A hat") -> Event:
    drop_id, now = some_id(), datetime.now(UTC)
    order = Order(f"{ids.new_id_hex()}-{drop_id.replace('-', '')}", drop_id, user_id, 2, OrderStatus.CONFIRMED, Money(1, "EUR"), now, name)
    return Event(some_id(), "order.confirmed", now, msgspec.to_builtins(OrderConfirmed(order, some_id(), 1)))


def done(notifications: Notifications, fan_out_id: str) -> FanOut:
    """The fan-out once it is over."""

    def found() -> FanOut | None:
        try:
            one = notifications.get_fan_out(fan_out_id=fan_out_id)
        except NotFound:
            return None
        return one if one.state is FanOutState.DONE and one.delivered + one.failed + one.retried >= 0 else None

    return eventually(found, timeout_s=30)  # type: ignore[no-any-return]


class TestChannels:
    def test_a_webhook_is_signed_as_standard_webhooks_says(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], relay: EventPublisher
    ) -> None:
        user_id = some_id()
        added = add_hook(user_id)
        event = confirmed(user_id)
        relay.publish([event])
        (received,) = eventually(lambda: hooks.received)
        assert added.secret is not None
        told = Webhook(added.secret).verify(received.body, received.headers)
        assert told == received.json
        assert (told["type"], told["data"]["id"], told["data"]["quantity"]) == ("order.confirmed", event.id, 2)
        assert "available" not in told["data"]
        with pytest.raises(Exception, match="signature"):
            Webhook(added.secret).verify(received.body + b" ", received.headers)

    def test_a_browser_reads_what_it_is_sent_and_its_vendor_knows_the_sender(
        self, hooks: Receiver, notifications: Notifications, relay: EventPublisher
    ) -> None:
        user_id, browser = some_id(), Browser(f"{hooks.url}/push/abc")
        key = notifications.get_push_options().web_push_key
        notifications.add_endpoint(user_id=user_id, endpoint=browser.subscription())
        relay.publish([confirmed(user_id)])
        (received,) = eventually(lambda: hooks.received)
        assert browser.read(received)["title"] == "Your order of A hat is confirmed"
        assert key is not None
        assert vapid_claims(received, key, hooks.url)["sub"].startswith("http")
        assert int(received.headers["TTL"]) > 0
        with pytest.raises(Exception):  # noqa: B017 - whatever the library raises for a tag that does not fit
            Browser(hooks.url).read(received)

    def test_a_mail_has_two_forms_escaped_and_can_be_ended_with_one_click(
        self, address: str, mails: Mailbox, notifications: Notifications, users: Users, sign_up: Callable[..., User], relay: EventPublisher
    ) -> None:
        person = sign_up()
        notifications.add_endpoint(user_id=person.id, endpoint=NewEndpoint(EndpointKind.EMAIL))
        event = confirmed(person.id, "A <b>hat</b> & more")
        relay.publish([event])
        (raw,) = eventually(lambda: mails.to(person.email))
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert (mail["From"], mail["To"]) == ("news@livedrops.example", person.email)
        assert mail["Subject"] == "Your order of A <b>hat</b> & more is confirmed"
        assert event.id in mail["Message-ID"]
        text, page = (part.get_content() for part in mail.iter_parts())
        assert "A <b>hat</b> & more" in text
        assert "A &lt;b&gt;hat&lt;/b&gt; &amp; more" in page
        link = mail["List-Unsubscribe"].strip("<>")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert requests.get(link, timeout=10).status_code == 200
        assert [one.kind for one in notifications.list_endpoints(user_id=person.id)] == [EndpointKind.EMAIL]
        answer = requests.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=10)
        assert answer.status_code == 200
        assert notifications.list_endpoints(user_id=person.id) == []

    def test_a_name_breaks_out_of_no_header(
        self, mails: Mailbox, notifications: Notifications, sign_up: Callable[..., User], relay: EventPublisher
    ) -> None:
        person = sign_up()
        notifications.add_endpoint(user_id=person.id, endpoint=NewEndpoint(EndpointKind.EMAIL))
        relay.publish([confirmed(person.id, "A hat\r\nBcc: other@example.org\r\n\r\nbody")])
        (raw,) = eventually(lambda: mails.to(person.email))
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert mail["Bcc"] is None
        assert mails.to("other@example.org") == []
        assert mail["Subject"] == "Your order of A hat Bcc: other@example.org body is confirmed"

    def test_an_address_that_is_refused_is_not_tried_again(
        self, mails: Mailbox, notifications: Notifications, sign_up: Callable[..., User], relay: EventPublisher
    ) -> None:
        person, other = sign_up(), sign_up()
        mails.refuses[person.email] = "550 nobody here"
        for one in (person, other):
            notifications.add_endpoint(user_id=one.id, endpoint=NewEndpoint(EndpointKind.EMAIL))
        relay.publish([confirmed(person.id), confirmed(other.id)])
        eventually(lambda: mails.to(other.email))
        eventually(lambda: notifications.list_endpoints(user_id=person.id)[0].failing_since)
        assert mails.to(person.email) == []


class TestCrowds:
    def test_every_follower_is_told_once_and_nobody_else(
        self,
        hooks: Receiver,
        add_hook: Callable[..., AddedEndpoint],
        follow: Callable[..., tuple[str, list[str]]],
        notifications: Notifications,
        clock: EventPublisher,
    ) -> None:
        creator_id, fans = follow(8)
        for number, fan in enumerate(fans[:6]):
            add_hook(fan, f"/fan/{number}")
        add_hook(some_id(), "/stranger")
        # Muted in three ways, each of them once.
        notifications.set_preferences(user_id=fans[0], preferences=Preferences([Muted(NoticeKind.DROP_STARTED, Channel.WEBHOOK)]))
        notifications.set_preferences(user_id=fans[1], preferences=Preferences([], [creator_id]))
        notifications.set_preferences(user_id=fans[2], preferences=Preferences([Muted(NoticeKind.DROP_STARTED, Channel.EMAIL)]))
        event = started(creator_id)
        clock.publish([event])
        clock.publish([event])
        over = done(notifications, event.id)
        assert sorted(one.path for one in hooks.received) == [f"/fan/{number}" for number in (2, 3, 4, 5)]
        assert len({one.id for one in hooks.received}) == 4
        assert (over.people, over.chunks, over.chunks_done) == (8, 3, 3)
        assert (over.looked_at, over.delivered, over.failed, over.retried) == (8, 4, 0, 0)
        assert over.id in [one.id for one in notifications.list_fan_outs(first=100)]

    def test_who_asked_to_be_reminded_is_told_once_whether_they_follow_or_not(
        self,
        hooks: Receiver,
        add_hook: Callable[..., AddedEndpoint],
        follow: Callable[..., tuple[str, list[str]]],
        notifications: Notifications,
        products: Products,
        make_product: Callable[..., Product],
        clock: EventPublisher,
    ) -> None:
        creator_id, (fan,) = follow(1)
        product, others, begin = make_product(creator_id=creator_id), [some_id() for _ in range(4)], datetime.now(UTC) + timedelta(hours=1)
        drop = products.schedule_drop(drop_id=some_id(), product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5))
        for number, user_id in enumerate([fan, *others]):
            add_hook(user_id, f"/{number}")
            notifications.remind(user_id=user_id, drop_id=drop.id)
        event = started(creator_id, drop.id)
        clock.publish([event])
        over = done(notifications, event.id)
        assert sorted(one.path for one in hooks.received) == [f"/{number}" for number in range(5)]
        assert (over.people, over.looked_at, over.delivered) == (6, 6, 5)

    def test_who_followed_afterwards_is_not_told(
        self,
        hooks: Receiver,
        add_hook: Callable[..., AddedEndpoint],
        follow: Callable[..., tuple[str, list[str]]],
        notifications: Notifications,
        clock: EventPublisher,
    ) -> None:
        creator_id, (fan,) = follow(1)
        add_hook(fan)
        before = started(creator_id, at=datetime.now(UTC) - timedelta(minutes=1))
        clock.publish([before])
        assert done(notifications, before.id).people == 0
        assert hooks.received == []

    def test_a_cancelled_drop_is_pushed_no_more(
        self,
        hooks: Receiver,
        add_hook: Callable[..., AddedEndpoint],
        follow: Callable[..., tuple[str, list[str]]],
        notifications: Notifications,
        publisher_of: Callable[[str], EventPublisher],
        clock: EventPublisher,
    ) -> None:
        creator_id, (fan,) = follow(1)
        add_hook(fan, "/down")
        hooks.answer = lambda _: (503, {"Retry-After": "4"})
        event = started(creator_id)
        clock.publish([event])
        assert done(notifications, event.id).retried == 1
        publisher_of("products-relay").publish([cancelled(event)])
        eventually(lambda: notifications.get_fan_out(fan_out_id=event.id).state is FanOutState.CANCELLED)
        hooks.answer = lambda _: OK
        # The one that waits is dropped when its turn comes, and counted as no longer waiting.
        eventually(lambda: notifications.get_fan_out(fan_out_id=event.id).retried == 0, timeout_s=TRIED_AGAIN_WITHIN_S)
        assert len(hooks.received) == 1


class TestFailures:
    def test_what_failed_for_now_comes_again_with_the_same_id(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], notifications: Notifications, relay: EventPublisher
    ) -> None:
        user_id = some_id()
        add_hook(user_id)
        answers: list[Reply] = [(500, {}), OK]
        hooks.answer = lambda _: answers.pop(0)
        relay.publish([confirmed(user_id)])
        eventually(lambda: len(hooks.received) == 2, timeout_s=TRIED_AGAIN_WITHIN_S)
        assert len({one.id for one in hooks.received}) == 1
        # A success ends the row of failures.
        eventually(lambda: notifications.list_endpoints(user_id=user_id)[0].failing_since is None)

    def test_a_receiver_that_asks_for_patience_gets_it(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], relay: EventPublisher
    ) -> None:
        user_id, came = some_id(), list[datetime]()
        add_hook(user_id)

        def answer(_: Received) -> Reply:
            came.append(datetime.now(UTC))
            return (429, {"Retry-After": "3"}) if len(came) == 1 else OK

        hooks.answer = answer
        relay.publish([confirmed(user_id)])
        eventually(lambda: len(came) == 2, timeout_s=TRIED_AGAIN_WITHIN_S)
        assert came[1] - came[0] >= timedelta(seconds=3)

    def test_what_failed_for_good_is_not_tried_again(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], notifications: Notifications, relay: EventPublisher
    ) -> None:
        user_id = some_id()
        add_hook(user_id)
        hooks.answer = lambda _: (400, {})
        event = confirmed(user_id)
        relay.publish([event])
        eventually(lambda: notifications.list_endpoints(user_id=user_id)[0].failing_since)
        hooks.answer = lambda _: OK
        other = confirmed(user_id)
        relay.publish([event, other])
        eventually(lambda: len(hooks.received) == 2)
        assert [one.json["data"]["id"] for one in hooks.received] == [event.id, other.id]

    def test_an_endpoint_that_fails_for_long_is_switched_off_and_its_owner_told(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], notifications: Notifications, relay: EventPublisher
    ) -> None:
        user_id = some_id()
        bad, good = add_hook(user_id, "/bad").endpoint, add_hook(user_id, "/good").endpoint
        hooks.answer = lambda one: (404, {}) if one.path == "/bad" else OK
        for _ in range(2):
            relay.publish([confirmed(user_id)])
        eventually(lambda: not notifications.list_endpoints(user_id=user_id)[0].enabled)
        off, on = notifications.list_endpoints(user_id=user_id)
        assert (off.id, off.disabled_reason, on.id, on.enabled) == (bad.id, "The receiver answered 404.", good.id, True)
        told = [one.notice for one in notifications.list_notifications(user_id=user_id).notifications]
        (notice,) = [one for one in told if one.kind is NoticeKind.ENDPOINT_DISABLED]
        assert notice.name in hooks.url
        # Over the other one, too.
        eventually(lambda: "endpoint.disabled" in [one.json["type"] for one in hooks.at("/good")], timeout_s=TRIED_AGAIN_WITHIN_S)
        again = notifications.enable_endpoint(user_id=user_id, endpoint_id=bad.id)
        assert (again.enabled, again.failing_since, again.disabled_reason) == (True, None, None)

    def test_a_subscription_that_is_gone_is_removed(self, hooks: Receiver, notifications: Notifications, relay: EventPublisher) -> None:
        user_id = some_id()
        notifications.add_endpoint(user_id=user_id, endpoint=Browser(f"{hooks.url}/gone").subscription())
        hooks.answer = lambda _: (410, {})
        relay.publish([confirmed(user_id)])
        eventually(lambda: notifications.list_endpoints(user_id=user_id) == [])
        assert len(hooks.received) == 1

    def test_a_redirect_is_not_followed(
        self, hooks: Receiver, add_hook: Callable[..., AddedEndpoint], notifications: Notifications, relay: EventPublisher
    ) -> None:
        user_id = some_id()
        add_hook(user_id, "/from")
        hooks.answer = lambda _: (302, {"Location": f"{hooks.url}/to"})
        relay.publish([confirmed(user_id)])
        eventually(lambda: notifications.list_endpoints(user_id=user_id)[0].failing_since)
        assert [one.path for one in hooks.received] == ["/from"]


class TestEndpoints:
    def test_the_same_place_again_is_the_same_endpoint_with_a_new_secret(
        self, add_hook: Callable[..., AddedEndpoint], notifications: Notifications
    ) -> None:
        user_id = some_id()
        first, again = add_hook(user_id), add_hook(user_id)
        assert (first.endpoint.id, first.endpoint.created_at) == (again.endpoint.id, again.endpoint.created_at)
        assert first.secret != again.secret
        assert notifications.list_endpoints(user_id=user_id) == [again.endpoint]

    def test_nobody_has_more_than_they_may(self, add_hook: Callable[..., AddedEndpoint], notifications: Notifications) -> None:
        user_id = some_id()
        for number in range(MOST_ENDPOINTS):
            add_hook(user_id, f"/{number}")
        with pytest.raises(TooManyEndpoints):
            add_hook(user_id, "/more")
        add_hook(user_id, "/0")  # which is there already
        first, *_ = notifications.list_endpoints(user_id=user_id)
        assert not notifications.remove_endpoint(user_id=user_id, endpoint_id=first.id)
        assert not notifications.remove_endpoint(user_id=user_id, endpoint_id=first.id)
        add_hook(user_id, "/more")
        assert len(notifications.list_endpoints(user_id=user_id)) == MOST_ENDPOINTS

    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            (NewEndpoint(EndpointKind.WEBHOOK), "url"),
            (NewEndpoint(EndpointKind.EMAIL, "https://example.org/"), "url"),
            (NewEndpoint(EndpointKind.WEBHOOK, "https://example.org/", "x" * 87), "p256dh"),
            (NewEndpoint(EndpointKind.WEB_PUSH, "https://example.org/", "B" * 87, "x" * 22), "p256dh"),
            (NewEndpoint(EndpointKind.WEB_PUSH, "https://example.org/", "B" * 87), "auth"),
        ],
    )
    def test_what_does_not_fit_its_kind_is_refused(self, wish: NewEndpoint, field: str, notifications: Notifications) -> None:
        with pytest.raises(InvalidInput) as caught:
            notifications.add_endpoint(user_id=some_id(), endpoint=wish)
        assert caught.value.data["field"] == field

    def test_a_strange_url_is_refused(self, notifications: Notifications) -> None:
        with pytest.raises(AddressNotAllowed):
            notifications.add_endpoint(user_id=some_id(), endpoint=NewEndpoint(EndpointKind.WEBHOOK, "https://me:secret@example.org/"))

    def test_of_who_is_deleted_nothing_is_left(
        self, add_hook: Callable[..., AddedEndpoint], notifications: Notifications, users: Users, sign_up: Callable[..., User]
    ) -> None:
        person = sign_up()
        add_hook(person.id)
        users.delete_user(user_id=person.id)
        eventually(lambda: notifications.list_endpoints(user_id=person.id) == [])
        with pytest.raises(NotFound):
            add_hook(person.id)


class TestPieces:
    def test_every_follower_is_in_exactly_one_piece(self, users: Users, follow: Callable[..., tuple[str, list[str]]]) -> None:
        creator_id, fans = follow(7)
        begin = ListPlace(datetime.now(UTC), "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12)
        for size in (1, 2, 3, 7, 100):
            pieces, place, found = [], begin, list[str]()
            while True:
                step = users.cut_followers(creator_id=creator_id, after=place, size=size, most=2)
                for piece in step.pieces:
                    ids_of_piece = users.list_follower_ids(creator_id=creator_id, after=place, until=piece.until).user_ids
                    assert len(ids_of_piece) == piece.people <= size
                    found += ids_of_piece
                    place = piece.until
                pieces += step.pieces
                if not step.more:
                    break
            assert sorted(found) == sorted(fans), size
            assert len(found) == len(set(found))
