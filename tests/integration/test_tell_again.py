"""`livedrops tell-again`: what a lost broker took with it reaches its consumers after all, and what they knew has no second effect."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import livedrops
from services.contracts.events import Event
from services.contracts.orders import OrderStatus, Stock
from stack.api import Stack
from tests.chaos.witness import Witness
from tests.conftest import Person, eventually

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def witness(stack: Stack) -> Iterator[Witness]:
    with Witness.of(stack.environment("operations")["LIVEDROPS_BROKER_URL"], "order.#") as heard:
        yield heard


def told_of(witness: Witness, drop_id: str) -> list[Event]:
    events = [*witness.heard("order.confirmed"), *witness.heard("order.cancelled")]
    return [event for event in events if event.data["order"]["drop_id"] == drop_id]


def wait_for(witness: Witness, drop_id: str, count: int) -> list[Event]:
    eventually(lambda: len(told_of(witness, drop_id)) >= count)
    return told_of(witness, drop_id)


def plain(events: list[Event]) -> list[tuple[str, str, Any]]:
    return sorted(((event.id, event.type, event.data) for event in events), key=lambda told: told[:2])


def test_orders_are_told_as_they_were_told_before(
    stack: Stack, witness: Witness, person: Callable[..., Person], open_drop: Callable[..., Stock], sql: Sql
) -> None:
    began = datetime.now(UTC)
    buyer, drop_id = person(), open_drop().drop_id
    kept = buyer.buy(drop_id).json()["data"]["placeOrder"]["order"]["id"]
    taken_back = buyer.buy(drop_id).json()["data"]["placeOrder"]["order"]["id"]
    cancel = "mutation($i: CancelOrderInput!) { cancelOrder(input: $i) { order { status } userErrors { code } } }"
    answer = buyer.graphql(cancel, {"i": {"orderId": taken_back}}).json()
    assert answer["data"]["cancelOrder"]["order"]["status"] == "CANCELLED", answer
    first = wait_for(witness, drop_id, 3)
    eventually(lambda: len(sql("select 1 from user_orders where user_id = %s", buyer.id)) == 2)

    # As if the broker had been lost before orders-views heard of any of it.
    sql("delete from user_orders where user_id = %s", buyer.id)
    since = began.strftime("%Y-%m-%dT%H:%M:%S.%f")
    done = CliRunner().invoke(livedrops, ["tell-again", "--since", since], env=stack.environment("operations"))
    assert done.exit_code == 0, done.output
    assert plain(wait_for(witness, drop_id, 6)) == plain([*first, *first])
    eventually(lambda: len(sql("select 1 from user_orders where user_id = %s", buyer.id)) == 2)
    rows = sql("select order_id, content from user_orders where user_id = %s", buyer.id)
    assert {row[0]: f'"{OrderStatus.CANCELLED}"' in row[1] for row in rows} == {kept: False, taken_back: True}
