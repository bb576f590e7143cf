"""The index equals the tables: whatever order events come in, while it is built anew, and when it was lost."""

import random
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from services.contracts.errors import Unavailable
from services.contracts.events import Event
from services.contracts.orders import Orders
from services.contracts.products import NewDrop, Product, ProductChange, Products
from services.contracts.search import ReindexState, Search
from services.contracts.users import Role, UserChange, Users
from services.kernel.metrics import Metrics
from services.kernel.rpc_client import RpcClient
from services.search import indexing
from services.search.domain import Document
from services.search.engine import Engine
from services.search.index import Names
from services.search.indexing import Indexer, Popularity
from services.search.reading import Sources
from services.search.reindexing import JobStore, Rebuilder
from services.search.store import Writer
from tests.conftest import eventually
from tests.integration.conftest import Member
from tests.integration.searching import Index, found, some_word, wait_for_reindex

MakeProduct = Callable[..., Product]


@dataclass(frozen=True)
class Bench:
    """An indexer of the test's own, with indexes of its own, that asks the real services."""

    engine: Engine
    names: Names
    indexer: Indexer
    jobs: JobStore
    index: Index

    def another(self) -> Rebuilder:
        return Rebuilder(self.engine, self.names, self.indexer.writer, self.indexer.sources, self.jobs, 1)

    def build(self) -> None:
        self.jobs.ask()
        while self.indexer.rebuilder.round():
            pass

    def expected(self, creator: str) -> dict[str, dict[str, Any]]:
        """What the services say, as documents."""
        sources = self.indexer.sources
        documents: list[Document] = sources.creator_documents([creator])
        for products, _ in sources.all_products(creator):
            documents += sources.of_products(products)
        for drops, _ in sources.all_drops(creator):
            documents += sources.of_drops(drops)
        return {document.id: dict(document.source) for document in documents if not document.source["deleted"]}


@pytest.fixture(scope="module")
def engine(elasticsearch_url: str, metrics: Metrics) -> Iterator[Engine]:
    made = Engine(elasticsearch_url, metrics, "/")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url, request_timeout=60) as made:
        yield made


@pytest.fixture
def bench(engine: Engine, client: Elasticsearch, products: Products, users: Users, orders: Orders) -> Iterator[Bench]:
    names = Names(f"test-{uuid.uuid4().hex[:12]}")
    sources, writer, jobs = Sources(products, users, orders), Writer(engine, names), JobStore(engine, names)
    rebuilder = Rebuilder(engine, names, writer, sources, jobs, 1)
    yield Bench(engine, names, Indexer(sources, writer, Popularity(), rebuilder), jobs, Index(client, names.base))
    for name in client.indices.get(index=f"{names.base}*"):
        client.indices.delete(index=name)


@pytest.fixture(scope="module")
def search(operations: RpcClient, elasticsearch_url: str) -> Search:
    return operations.service("search", Search)


def event(type: str, **data: Any) -> Event:
    return Event(str(uuid.uuid4()), type, datetime.now(UTC), data)


def schedule(products: Products, product: Product) -> str:
    begin = datetime.now(UTC) + timedelta(hours=1)
    return products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5)).id


def test_events_doubled_late_and_in_any_order_leave_what_the_tables_say(
    bench: Bench, users: Users, products: Products, make_product: MakeProduct, member: Callable[..., Member]
) -> None:
    bench.build()
    chance = random.Random(7)
    creator = member("Before", Role.CREATOR)
    told: list[Event] = []

    def change_all() -> None:
        """What a busy hour does, each change told once."""
        for number in range(4):
            product = make_product(creator.id, name=f"Thing {number}")
            told.append(event("product.created", product={"id": product.id}))
            drop = schedule(products, product)
            told.append(event("drop.scheduled", drop={"id": drop}))
            for version in (1, 2):
                change = ProductChange(name=f"Thing {number}.{version}", tags=[f"t{version}"])
                products.update_product(product_id=product.id, expected_version=version, change=change)
                told.append(event("product.changed", product={"id": product.id}))
            users.update_user(user_id=creator.id, change=UserChange(display_name=f"Name {number}"))
            told.append(event("user.changed", user_id=creator.id, is_creator=True, version=9))
            products.cancel_drop(drop_id=drop, reason="x")
            told.append(event("drop.cancelled", drop={"id": drop}))

    def hear(one: Event) -> None:
        handle = indexing.index_people if one.type.startswith("user.") else indexing.index_things
        handle(bench.indexer, [one])

    with ThreadPoolExecutor(6) as hands:
        changing = hands.submit(change_all)
        heard = 0
        while not changing.done():
            # Some are heard at once and again, others not before the end.
            batch = [one for one in told[heard:] if chance.random() < 0.5]
            heard = len(told)
            list(hands.map(hear, batch + batch))
        changing.result()
        late = told * 2
        chance.shuffle(late)
        list(hands.map(hear, late))
    assert bench.index.documents(creator.id) == bench.expected(creator.id)
    assert len(bench.index.documents(creator.id)) == 9


