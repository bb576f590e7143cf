"""The search engine goes away while people browse; the indexer dies while it builds an index. Nobody gets an error, nothing is lost."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pika
import pytest
import requests

from services.contracts.products import NewProduct, Product, Products
from services.contracts.search import ReindexState, Search
from services.contracts.values import Money
from services.kernel.rpc_client import RpcClient
from stack import processes
from stack.api import Stack
from tests.chaos.disturbances import Failpoints, paused, running_with
from tests.conftest import eventually

pytestmark = pytest.mark.timeout(400)
BROWSE = "query($text:String!){search(text:$text,first:5){edges{node{id name product{name}}} totalCount degraded facets{name}}}"
COMPLETE = "query($text:String!){suggest(text:$text){suggestions{text} degraded}}"
PEOPLE = 4


@dataclass
class Crowd:
    """People who browse, over GraphQL and REST, and note what they are answered."""

    address: str
    answers: "Counter[str]" = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def browse(self, is_over: threading.Event) -> None:
        with requests.Session() as http:
            while not is_over.is_set():
                self._look(http)

    def _look(self, http: requests.Session) -> None:
        for query in (BROWSE, COMPLETE):
            # Words that nobody asked before, so that no cache answers.
            asked: Any = {"query": query, "variables": {"text": f"shirt {uuid.uuid4().hex[:4]}"}}
            self._note(http.post(f"{self.address}/graphql", json=asked, timeout=15))
        self._note(http.get(f"{self.address}/search", params={"q": "shirt", "limit": "3"}, timeout=15))

    def _note(self, answer: requests.Response) -> None:
        body = answer.json()
        if answer.status_code != 200 or "errors" in body:
            self.wrong.append(f"{answer.status_code} {answer.text[:300]}")
            return
        found = next(iter(body["data"].values())) if "data" in body else body
        self.answers["degraded" if found["degraded"] else "ranked"] += 1

    def wait_for(self, kind: str, more: int = 20, timeout_s: float = 60) -> None:
        goal = self.answers[kind] + more
        eventually(lambda: self.answers[kind] >= goal or self.wrong, timeout_s)
        assert self.wrong == []


@contextmanager
def browsing(address: str) -> Iterator[Crowd]:
    crowd, is_over = Crowd(address), threading.Event()
    threads = [threading.Thread(target=crowd.browse, args=(is_over,)) for _ in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert crowd.wrong == []


@pytest.fixture(scope="module")
def search(operations: RpcClient, elasticsearch_url: str) -> Search:
    found = operations.service("search", Search)
    eventually(lambda: not found.search().degraded, timeout_s=60)
    return found


@pytest.fixture
def make_product(products: Products) -> Callable[[str], Product]:
    def make(name: str) -> Product:
        wish = NewProduct(name, Money(4900, "EUR"))
        return products.create_product(product_id=str(uuid.uuid4()), creator_id=str(uuid.uuid4()), product=wish)

    return make


def is_found(search: Search, product: Product) -> bool:
    page = search.search(text=product.name)
    return not page.degraded and [hit.id for hit in page.hits] == [product.id]


def wait_until_found(search: Search, product: Product) -> None:
    eventually(lambda: is_found(search, product), timeout_s=60)


def some_name() -> str:
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:16])


def restart_engine(stack: Stack) -> None:
    stack.start("elasticsearch")
    stack.wait_ready("elasticsearch", timeout_s=240)


def test_a_killed_engine_stops_nobody_and_comes_back_by_itself(
    stack: Stack, search: Search, address: str, make_product: Callable[[str], Product]
) -> None:
    make_product("A shirt")
    with browsing(address) as crowd:
        crowd.wait_for("ranked")
        stack.kill("elasticsearch")
        crowd.wait_for("degraded")
        missed = make_product(some_name())
        # Found at once, by plain text.
        assert [hit.id for hit in search.search(text=missed.name).hits] == [missed.id]
        crowd.wait_for("ranked", timeout_s=240)
    # What was changed meanwhile has waited in the queue.
    wait_until_found(search, missed)


def test_an_engine_that_hangs_stops_nobody(stack: Stack, search: Search, address: str) -> None:
    with browsing(address) as crowd:
        crowd.wait_for("ranked")
        with hanging(stack, "elasticsearch"):
            crowd.wait_for("degraded")
        crowd.wait_for("ranked", timeout_s=60)


@contextmanager
def hanging(stack: Stack, server: str) -> Iterator[None]:
    """A small program stands between supervisord and the node: both are stopped."""
    with ExitStack() as blocks:
        for pid in processes.tree(stack.pid(server)):
            blocks.enter_context(paused(pid))
        yield


def test_events_wait_while_the_engine_is_away_and_none_is_dead(
    stack: Stack, search: Search, make_product: Callable[[str], Product], dead_letters: Callable[[], int]
) -> None:
    before = dead_letters()
    stack.stop("elasticsearch")
    try:
        made = [make_product(some_name()) for _ in range(30)]
        eventually(lambda: "events are held" in stack.log("search-indexer").read_text(), timeout_s=30)
    finally:
        restart_engine(stack)
    for product in made:
        wait_until_found(search, product)
    assert dead_letters() == before


@pytest.fixture
def dead_letters(stack: Stack) -> Iterator[Callable[[], int]]:
    """How many events of the indexer are dead."""
    connection = pika.BlockingConnection(pika.URLParameters(stack.environment("operations")["LIVEDROPS_BROKER_URL"]))
    channel = connection.channel()

    def count() -> int:
        found: int = channel.queue_declare("dead.events.search.index", passive=True).method.message_count
        return found

    yield count
    connection.close()


def test_an_indexer_that_dies_while_it_builds_goes_on(
    stack: Stack, search: Search, make_product: Callable[[str], Product], rounds: Callable[[int, int], range], tmp_path_factory: Any
) -> None:
    steady = make_product(some_name())
    wait_until_found(search, steady)
    points = Failpoints(tmp_path_factory.mktemp("reindex"))
    with running_with(stack, {"search-indexer": points.environment()}):
        for _ in rounds(1, 5):
            asked = search.start_reindex()
            points.kill_at("reindex.before_move_on")
            born = make_product(some_name())
            eventually(lambda: search.get_reindex().state is ReindexState.DONE, timeout_s=300)
            assert search.get_reindex().requested_at == asked.requested_at
            assert is_found(search, steady)
            wait_until_found(search, born)
