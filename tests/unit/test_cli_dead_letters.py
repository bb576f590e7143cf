"""Dead letters, and which of them a replay takes."""

from collections.abc import Iterator
from typing import cast

import pytest
from pika.spec import BasicProperties

from cli.dead_letters import DeadLetter, DeadLetters, Replay, consumer_of, replay


def letter(event_id: str = "e", body: bytes = b"{}", **properties: object) -> DeadLetter:
    return DeadLetter(1, BasicProperties(message_id=event_id or None, **properties), body)  # type: ignore[arg-type]


class Shelf:
    """Letters without a broker."""

    def __init__(self, *letters: DeadLetter) -> None:
        self._letters = letters
        self.sent: list[str] = []

    def take(self) -> Iterator[DeadLetter]:
        return iter(self._letters)

    def replay(self, letter: DeadLetter) -> None:
        self.sent.append(letter.event_id)


def replayed(shelf: Shelf, wanted: set[str] | None) -> Replay:
    return replay(cast(DeadLetters, shelf), wanted, lambda _: None)


@pytest.mark.parametrize("name", ["orders.views", "events.orders.views", "dead.events.orders.views"])
def test_a_consumer_goes_by_three_names(name: str) -> None:
    assert consumer_of(name) == "orders.views"


def test_an_unknown_queue_is_no_consumer() -> None:
    assert consumer_of("rpc-orders") is None


def test_a_letter_tells_what_its_headers_say() -> None:
    told = letter(type="order.confirmed", headers={"x-livedrops-attempt": 5, "x-livedrops-error": "NOT_FOUND: gone"})
    assert (told.event_id, told.event_type, told.attempts, told.error) == ("e", "order.confirmed", 5, "NOT_FOUND: gone")


def test_a_letter_without_properties_is_known_by_its_body() -> None:
    told = letter("", b'{"id": "7", "type": "order.cancelled"}')
    assert (told.event_id, told.event_type) == ("7", "order.cancelled")


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"id": 7}', b"\xff"])
def test_a_letter_of_any_content_can_be_shown(body: bytes) -> None:
    told = letter("", body)
    assert (told.event_id, told.event_type, told.attempts, told.error) == ("", "", 0, "")


def test_a_replayed_letter_starts_from_the_first_try() -> None:
    headers = {"nameko.correlation_id": "c", "x-livedrops-attempt": 5, "x-livedrops-error": "e", "x-delivery-count": 3, "x-death": []}
    fresh = letter(type="t", content_type="application/json", content_encoding="utf-8", headers=headers).fresh_properties()
    assert fresh.headers == {"nameko.correlation_id": "c"}
    assert (fresh.message_id, fresh.type, fresh.content_type, fresh.content_encoding, fresh.delivery_mode) == (
        "e",
        "t",
        "application/json",
        "utf-8",
        2,
    )
    assert fresh.user_id is None


def test_a_replay_takes_the_named_and_keeps_the_others() -> None:
    shelf = Shelf(letter("a"), letter("b"), letter("a"))
    done = replayed(shelf, {"a", "z"})
    assert shelf.sent == ["a", "a"]
    assert (done.replayed, done.kept, done.missing) == (2, 1, {"z"})


def test_a_replay_of_all_takes_all() -> None:
    shelf = Shelf(letter("a"), letter("b"))
    done = replayed(shelf, None)
    assert shelf.sent == ["a", "b"]
    assert (done.replayed, done.kept, done.missing) == (2, 0, set())