def test_an_index_that_is_built_under_writes_misses_nothing(
    search: Search,
    client: Elasticsearch,
    bench: Bench,
    users: Users,
    products: Products,
    make_product: MakeProduct,
    member: Callable[..., Member],
) -> None:
    """The service's own index, and its own indexer."""
    creator, word = member("Before", Role.CREATOR), some_word()
    steady = make_product(name=word)
    made = [make_product(creator.id, name=f"Thing {number}") for number in range(40)]
    found(search, [steady.id], text=word)
    service = Index(client)
    before = service.names()
    job = search.start_reindex()
    changed = 0
    while search.get_reindex().state is ReindexState.RUNNING or changed < len(made):
        assert [hit.id for hit in search.search(text=word).hits] == [steady.id]
        product = made[changed % len(made)]
        version = 1 + changed // len(made)
        products.update_product(product_id=product.id, expected_version=version, change=ProductChange(name=f"Changed {changed}"))
        made.append(make_product(creator.id, name=f"New {changed}")) if changed < 20 else schedule(products, product)
        changed += 1
    users.update_user(user_id=creator.id, change=UserChange(display_name="After"))
    assert job.requested_at == search.get_reindex().requested_at
    assert set(service.names()).isdisjoint(before)
    eventually(lambda: service.documents(creator.id) == bench.expected(creator.id))
    assert service.names() == service.write_names()


def test_what_is_written_while_an_index_appears_is_in_it(bench: Bench, make_product: MakeProduct) -> None:
    """The worst moment: the writer has looked where to write, and the new index comes after."""
    bench.build()
    product, writer = make_product(), bench.indexer.writer
    (document,) = bench.indexer.sources.product_documents([product.id])
    rebuilder = bench.another()
    put_into = writer.put_into

    def slowly(index: str, documents: Any) -> None:
        if index in bench.index.names():
            bench.jobs.ask()
            while len(writer.targets()) < 2:
                rebuilder.step()
        put_into(index, documents)

    writer.put_into = slowly  # type: ignore[method-assign]
    writer.put([document])
    for index in writer.targets():
        assert bench.index.engine.get(index=index, id=document.id)["_version"] == document.version


def test_a_new_index_knows_what_is_gone(bench: Bench, users: Users, member: Callable[..., Member]) -> None:
    creator = member("Gone", Role.CREATOR)
    (alive,) = bench.indexer.sources.creator_documents([creator.id])
    bench.build()
    users.delete_user(user_id=creator.id)
    indexing.index_people(bench.indexer, [event("user.deleted", user_id=creator.id)])
    bench.build()
    # A write that was under way all the time.
    bench.indexer.writer.put([alive])
    assert bench.index.documents(creator.id) == {}


def test_a_lost_index_is_built_again_unasked(bench: Bench, make_product: MakeProduct) -> None:
    product = make_product()
    bench.build()
    (first,) = bench.index.names()
    bench.index.engine.indices.delete(index=first)

    def rebuilt() -> bool:
        bench.indexer.rebuilder.round()
        return bench.index.engine.indices.exists_alias(name=bench.names.reads).body

    eventually(rebuilt, timeout_s=60)
    assert bench.index.names() != [first]
    assert f"product:{product.id}" in bench.index.documents(product.creator_id)


def test_another_process_goes_on_with_what_one_left(bench: Bench, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.search.reindexing.SILENT_S", 0.5)
    product = make_product()
    job = bench.jobs.ask()
    for _ in range(2):
        bench.indexer.rebuilder.step()
    assert bench.jobs.last().holder == bench.indexer.rebuilder.holder
    successor = bench.another()
    assert successor.round() is False  # the first one may still be at it

    def is_done() -> bool:
        successor.round()
        return bench.jobs.last().state is ReindexState.DONE

    eventually(is_done, timeout_s=60)
    assert bench.index.names() == [job.index]
    assert f"product:{product.id}" in bench.index.documents(product.creator_id)
    # The first one wakes, and can change nothing any more.
    bench.indexer.rebuilder.round()
    assert bench.index.names() == [job.index]


def test_two_who_begin_at_once_build_one_index(bench: Bench) -> None:
    others = [bench.another() for _ in range(3)]

    def ask(_: int) -> str:
        return eventually(lambda: _patient(bench.jobs.ask)).index  # type: ignore[no-any-return]

    with ThreadPoolExecutor(4) as hands:
        jobs = set(hands.map(ask, range(4)))
        eventually(lambda: list(hands.map(_patient, [one.round for one in others])) and bench.jobs.last().state is ReindexState.DONE, 60)
    assert len(jobs) == 1
    assert bench.index.names() == sorted(jobs) == bench.index.write_names()


def _patient(do: Callable[[], Any]) -> Any:
    """None where it can't be done yet: an index that somebody has just made is not ready at once."""
    try:
        return do()
    except Unavailable:
        return None


def test_an_index_that_can_not_be_built_leaves_the_one_in_use(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.build()
    before = bench.index.names()
    with _broken(monkeypatch):
        bench.jobs.ask()
        eventually(lambda: bench.indexer.rebuilder.round() or bench.jobs.last().state is ReindexState.FAILED)
    assert "no such field" in bench.jobs.last().message
    assert bench.index.names() == before


@contextmanager
def _broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: Any) -> None:
        raise ValueError("no such field")

    with monkeypatch.context() as patch:
        patch.setattr(Sources, "of_products", fail)
        yield


def test_the_service_does_not_begin_anew_what_is_under_way(search: Search) -> None:
    first = search.start_reindex()
    assert search.start_reindex().requested_at == first.requested_at
    wait_for_reindex(search)
    assert search.get_reindex().done > 0
