"""A person who buys as a good client does: repeats a wish under its key until it is known what became of it."""

import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from services.contracts.errors import BY_CODE, Internal, Unavailable
from tests.conftest import PLACE_ORDER, Person

# Longer than any disturbance of these tests together with everybody's way back.
GIVES_UP_AFTER_S = 45.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.05, 1.0
PATIENCE_S = 15.0
# Some requests are repeated before their answer can have come: the same key is then under way twice.
IMPATIENCE_S = 0.01
IMPATIENT_SHARE = 0.05
# Some wishes are asked for again long after they were granted.
REPEATED_SHARE = 0.15
MOST_UNITS = 3
# Between two wishes, on average: sixteen buyers make some two hundred orders a second.
THINKS_S = 0.06


@dataclass(frozen=True)
class Wish:
    key: str
    quantity: int


@dataclass(frozen=True)
class Outcome:
    """What became of a wish. order: as the client was shown it, None where it was refused. Times are of time.monotonic()."""

    user_id: str
    wish: Wish
    order: dict[str, Any] | None
    code: str | None
    asked_at: float
    known_at: float


class NotAnAnswer(Exception):
    """Nothing was learned: the connection failed, or the error says to come back."""


def answer_of(response: requests.Response) -> tuple[dict[str, Any] | None, str | None]:
    """The order, or the code that refused it. Raises NotAnAnswer; AssertionError where the answer is no typed error."""
    try:
        body = response.json()
        if "errors" in body:
            code = body["errors"][0]["extensions"]["code"]
        elif "data" in body:
            payload = body["data"]["placeOrder"]
            code = payload["userErrors"][0]["code"] if payload["userErrors"] else None
        else:
            payload, code = {"order": body}, body.get("code")
    except (ValueError, LookupError, TypeError) as error:
        raise AssertionError(f"not a typed answer: {response.status_code} {response.text[:500]!r}") from error
    if code is None:
        return payload["order"], None
    kind = BY_CODE.get(code)
    assert kind not in (None, Internal), f"an error that a client should never see: {response.text[:500]}"
    if issubclass(kind, Unavailable):
        raise NotAnAnswer(f"{response.status_code} {code}")
    return None, code


def _setback(error: Exception, timeout_s: float) -> str:
    """What a buyer met; where they did not wait long enough to meet anything, that."""
    if isinstance(error, NotAnAnswer):
        return str(error)
    return "impatience" if isinstance(error, requests.Timeout) and timeout_s == IMPATIENCE_S else type(error).__name__


def backoffs(luck: random.Random) -> Iterator[float]:
    """Seconds to wait between tries: exponential, with full jitter, without an end."""
    for attempt in itertools.count():
        yield luck.uniform(0, min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(attempt, 10)))


@dataclass
class Buyer:
    """One of the people of a sale, with a client of their own."""

    person: Person
    address: str
    drop_id: str
    over_rest: bool
    luck: random.Random
    granted: list[Outcome] = field(default_factory=list)
    # Why requests had to be repeated, and how often.
    setbacks: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def shop(self, is_closed: Callable[[float], bool], learned: Callable[[Outcome], None]) -> None:
        """Wish for one thing after the other until it is closed. is_closed: waits up to so many seconds for the end."""
        while not is_closed(self.luck.uniform(0, 2 * THINKS_S)):
            if self.granted and self.luck.random() < REPEATED_SHARE:
                self._repeat(self.luck.choice(self.granted))
            else:
                learned(self.insist(Wish(str(uuid.UUID(int=self.luck.getrandbits(128))), self.luck.randint(1, MOST_UNITS))))

    def insist(self, wish: Wish) -> Outcome:
        """Ask until it is known what became of the wish. Fails past GIVES_UP_AFTER_S."""
        asked_at = time.monotonic()
        for backoff_s in backoffs(self.luck):
            timeout_s = IMPATIENCE_S if self.luck.random() < IMPATIENT_SHARE else PATIENCE_S
            try:
                order, code = self._ask(wish, timeout_s)
            except (requests.RequestException, NotAnAnswer) as error:
                self.setbacks[_setback(error, timeout_s)] += 1
                assert time.monotonic() - asked_at < GIVES_UP_AFTER_S, f"no outcome for {wish} within {GIVES_UP_AFTER_S} s: {error}"
                time.sleep(backoff_s)
                continue
            outcome = Outcome(self.person.id, wish, order, code, asked_at, time.monotonic())
            if order is not None:
                self.granted.append(outcome)
            return outcome
        raise AssertionError("backoffs never end")

    def _repeat(self, earlier: Outcome) -> None:
        again = self.insist(earlier.wish)
        assert again.order == earlier.order, f"the retry of an accepted order gave {again}, not {earlier}"
        self.granted.pop()

    def _ask(self, wish: Wish, timeout_s: float) -> tuple[dict[str, Any] | None, str | None]:
        self.requests += 1
        if self.over_rest:
            body: dict[str, Any] = {"dropId": self.drop_id, "quantity": wish.quantity}
            headers = {"Idempotency-Key": wish.key}
            return answer_of(self.person.http.post(f"{self.address}/order", json=body, headers=headers, timeout=timeout_s))
        variables = {"input": {"dropId": self.drop_id, "quantity": wish.quantity, "idempotencyKey": wish.key}}
        body = {"query": PLACE_ORDER, "variables": variables}
        return answer_of(self.person.http.post(f"{self.address}/graphql", json=body, timeout=timeout_s))
