"""Measure search from end to end: python -m tests.load.bench_search (make bench-search)

A catalogue of a hundred thousand products, which stays for the next run. Full text, typos, prefixes, filters and deep pages go through the
ingress and GraphQL with everything on, by 1, 8 and 32 clients; at 1 client each in turn with the same question straight to Elasticsearch, so
that noise hits both. Then how fast products are indexed, and how soon a change is found. Prints tables and verdicts, writes
tests/load/results/search.json, and exits with 1 where an answer was wrong.
"""

import argparse
import http.client
import itertools
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec
import psycopg2

from cli.addresses import PRODUCTS_POSTGRES, Addresses
from cli.catalogue.creators import Creators, sign_up_with
from cli.catalogue.files import listing_of, open_catalogue, write_catalogue
from cli.catalogue.importing import Import, Journal, Terms
from cli.catalogue.making import Shape, make_products
from cli.commands.import_products import run_import
from cli.services import rpc_client
from gateway.tokens import Tokens
from services.contracts.products import NewProduct, ProductChange, Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from services.kernel import calls
from stack.api import Stack
from tests.load import one_client
from tests.load.bench_orders import RESULTS, SETTINGS, TOKEN_LIFE_S, graphql_request
from tests.load.follow_report import Row, latency_of
from tests.load.generator import Rule, Stampede, run
from tests.load.search_questions import (
    CACHED,
    DEEP,
    DEEP_PAGE,
    GOOD,
    SEARCH,
    Asked,
    Question,
    Straight,
    common_words,
    questions,
    search,
)
from tests.load.search_report import Freshness, Indexing, report, verdicts
from tests.load.search_straight import StraightSearch

CROWDS = (8, 32)
READERS = 100
PASSWORD = "bench creators only"
# What the index may take to have a catalogue, and then one change, before the run is called a failure.
INDEXED_WITHIN_S, FOUND_WITHIN_S = 900.0, 15.0
LOOK_EVERY_S = 0.02
# A page is cached for seconds: two runs of one question must not meet each other's.
APART_S = 6.0
# Chains of pages that are walked for deep cursors, and pages of each that are asked for.
CHAINS, DEEP_PAGES = 10, 100
# What puts a question straight to Elasticsearch as the search service would; without it only we are measured.
STRAIGHT: Callable[[Stack], Straight] | None = StraightSearch


class Size(msgspec.Struct, frozen=True):
    """samples: of one client, for each question. seconds: of a crowd. fresh: products imported to measure indexing. changes: to be found."""

    products: int
    creators: int
    samples: int
    seconds: float
    fresh: int
    changes: int

    @property
    def shape(self) -> Shape:
        return Shape(self.products, self.creators, seed=1)


class Catalogue:
    """Products of the bench, through the importer that everybody uses."""

    def __init__(self, products: Products, users: Users, address: str) -> None:
        """address: of the products' PostgreSQL."""
        self._products = products
        self._users = users
        self._address = address

    def load(self, size: Size) -> None:
        """Import the catalogue, or what is missing of it."""
        path = RESULTS / f"catalogue-{size.products}-{size.creators}.jsonl.gz"
        if not path.exists():
            write_catalogue(path, (listing_of(made, None) for made in make_products(size.shape)))
        with psycopg2.connect(self._address) as connection, connection.cursor() as cursor:
            cursor.execute("select count(*) from products")
            [(known,)] = cursor.fetchall()
        connection.close()
        if known < size.products:
            print(self._import(path, Creators(None, sign_up_with(self._users, PASSWORD))), flush=True)

    def load_fresh(self, count: int, seed: int) -> None:
        """Import products that nobody has seen, of a creator of their own."""
        path = RESULTS / "catalogue-fresh.jsonl.gz"
        write_catalogue(path, (listing_of(made, None) for made in make_products(Shape(count, 1, seed))))
        print(self._import(path, Creators(str(uuid.uuid4()), None)), flush=True)
        path.unlink()

    def create(self, name: str) -> str:
        """A product, and its id."""
        wanted = NewProduct(name, Money(1_900, "EUR"))
        with calls.under(calls.begin()):
            return self._products.create_product(product_id=str(uuid.uuid4()), creator_id=str(uuid.uuid4()), product=wanted).id

    def rename(self, product_id: str, name: str) -> None:
        with calls.under(calls.begin()):
            version = self._products.get_product(product_id=product_id).version
            self._products.update_product(product_id=product_id, expected_version=version, change=ProductChange(name=name))

    def _import(self, path: Path, creators: Creators) -> str:
        journal = Journal(path.with_name(f"{path.name}.import"))
        with open_catalogue(path) as catalogue:
            first = journal.begin(catalogue.key, restart=False)
            work = Import(self._products, creators, first, Terms(), journal.keep, lambda fault: print(fault.text))
            return run_import(work, catalogue, creators).text()


