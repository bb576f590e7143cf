"""Measure a whole fan-out: python -m tests.load.bench_push (make bench-push)

A celebrity with a million followers, as bench_follows has them; some of them have a webhook, at a receiver on this machine that costs next to
nothing. A drop starts: from then until every chunk is done and everything has arrived, with one worker and with two. Prints a table, writes
tests/load/results/push.json, and exits with 1 where not each of them was told exactly once.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from cli.addresses import Addresses
from cli.commands.load_graph import graph_store
from cli.line_files import OnceASecond
from cli.services import rpc_client
from cli.tables import table
from services.contracts.errors import NotFound, Unavailable
from services.contracts.events import Event
from services.contracts.notifications import Endpoint, EndpointKind, FanOut, FanOutState, NoticeKind, Notifications
from services.contracts.users import Users
from services.kernel.cache import batched
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.publisher import EventPublisher
from services.notifications.push import webhooks
from services.notifications.push.rules import Target
from services.notifications.store import Store
from stack.api import Stack
from tests.chaos.disturbances import second_process
from tests.integration.test_notifications import started
from tests.load.bench_follows import EDGES_PER_USER, Size, follower_ids, load_graph
from tests.load.bench_orders import RESULTS, SETTINGS
from tests.load.generator import compiled

SOURCE = Path(__file__).with_name("receiver.c")
UNIT = "notifications-push"
# Nothing has moved for so long: the run is a failure.
SILENT_S = 300.0
LOOK_EVERY_S = 0.25
AT_ONCE = 10_000


class Run(msgspec.Struct, frozen=True):
    """One fan-out. told: that arrived at the receiver. planned_s, seconds: from the event on."""

    workers: int
    people: int
    endpoints: int
    told: int
    planned_s: float
    seconds: float

    @property
    def problem(self) -> str | None:
        return None if self.told == self.endpoints else f"{self.told:,} deliveries to {self.endpoints:,} endpoints"


@contextmanager
def receiving() -> Iterator[str]:
    """The receiver for the block: its address."""
    with subprocess.Popen([compiled(SOURCE), "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def received(address: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=5)
    connection.request("GET", "/")
    count = int(connection.getresponse().read())
    connection.close()
    return count


class Bench:
    def __init__(self, stack: Stack, users: Users, notifications: Notifications, creator_id: str) -> None:
        self._stack = stack
        self._users = users
        self._notifications = notifications
        self._creator_id = creator_id
        environment = stack.environment("notifications")
        self._mongo = Mongo(environment["LIVEDROPS_NOTIFICATIONS_MONGO_URL"], "notifications", Metrics(), patient=True)
        self._publisher = EventPublisher(stack.environment("products-clock")["LIVEDROPS_BROKER_URL"], "bench")
        self._publisher.start()

    def give_endpoints(self, address: str, share: float) -> int:
        """So many of the followers get a webhook, evenly over the list; all others lose theirs. How many have one."""
        self._forget_endpoints()
        endpoints = Store.of(self._mongo, dict.fromkeys(NoticeKind, timedelta(days=1))).endpoints
        given, due, now = 0, 0.0, datetime.now(UTC)
        for some in batched(follower_ids(self._users, self._creator_id), AT_ONCE):
            chosen = list[str]()
            for follower in some:
                due += share
                if due >= 1:
                    due -= 1
                    chosen.append(follower)
            if chosen:
                endpoints.load({follower: _hook(f"http://{address}/{follower}", now) for follower in chosen})
            given += len(chosen)
        print(f"{given:,} endpoints", flush=True)
        return given

    def run(self, workers: int, endpoints: int, address: str) -> Run:
        """A drop starts, and all are told."""
        print(f"{workers} worker{'s' if workers > 1 else ''} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            beside = second_process(self._stack, UNIT, Path(folder)) if workers > 1 else nullcontext()
            with beside:
                time.sleep(5.0 if workers > 1 else 0.0)  # until the second one consumes; it has no address to be asked at
                before, event, begin = received(address), started(self._creator_id, str(uuid.uuid4())), time.monotonic()
                self._publisher.publish([event])
                planned_s, over = self._watch(event, begin)
                seconds = time.monotonic() - begin
        return Run(workers, over.people, endpoints, received(address) - before, planned_s, seconds)

    def _watch(self, event: Event, begin: float) -> tuple[float, FanOut]:
        """Until it is done. Raises TimeoutError where nothing moves."""
        planned_s, moved_at, looked_at, clock = 0.0, time.monotonic(), -1, OnceASecond()
        while True:
            found = self._look(event.id)
            if found is not None:
                if found.state is not FanOutState.PLANNING and not planned_s:
                    planned_s = time.monotonic() - begin
                if found.looked_at != looked_at:
                    moved_at, looked_at = time.monotonic(), found.looked_at
                    if clock.is_due():
                        print(f"  {found.looked_at:,} of {found.people:,} looked at, {found.delivered:,} told", flush=True)
                if found.state is FanOutState.DONE and not found.retried:
                    return planned_s, found
            if time.monotonic() - moved_at > SILENT_S:
                raise TimeoutError(f"nothing has moved for {SILENT_S} s: {found}")
            time.sleep(LOOK_EVERY_S)

    def _look(self, fan_out_id: str) -> FanOut | None:
        try:
            return self._notifications.get_fan_out(fan_out_id=fan_out_id)
        except (NotFound, Unavailable):
            return None

    def _forget_endpoints(self) -> None:
        """Some at a time: a million take longer than a line to MongoDB waits."""
        endpoints = self._mongo.collection("endpoints")
        while some := [one["_id"] for one in endpoints.find({}, {"_id": 1}).limit(AT_ONCE)]:
            endpoints.delete_many({"_id": {"$in": some}})

    def close(self) -> None:
        """Leave nobody behind who would be pushed to by the next bench."""
        self._forget_endpoints()
        self._publisher.stop()
        self._mongo.close()


def _hook(url: str, at: datetime) -> Target:
    return Target(Endpoint(str(uuid.uuid4()), EndpointKind.WEBHOOK, url, True, at), webhooks.new_secret())


def tell(runs: Sequence[Run]) -> int:
    """The table, the file and the exit code."""
    header = ("WORKERS", "FOLLOWERS", "ENDPOINTS", "PLANNED S", "ALL S", "LOOKED AT A SECOND", "DELIVERIES A SECOND")
    rows = [
        (
            run.workers,
            f"{run.people:,}",
            f"{run.endpoints:,}",
            f"{run.planned_s:.1f}",
            f"{run.seconds:.1f}",
            f"{run.people / run.seconds:,.0f}",
            f"{run.told / run.seconds:,.0f}",
        )
        for run in runs
    ]
    print("\n".join(table(header, rows)))
    problems = [run.problem for run in runs if run.problem]
    print("\n".join(f"WRONG: {problem}" for problem in problems) or "each endpoint was told exactly once")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "push.json").write_bytes(msgspec.json.format(msgspec.json.encode({"runs": runs, "problems": problems}), indent=1))
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--followers", type=int, default=1_000_000, help="of the celebrity (default 1,000,000)")
    parser.add_argument("--users", type=int, default=100_000, help="who follow each other beside them (default 100,000)")
    parser.add_argument("--share", type=float, default=1.0, help="of the followers who have a webhook (default 1.0)")
    asked = parser.parse_args()
    size = Size(asked.users, asked.followers, 2 * EDGES_PER_USER, 1, 1.0)
    os.environ.update(SETTINGS | {"LIVEDROPS_PUSH_ANYWHERE": "true"})
    stack, addresses = Stack.of_profile("test"), Addresses("test")
    stack.up(progress=lambda line: print(line, flush=True))
    try:
        with graph_store(addresses) as store:
            load_graph(addresses, store, size)
        with rpc_client(addresses) as client, receiving() as address:
            bench = Bench(stack, client.service("users", Users), client.service("notifications", Notifications), size.celebrity)
            try:
                endpoints = bench.give_endpoints(address, asked.share)
                return tell([bench.run(workers, endpoints, address) for workers in (1, 2)])
            finally:
                bench.close()
    finally:
        stack.down()


if __name__ == "__main__":
    sys.exit(main())
