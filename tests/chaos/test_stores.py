"""A store's client while the store is held up, and after it was away."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from services.contracts.errors import Unavailable
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
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


@pytest.fixture
def mongo(stack: Stack) -> Iterator[Mongo]:
    """A database of the test's own."""
    metrics = Metrics()
    store = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], f"held_{uuid.uuid4().hex}", metrics)
    yield store
    store.client.drop_database(store.database.name)
    store.close()
    metrics.stop()


def test_a_restarted_store_costs_one_caller_an_error_and_not_one_for_each_old_connection(stack: Stack, pool: Postgres) -> None:
    stack.restart("postgres")
    stack.wait_ready("postgres")

    failed = sum(_fails(pool) for _ in range(2 * CONNECTIONS))

    assert failed <= 1


@pytest.mark.timeout(45)  # less than the store gives the transaction in the way
def test_a_transaction_that_another_holds_up_gives_up_in_time(mongo: Mongo) -> None:
    things = mongo.collection("things")
    things.insert_one({"_id": "a"})
    with mongo.client.start_session() as other, other.start_transaction():
        things.update_one({"_id": "a"}, {"$set": {"by": "another"}}, session=other)

        with pytest.raises(Unavailable), mongo.errors():
            mongo.transaction(lambda session: things.update_one({"_id": "a"}, {"$set": {"by": "us"}}, session=session))


def _fails(pool: Postgres) -> bool:
    try:
        pool.check()
    except Unavailable:
        return True
    return False