class Bench:
    def __init__(self, stack: Stack, catalogue: Catalogue, size: Size) -> None:
        self._catalogue = catalogue
        self._size = size
        self._stack = stack
        tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", TOKEN_LIFE_S)
        self._tokens = [tokens.issue(User(str(uuid.uuid4()), "Reader", "", [Role.FAN], datetime.now(UTC))) for _ in range(READERS)]
        self._address = stack.address("ingress").removeprefix("http://")

    @cached_property
    def _straight(self) -> Straight | None:
        # Not before there is an index.
        return STRAIGHT(self._stack) if STRAIGHT else None

    def wait_indexed(self) -> float:
        """Until a product that is made now is found: all that was told before it is in the index then. Seconds."""
        name = _unique("marker")
        begun = time.monotonic()
        self._wait_found(self._catalogue.create(name), name, INDEXED_WITHIN_S)
        return time.monotonic() - begun

    def alone(self, asked_for: Sequence[Question]) -> list[Row]:
        """One client asks all of them in turn, each through GraphQL and straight: what is compared meets the same noise."""
        ours, straight = [list[float]() for _ in asked_for], [list[float]() for _ in asked_for]
        with one_client.connection(self._address) as connection:
            for number in range(self._size.samples):
                for index, question in enumerate(asked_for):
                    asked = question.askings[number % len(question.askings)]
                    ours[index].append(one_client.timed(self._ask, connection, asked))
                    if self._straight:
                        straight[index].append(one_client.timed(self._straight.put, asked))
        seen = zip(asked_for, ours, straight, strict=True)
        return [Row(each.name, 1, False, latency_of(times), latency_of(direct) if direct else None) for each, times, direct in seen]

    def together(self, question: Question, clients: int) -> Row:
        """So many clients, for some seconds or until each asking was had once."""
        time.sleep(APART_S)
        crowd = Stampede(
            port=int(self._address.rpartition(":")[2]),
            request=graphql_request(question.template, "Authorization: Bearer {token}\r\n"),
            connections=clients,
            tokens=tuple(self._tokens),
            rotate_tokens=True,
            values=tuple(asked.value for asked in question.askings),
            rules=(Rule("good", 200, GOOD),),
            requests=None if question.name == CACHED else len(question.askings),
            duration_s=self._size.seconds,
            honour_retry_after=True,
        )
        seen = run(crowd)
        good = seen.classes["good"]
        return Row(question.name, clients, False, good.latency_ms, per_second=good.per_second_active, bad=seen.attempts - good.count)

    def deep(self) -> Question:
        """Pages behind page 50, each with the cursor that the page before it gave."""
        with one_client.connection(self._address) as connection:
            chains = [list(self._chain(connection, word)) for word in common_words()[:CHAINS]]
        # From one chain after the other: neighbours would find each other's work.
        return Question(DEEP, SEARCH, [asked for pages in itertools.zip_longest(*chains) for asked in pages if asked])

    def indexing(self) -> Indexing:
        begun = time.monotonic()
        self._catalogue.load_fresh(self._size.fresh, seed=uuid.uuid4().int % 2**31)
        imported_s = time.monotonic() - begun
        self.wait_indexed()
        return Indexing(self._size.fresh, imported_s, time.monotonic() - begun)

    def freshness(self) -> Freshness:
        """Products are renamed one after the other, and each is searched for by its new name."""
        product_id, times, lost = self._catalogue.create(_unique("changing")), list[float](), 0
        for _ in range(self._size.changes):
            name = _unique("changed")
            self._catalogue.rename(product_id, name)
            begun = time.perf_counter()
            if self._wait_found(product_id, name, FOUND_WITHIN_S):
                times.append(time.perf_counter() - begun)
            else:
                lost += 1
        return Freshness(self._size.changes, latency_of(times or [FOUND_WITHIN_S]), lost)

    def _chain(self, connection: http.client.HTTPConnection, word: str) -> Iterator[Asked]:
        """Askings for the pages behind page 50 of what a common word finds."""
        after = None
        for page in range(1, DEEP_PAGE + DEEP_PAGES):
            asked = search(word, after)
            place = msgspec.json.decode(self._ask(connection, asked))["data"]["search"]["pageInfo"]
            if page >= DEEP_PAGE:
                yield asked
            if not place["hasNextPage"]:
                return
            after = place["endCursor"]

    def _wait_found(self, product_id: str, name: str, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        with one_client.connection(self._address) as connection:
            for number in itertools.count():
                # Pages are cached for seconds, those without a hit, too: each look is another question.
                asked = search(name, first=number % 100 + 1, sort=("RELEVANCE", "NEWEST")[number // 100 % 2])
                seen = msgspec.json.decode(self._post(connection, asked))["data"]["search"]
                edges = [] if seen["degraded"] else seen["edges"]
                if any(edge["node"]["id"] == product_id and edge["node"]["name"] == name for edge in edges):
                    return True
                if time.monotonic() > deadline:
                    return False
                time.sleep(LOOK_EVERY_S)
        return False

    def _ask(self, connection: http.client.HTTPConnection, asked: Asked) -> bytes:
        answer = self._post(connection, asked)
        assert GOOD.encode() in answer, (asked.variables, answer)
        return answer

    def _post(self, connection: http.client.HTTPConnection, asked: Asked) -> bytes:
        headers = {"Authorization": f"Bearer {self._tokens[0]}", "Content-Type": "application/json"}
        connection.request("POST", "/graphql", asked.body, headers)
        return connection.getresponse().read()


def _unique(word: str) -> str:
    """A name of which no other is within two edits."""
    return f"{word} {uuid.uuid4().hex}"


def measure(bench: Bench, size: Size) -> int:
    """Everything, told as it goes. The exit code."""
    print(f"indexed after {bench.wait_indexed():.1f} s", flush=True)
    # Texts of one client first: a crowd never meets them again.
    asked_for = questions(size.shape, 3 * size.samples + 2_000, seed=uuid.uuid4().int)
    first = [Question(each.name, each.operation, each.askings[: size.samples]) for each in asked_for]
    rest = [Question(each.name, each.operation, each.askings[size.samples :]) for each in asked_for]
    deep = bench.deep()
    if not deep.askings:
        print(f"nothing that is found has {DEEP_PAGE} pages: take a larger catalogue", flush=True)
    print("one client ...", flush=True)
    rows = bench.alone([question for question in (*first, deep) if question.askings])
    rest += [bench.deep(), Question(CACHED, SEARCH, first[0].askings[:1])]
    for question in rest:
        if not question.askings:
            continue
        print(f"{question.name} ...", flush=True)
        rows += [bench.together(question, clients) for clients in CROWDS]
    print("indexing ...", flush=True)
    indexing = bench.indexing()
    print("changes ...", flush=True)
    freshness = bench.freshness()
    found = verdicts(rows, freshness)
    print("", report(rows, indexing, freshness, found), sep="\n")
    told = {"rows": rows, "indexing": indexing, "freshness": freshness, "verdicts": found}
    (RESULTS / "search.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))
    return 1 if freshness.lost or any(row.bad for row in rows) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000, help="of the catalogue (default 100,000)")
    parser.add_argument("--creators", type=int, default=1_000, help="whose they are (default 1,000)")
    parser.add_argument("--samples", type=int, default=300, help="of each question by one client (default 300)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each question by a crowd, at most (default 10)")
    parser.add_argument("--fresh", type=int, default=5_000, help="products imported to measure indexing (default 5,000)")
    parser.add_argument("--changes", type=int, default=100, help="to be found (default 100)")
    size = Size(**vars(parser.parse_args()))
    os.environ.update(SETTINGS)
    RESULTS.mkdir(exist_ok=True)
    stack, addresses = Stack.of_profile("test"), Addresses("test")
    stack.up(progress=lambda line: print(line, flush=True))
    try:
        with rpc_client(addresses) as client:
            products, users = client.service("products", Products), client.service("users", Users)
            catalogue = Catalogue(products, users, addresses.require(PRODUCTS_POSTGRES))
            catalogue.load(size)
            return measure(Bench(stack, catalogue, size), size)
    finally:
        stack.down()


if __name__ == "__main__":
    sys.exit(main())
