"""Measure the follow graph from end to end: python -m tests.load.bench_follows (make bench-follows)

One celebrity with a million followers, beside a hundred thousand users who follow each other. Each question goes through the ingress
and GraphQL with everything on (JWT, rate limits, the change-stream reader), and straight to MongoDB in turn with it, so that noise hits
both. Then 50 clients ask, and thousands of people follow one creator, and many creators. The graph stays for the next run. Prints
tables and verdicts, writes tests/load/results/follows.json, and exits with 1 where edges, lists and counts do not agree.
"""

import argparse
import http.client
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from cli.addresses import Addresses
from cli.commands.load_graph import graph_store, run_load
from cli.edge_lists import open_list, person_id
from cli.graphs import Shape, write_graph
from cli.loading import Pace, Terms, first_checkpoint
from cli.services import rpc_client
from gateway.tokens import Tokens
from services.contracts.users import ListPlace, Role, User, Users
from services.kernel import calls, ids
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.users.loading import GraphStore
from stack.api import Stack
from tests.load import one_client
from tests.load.bench_orders import RESULTS, SETTINGS, TOKEN_LIFE_S, graphql_request
from tests.load.follow_questions import FOLLOW, FOLLOWED, PAGE, Question, Straight, body_of, cursor_of, reads, writes
from tests.load.follow_report import Burst, Row, latency_of, print_report, verdicts
from tests.load.generator import Report, Rule, Stampede, run

CLIENTS = 50
DEEP = 10_000
# A few, as users of a young platform have; the most followed of them has thousands, a few hundred have more than a page.
EDGES_PER_USER = 3
MANY_CREATORS = 1_000
MOST_LAG_S = 5.0
# What a burst may take, and the counts after it, before the run is called a failure.
PATIENCE_S = 120.0
# Behind it comes nobody who followed at the same moment.
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Size(msgspec.Struct, frozen=True):
    """samples: of one client, for each question. fans: who follow in a burst. seconds: of 50 clients reading."""

    users: int
    followers: int
    fans: int
    samples: int
    seconds: float

    @property
    def shape(self) -> Shape:
        return Shape(self.users, self.followers, EDGES_PER_USER * self.users, seed=1)

    @property
    def celebrity(self) -> str:
        return person_id(str(self.shape.celebrity_number))


def load_graph(addresses: Addresses, store: GraphStore, size: Size) -> None:
    """Make and load the graph, or what is missing of it, and make its celebrity a creator."""
    path = RESULTS / f"graph-{size.users}-{size.followers}.txt.gz"
    RESULTS.mkdir(exist_ok=True)
    if not path.exists():
        write_graph(path, size.shape)
    with open_list(str(path)) as edges:
        known = store.checkpoint(edges.key or "")
        if known is None or known.finished_at is None:
            first = first_checkpoint(store, edges, restart=False, note=print)
            print(run_load(store, edges, first, Terms(create_people=True), report=print, lag_s=MOST_LAG_S, wait=True).text())
    with rpc_client(addresses) as client, calls.under(calls.begin(PATIENCE_S)):
        users: Users = client.service("users", Users)
        users.set_roles(user_id=size.celebrity, roles=[Role.CREATOR, Role.FAN])


def follower_ids(users: Users, creator_id: str) -> Iterator[str]:
    """All who follow a creator, newest first."""
    end = ListPlace(datetime.fromtimestamp(0, UTC), _LAST)
    place: ListPlace | None = ListPlace(datetime.now(UTC), _LAST)
    while place is not None:
        page = users.list_follower_ids(creator_id=creator_id, after=place, until=end)
        yield from page.user_ids
        place = page.next


