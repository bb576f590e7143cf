"""Clients that repeat themselves: nobody buys twice, nobody gets more than allowed, nobody loses what they have."""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from tests.chaos.buyers import Buyer, Outcome, Wish
from tests.chaos.sale import Market
from tests.conftest import Person

T = TypeVar("T")


def test_two_hundred_clients_with_the_same_fifty_keys_make_fifty_orders(market: Market) -> None:
    drop = market.open_drop(1_000)
    buyer_id, wishes = str(uuid.uuid4()), [Wish(str(uuid.uuid4()), 1) for _ in range(50)]
    clients = [_buyer(market, drop.drop_id, market.person(user_id=buyer_id), number) for number in range(200)]

    def repeat(client: Buyer) -> list[Outcome]:
        return [client.insist(wish) for wish in client.luck.choices(wishes, k=3)]

    outcomes = _at_once(clients, repeat) + [clients[0].insist(wish) for wish in wishes]

    assert all(outcome.order for outcome in outcomes)
    assert len({(o.wish.key, o.order["id"]) for o in outcomes if o.order}) == len({o.order["id"] for o in outcomes if o.order}) == 50
    assert market.sql("select count(*), sum(quantity) from orders where drop_id = %s", drop.drop_id) == [(50, 50)]


@pytest.mark.parametrize("over_rest", [False, True])
def test_a_key_reused_with_another_quantity_is_refused(over_rest: bool, market: Market) -> None:
    drop = market.open_drop(10)
    buyer = _buyer(market, drop.drop_id, market.person(), over_rest=over_rest)
    first = buyer.insist(Wish("a-key", 1))

    reused = buyer.insist(Wish("a-key", 2))

    assert (reused.order, reused.code) == (None, "IDEMPOTENCY_KEY_REUSED")
    assert buyer.insist(Wish("a-key", 1)).order == first.order
    assert market.sql("select quantity from orders where drop_id = %s", drop.drop_id) == [(1,)]


def test_a_key_reused_at_once_with_two_quantities_is_one_order(market: Market) -> None:
    drop = market.open_drop(1_000)
    buyers = [_buyer(market, drop.drop_id, market.person(), number) for number in range(8)]
    askers = [(buyer.person, quantity) for buyer in buyers for quantity in (1, 2)]

    def ask(asker: tuple[Person, int]) -> Outcome:
        return _buyer(market, drop.drop_id, asker[0], asker[1]).insist(Wish("a-key", asker[1]))

    codes = Counter(outcome.code for outcome in _at_once(askers, ask))

    assert codes == {None: 8, "IDEMPOTENCY_KEY_REUSED": 8}


def test_a_limit_of_two_holds_for_one_person_with_fifty_requests_at_once(market: Market) -> None:
    drop = market.open_drop(1_000, per_user_limit=2)
    buyer_id = str(uuid.uuid4())
    clients = [_buyer(market, drop.drop_id, market.person(user_id=buyer_id), number) for number in range(50)]

    outcomes = _at_once(clients, lambda client: client.insist(Wish(str(uuid.uuid4()), 1)))

    assert Counter(outcome.code for outcome in outcomes) == {None: 2, "LIMIT_REACHED": 48}
    assert market.sql("select sum(quantity) from orders where drop_id = %s and user_id = %s", drop.drop_id, buyer_id) == [(2,)]


@pytest.mark.parametrize("over_rest", [False, True])
def test_the_retry_of_an_accepted_order_after_sell_out_still_returns_that_order(over_rest: bool, market: Market) -> None:
    drop = market.open_drop(20)
    buyers = [_buyer(market, drop.drop_id, market.person(), number, over_rest) for number in range(20)]
    accepted = _at_once(buyers, lambda buyer: buyer.insist(Wish("a-key", 1)))
    late = _buyer(market, drop.drop_id, market.person())
    # Often enough for every gateway to have learned it, and to answer by itself.
    assert {late.insist(Wish(str(uuid.uuid4()), 1)).code for _ in range(20)} == {"SOLD_OUT"}

    again = _at_once(buyers, lambda buyer: buyer.insist(Wish("a-key", 1)))

    assert all(outcome.order for outcome in accepted)
    assert [outcome.order for outcome in again] == [outcome.order for outcome in accepted]
    assert buyers[0].insist(Wish("another-key", 1)).code == "SOLD_OUT"


def _buyer(market: Market, drop_id: str, person: Person, seed: int = 0, over_rest: bool = False) -> Buyer:
    return Buyer(person, market.address, drop_id, over_rest, random.Random(seed))


def _at_once(clients: Sequence[Any], ask: Callable[[Any], T]) -> list[Any]:
    """What each was told, all asking at the same time. A client that was told several things: one after the other."""
    with ThreadPoolExecutor(len(clients), "client") as threads:
        told = list(threads.map(ask, clients))
    return [item for answer in told for item in (answer if isinstance(answer, list) else [answer])]
