"""What causes of alerts are made with: people, crowds, stopped programs, and locks that are held."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
import redis

from services.contracts.notifications import Notifications
from services.contracts.orders import Stock
from services.kernel.rpc_client import RpcClient
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.watching import Watched

# Of requests, where a share of them is what is alarming.
AT_ONCE = 8
# Of each second.
LOCKED_FOR_S, FREE_FOR_S = 0.7, 0.05
BACK_WITHIN_S = 60.0
# What is unusual needs a past to differ from: a sixth of six hours, which are eleven minutes here, and what is too fresh to count.
A_PAST_WITHIN_S = 200.0


@dataclass
class Scene:
    """drop: one of many units. folder: for what a cause keeps on the disk."""

    stack: Stack
    watched: Watched
    operations: RpcClient
    sql: Callable[..., list[tuple[Any, ...]]]
    person: Callable[..., Person]
    open_drop: Callable[..., Stock]
    drop: Stock
    address: str
    folder: Path

    @cached_property
    def notifications(self) -> Notifications:
        return self.operations.service("notifications", Notifications)

    def setting(self, unit: str, name: str) -> str:
        return self.stack.environment(unit)[f"LIVEDROPS_{name}"]

    @contextmanager
    def redis_with(self, **settings: str) -> Iterator[None]:
        """Redis has other settings for the block."""
        with redis.Redis.from_url(self.setting("orders", "REDIS_URL")) as client:
            before = {name: client.config_get(name)[name] for name in settings}
            try:
                for name, value in settings.items():
                    client.config_set(name, value)
                yield
            finally:
                for name, value in before.items():
                    client.config_set(name, value)

    def wait_for_a_past(self) -> None:
        eventually(lambda: self.watched.value("livedrops:requests:deviations") is not None, A_PAST_WITHIN_S, every_s=0.5)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """All of them, for the block."""
        for name in names:
            self.stack.stop(name)
        try:
            yield
        finally:
            for name in names:
                self.stack.start(name)
            eventually(lambda: all(self.stack.is_ready(name) for name in names), BACK_WITHIN_S)

    @contextmanager
    def again_and_again(self, act: Callable[[], Any], pause_s: float = 0.02) -> Iterator[None]:
        """Somebody does something for the block; what they are answered is no matter."""
        with _thread(lambda over: _until(over, act, pause_s)):
            yield

    @contextmanager
    def crowd(self, act: Callable[[Person], Any]) -> Iterator[None]:
        """People who do something again and again."""

        def work(over: threading.Event) -> None:
            somebody = self.person()
            _until(over, lambda: act(somebody), 0.02)

        with _thread(*[work] * AT_ONCE):
            yield

    @contextmanager
    def locked(self, unit: str, url: str, statement: str, *parameters: Any) -> Iterator[None]:
        """Somebody holds a lock of this unit's PostgreSQL for most of each second. url: the setting with its address."""

        def work(over: threading.Event) -> None:
            connection = psycopg2.connect(self.setting(unit, url))
            while not over.is_set():
                with connection, connection.cursor() as cursor:
                    cursor.execute(statement, parameters)
                    over.wait(LOCKED_FOR_S)
                over.wait(FREE_FOR_S)
            connection.close()

        with _thread(work):
            yield

    def row_locked(self) -> AbstractContextManager[None]:
        """Of the drop, in the books."""
        return self.locked("orders", "ORDERS_POSTGRES_URL", "select 1 from stock where drop_id = %s for update", self.drop.drop_id)


def _until(over: threading.Event, act: Callable[[], Any], pause_s: float) -> None:
    while not over.is_set():
        try:
            act()
        except OSError:
            over.wait(0.1)
        over.wait(pause_s)


@contextmanager
def _thread(*works: Callable[[threading.Event], None]) -> Iterator[None]:
    """A thread for each, for the block. They are told when it is over."""
    over = threading.Event()
    threads = [threading.Thread(target=work, args=(over,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
