"""A store's client after the store was away."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from services.contracts.errors import Unavailable
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from stack.api import Stack

CONNECTIONS = 4


@pytest.fixture
def pool(stack: Stack) -> Iterator[Postgres]:
    """With all its connections open and idle."""
    metrics = Metrics()
    postgres = Postgres(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"], metrics, size=CONNECTIONS)
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            held.enter_context(postgres.session())
    yield postgres
    postgres.close()
    metrics.stop()


def test_a_restarted_store_costs_one_caller_an_error_and_not_one_for_each_old_connection(stack: Stack, pool: Postgres) -> None:
    stack.restart("postgres")
    stack.wait_ready("postgres")

    failed = sum(_fails(pool) for _ in range(2 * CONNECTIONS))

    assert failed <= 1


def _fails(pool: Postgres) -> bool:
    try:
        pool.check()
    except Unavailable:
        return True
    return False