class Bench:
    def __init__(self, stack: Stack, store: GraphStore, mongo: Mongo, size: Size) -> None:
        self._store = store
        self._mongo = mongo
        self._size = size
        self._environment = stack.environment("users")
        self._straight = Straight(mongo)
        self._tokens = Tokens(stack.environment("gateway")["LIVEDROPS_JWT_KEY"], "livedrops", TOKEN_LIFE_S)
        self._address = stack.address("ingress").removeprefix("http://")
        # People and creators of this run alone: each of their follows is a new one.
        run_id = uuid.uuid4().hex
        self._fans = [ids.derived_id("bench fan", run_id, number) for number in range(size.fans)]
        self._one, *self._many = [ids.derived_id("bench creator", run_id, number) for number in range(MANY_CREATORS + 1)]

    def prepare(self) -> None:
        """Make the people of this run."""
        for first in range(0, len(self._fans), MANY_CREATORS):
            self._store.add_people(self._fans[first : first + MANY_CREATORS], datetime.now(UTC))
        self._store.add_people([self._one, *self._many], datetime.now(UTC))
        self._catch_up()
        self._fan_tokens = [self._token(fan) for fan in self._fans]
        self._ordinary = self._straight.somebody_ordinary()
        self._followers_before = self._counted([self._size.celebrity])

    def writes(self) -> list[Question]:
        others = self._fans[-self._size.samples :]
        return writes(self._straight, self._size.celebrity, self._fan_tokens, others)

    def reads(self) -> list[Question]:
        celebrity = self._size.celebrity
        readers = {follower: self._token(follower) for follower in self._straight.page(celebrity)}
        page = min(DEEP, self._followers_before // PAGE)
        print(f"the deep page is number {page:,}")
        deep = self._straight.place(celebrity, (page - 1) * PAGE)
        cursor = cursor_of(self._environment["LIVEDROPS_CURSOR_KEY"], celebrity, deep)
        return reads(self._straight, celebrity, self._ordinary, (deep, cursor), readers)

    def alone(self, *questions: Question) -> list[Row]:
        """One client asks all of them in turn, each through GraphQL and straight: what is compared meets the same noise."""
        ours, straight = [list[float]() for _ in questions], [list[float]() for _ in questions]
        with one_client.connection(self._address) as connection:
            for number in range(self._size.samples):
                for index, question in enumerate(questions):
                    ours[index].append(one_client.timed(self._ask, connection, question, number))
                    straight[index].append(one_client.timed(question.straight, number))
        seen = zip(questions, ours, straight, strict=True)
        return [Row(each.name, 1, each.writes, latency_of(times), latency_of(direct)) for each, times, direct in seen]

    def together(self, question: Question) -> Row:
        """50 clients: a write once by each fan, a read for some seconds."""
        report = self._crowd(question.body, question.good, question.tokens, requests=len(question.tokens) if question.writes else None)
        good = report.classes["good"]
        bad = report.attempts - good.count
        return Row(question.name, CLIENTS, question.writes, good.latency_ms, per_second=good.per_second_active, bad=bad)

    def bursts(self) -> list[Burst]:
        return [self._burst("onto one", [self._one]), self._burst("onto many", self._many)]

    def wrong(self, questions: Sequence[Question]) -> Iterator[str]:
        """What does not agree: answers with the store, then edges, lists and counts with each other."""
        self._catch_up()
        yield from (f"{each.name} has other people than the list" for each in questions if not self._is_right(each))
        creators = [self._size.celebrity, self._ordinary, self._one, *self._many]
        edges, lists = self._sizes("follows", creators, active=True), self._sizes("followers", creators)
        counts = {one["_id"]: one["followers"] for one in self._mongo.collection("counts").find({"_id": {"$in": creators}})}
        for each in creators:
            sizes = (edges.get(each, 0), lists.get(each, 0), counts.get(each, 0))
            if len(set(sizes)) > 1:
                yield f"{each}: {sizes[0]} edges, {sizes[1]} in the list, {sizes[2]} counted"
        if edges[self._size.celebrity] != self._followers_before:
            yield f"the celebrity has {edges[self._size.celebrity]} followers after all, and had {self._followers_before}"
        if edges.get(self._one, 0) != len(self._fans) or sum(edges.get(each, 0) for each in self._many) != len(self._fans):
            yield f"not each of {len(self._fans)} people follows who they followed"

    def _burst(self, name: str, creators: Sequence[str]) -> Burst:
        """Every fan follows one of the creators, each in turn; then, until the counts of these show it."""
        wanted = len(self._fans)
        report = self._crowd(body_of(FOLLOW, id="{value}"), FOLLOWED, self._fan_tokens, values=creators, requests=wanted)
        ended = time.monotonic()
        while self._counted(creators) < wanted and time.monotonic() - ended < PATIENCE_S:
            time.sleep(0.01)
        return Burst(name, len(creators), report.classes["good"], time.monotonic() - ended)

    def _crowd(self, body: str, good: str, tokens: Sequence[str], requests: int | None, values: Sequence[str] = ()) -> Report:
        crowd = Stampede(
            port=int(self._address.rpartition(":")[2]),
            request=graphql_request(body, "Authorization: Bearer {token}\r\n"),
            connections=CLIENTS,
            tokens=tuple(tokens),
            rotate_tokens=True,
            values=tuple(values),
            rules=(Rule("good", 200, good),),
            requests=requests,
            duration_s=self._size.seconds if requests is None else PATIENCE_S,
            honour_retry_after=True,
        )
        return run(crowd)

    def _ask(self, connection: http.client.HTTPConnection, question: Question, number: int) -> bytes:
        token = question.tokens[number % len(question.tokens)]
        connection.request("POST", "/graphql", question.body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = connection.getresponse().read()
        assert question.good.encode() in answer, (question.name, answer)
        return answer

    def _is_right(self, question: Question) -> bool:
        """Whether a page, asked through GraphQL, is the one in the store."""
        with one_client.connection(self._address) as connection:
            page = msgspec.json.decode(self._ask(connection, question, 0))["data"].get("followers")
        return page is None or [edge["node"]["id"] for edge in page["edges"]] == question.straight(0)

    def _catch_up(self) -> None:
        Pace(self._store, MOST_LAG_S, tell=lambda: None).wait_caught_up()

    def _counted(self, creators: Sequence[str]) -> int:
        return sum(one["followers"] for one in self._mongo.collection("counts").find({"_id": {"$in": list(creators)}}))

    def _sizes(self, collection: str, creators: Sequence[str], **more: Any) -> dict[str, int]:
        sizes = [{"$match": {"creator_id": {"$in": creators}, **more}}, {"$group": {"_id": "$creator_id", "size": {"$sum": 1}}}]
        return {one["_id"]: one["size"] for one in self._mongo.collection(collection).aggregate(sizes)}

    def _token(self, user_id: str) -> str:
        return self._tokens.issue(User(user_id, "Fan", "", [Role.FAN], datetime.now(UTC)))


def measure(bench: Bench) -> int:
    """Everything, told as it goes. The exit code."""
    bench.prepare()
    asked_for = bench.reads()
    rows = list[Row]()
    for question in bench.writes():
        print(f"{question.name} ...", flush=True)
        rows += [*bench.alone(question), bench.together(question)]
    print("reads ...", flush=True)
    rows += [*bench.alone(*asked_for), *(bench.together(question) for question in asked_for)]
    print("follows ...", flush=True)
    bursts = bench.bursts()
    problems, found = list(bench.wrong(asked_for)), verdicts(rows, bursts)
    print_report(rows, bursts, found, problems)
    told = {"rows": rows, "bursts": bursts, "verdicts": found, "problems": problems}
    (RESULTS / "follows.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000, help="who follow each other (default 100,000)")
    parser.add_argument("--followers", type=int, default=1_000_000, help="of the celebrity (default 1,000,000)")
    parser.add_argument("--fans", type=int, default=20_000, help="who follow in each burst (default 20,000)")
    parser.add_argument("--samples", type=int, default=300, help="of each question by one client (default 300)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each question by 50 clients (default 10)")
    size = Size(**vars(parser.parse_args()))
    if size.fans < 2 * size.samples:
        parser.error("--fans must be at least twice --samples: half of them follow through GraphQL, half straight")
    os.environ.update(SETTINGS)
    stack, addresses = Stack.of_profile("test"), Addresses("test")
    stack.up(progress=lambda line: print(line, flush=True))
    try:
        with graph_store(addresses) as store:
            load_graph(addresses, store, size)
            mongo = Mongo(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"], addresses.users_database(), Metrics(), patient=True)
            code = measure(Bench(stack, store, mongo, size))
            mongo.close()
            return code
    finally:
        stack.down()


if __name__ == "__main__":
    sys.exit(main())
