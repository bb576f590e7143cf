"""What waits for a slow client, and how it looks when it is written."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.live import news
from gateway.live.chores import Chores
from gateway.live.connection import Batch, Connection, Ending, Hello
from gateway.live.drops import Watched, pause_s
from gateway.live.forms import BEAT, GraphQLForm, PlainForm
from gateway.live.limits import Places
from gateway.live.news import Kind, News
from gateway.live.settings import LiveSettings
from gateway.live.writing import Tally, write
from services.contracts.errors import Busy, RateLimited
from services.contracts.notifications import Notice, NoticeKind
from services.contracts.orders import Stock, StockState
from services.contracts.products import DropState
from services.contracts.values import Money
from services.kernel.metrics import Metrics

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVERYTHING = set(Kind)
KEY = "A" * 43


def stock(version: int, available: int = 5, starts_in_s: float = -60, drop_id: str = "d") -> Stock:
    begin = datetime.now(UTC) + timedelta(seconds=starts_in_s)
    window = (begin, begin + timedelta(hours=1))
    return Stock(drop_id, "c", "x", *window, 10, available, 0, 10 - available, Money(1, "EUR"), None, version, StockState.LIVE)


def notice(number: int = 1) -> News:
    return news.of_notice(Notice(str(number), NoticeKind.ORDER_CONFIRMED, NOW, "x"), True)


async def taken(connection: Connection) -> Batch:
    return await asyncio.wait_for(anext(connection), 1)


def greeted(capacity: int) -> Connection:
    connection = Connection(EVERYTHING, capacity)
    connection.greet()
    return connection


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


class TestWaiting:
    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50)), min_size=1, max_size=60))
    def test_of_each_stock_only_the_latest_waits(self, changes: list[tuple[str, int]]) -> None:
        async def work() -> None:
            connection = greeted(8)
            for drop_id, version in changes:
                connection.tell_latest(news.of_stock(stock(version, drop_id=drop_id)))
            batch = await taken(connection)
            assert {one.data["dropId"]: one.data["version"] for one in batch.latest} == dict(changes)
            assert len(batch.latest) == len(dict(changes))

        run(work)

    def test_notifications_wait_in_order_and_too_many_end_it(self) -> None:
        async def work() -> None:
            connection = greeted(3)
            for number in range(1, 5):
                connection.tell(notice(number), f"{number}-0")
            batch = await taken(connection)
            assert [position for _, position in batch.letters] == ["1-0", "2-0", "3-0"]
            assert batch.ending is Ending.SLOW

        run(work)

    def test_who_replays_waits_for_room(self) -> None:
        async def work() -> None:
            connection = greeted(3)
            for number in range(3):
                connection.tell(notice(number), "1-0")
            waiting = asyncio.create_task(connection.room(2))
            await asyncio.sleep(0)
            assert not waiting.done()
            await taken(connection)
            await asyncio.wait_for(waiting, 1)

        run(work)

    def test_nothing_is_told_before_it_is_known_where_it_begins(self) -> None:
        async def work() -> None:
            connection = Connection(EVERYTHING, 3)
            connection.tell_latest(news.of_stock(stock(1)))
            connection.tell(notice(), "1-0")
            connection.beat()
            assert await taken(connection) == Batch(beat=True)
            connection.greet("0-0")
            batch = await taken(connection)
            assert (batch.hello, len(batch.latest), len(batch.letters)) == (Hello("0-0"), 1, 1)

        run(work)

    def test_the_first_reason_to_end_counts(self) -> None:
        async def work() -> None:
            connection = greeted(3)
            connection.finish(Ending.EXPIRED)
            connection.finish(Ending.STOPPING)
            assert (await taken(connection)).ending is Ending.EXPIRED

        run(work)

    def test_what_it_did_not_ask_for_is_not_told(self) -> None:
        async def work() -> None:
            connection = Connection({Kind.STATE}, 3)
            connection.greet()
            connection.tell_latest(news.of_stock(stock(1)))
            connection.beat()
            assert (await taken(connection)).latest == []

        run(work)


class TestDrop:
    def watched(self) -> tuple[Watched, Connection]:
        one, watcher = Watched("d"), greeted(8)
        one.watchers.add(watcher)
        return one, watcher

    def test_an_older_stock_changes_nothing(self) -> None:
        async def work() -> None:
            one, watcher = self.watched()
            one.learn(stock(5), None)
            one.take(stock(4, available=9))
            assert [told.data["version"] for told in (await taken(watcher)).latest if told.kind is Kind.STOCK] == [5]
            one.close()

        run(work)

    def test_a_start_needs_nobody_to_tell_it(self) -> None:
        async def work() -> None:
            one, watcher = self.watched()
            one.learn(stock(5, starts_in_s=0.05), None)
            assert [told.data["state"] for told in (await taken(watcher)).latest if told.kind is Kind.STATE] == ["SCHEDULED"]
            assert [told.data["state"] for told in (await taken(watcher)).latest] == ["LIVE"]
            one.close()

        run(work)

    def test_a_crowd_is_told_in_turns_and_of_the_latest(self) -> None:
        async def work() -> None:
            one, watcher = self.watched()
            one.watchers |= {Connection(EVERYTHING, 8) for _ in range(1_000)}
            one.learn(stock(1), None)
            while not (await taken(watcher)).latest:
                pass  # it is greeted before its turn
            first = one.stock
            assert first is not None
            for version in range(2, 9):
                one.take(msgspec.structs.replace(first, version=version))
            heard = list[int]()
            while heard[-1:] != [8]:
                heard += [told.data["version"] for told in (await taken(watcher)).latest]
            # On a slow machine the turn after the first has come already: then the first of them is told at once.
            assert heard in ([8], [2, 8])
            one.close()

        run(work)

    def test_more_watchers_are_told_less_often(self) -> None:
        assert pause_s(0) == 0
        assert pause_s(100) < pause_s(5_000) < 0.25

    def test_nothing_is_known_of_no_drop(self) -> None:
        async def work() -> None:
            one, _ = self.watched()
            one.learn(None, None)
            assert not one.known.result()

        run(work)


class TestForms:
    def test_an_event_is_encoded_once_for_all(self) -> None:
        told = notice()
        assert told.json is told.json

    def test_a_crowd_is_told_from_the_same_bytes(self) -> None:
        async def work() -> None:
            bodies = []
            told = news.of_stock(stock(2)), news.of_state(stock(2), DropState.LIVE)
            for connection in (greeted(3), greeted(3)):
                await taken(connection)  # its greeting
                for one in told:
                    connection.tell_latest(one)
                latest = connection.take_latest()
                assert latest is not None
                bodies.append(PlainForm().latest(latest))
            assert bodies[0] is bodies[1]
            assert [line for line in bodies[0].decode().split("\n") if line.startswith("event")] == ["event: stock", "event: state"]

        run(work)

    def test_what_waits_besides_is_not_left_behind(self) -> None:
        async def work() -> None:
            connection = greeted(3)
            await taken(connection)
            connection.tell_latest(news.of_stock(stock(2)))
            connection.tell(notice(), "1-0")
            assert connection.take_latest() is None
            batch = await taken(connection)
            assert (len(batch.latest), len(batch.letters)) == (1, 1)

        run(work)

    def test_a_notification_has_its_position(self) -> None:
        text = PlainForm().batch(Batch(letters=[(notice(), "3-7")])).decode()
        name, id, data, *end = text.split("\n")
        assert (name, id, end) == ("event: notification", "id: 3-7", ["", ""])
        assert json.loads(data.removeprefix("data: "))["at"] == "2026-01-02T03:04:05Z"

    def test_a_hello_has_an_id_where_there_is_an_inbox(self) -> None:
        assert "id: 3-7\n" in PlainForm().batch(Batch(Hello("3-7"))).decode()
        assert "id:" not in PlainForm().batch(Batch(Hello())).decode()

    def test_endings(self) -> None:
        assert PlainForm().batch(Batch(ending=Ending.EXPIRED)) == b"event: expired\ndata: {}\n\n"
        assert PlainForm().batch(Batch(ending=Ending.STOPPING)).startswith(b"retry: ")
        assert PlainForm().batch(Batch(beat=True)) == BEAT == PlainForm().batch(Batch())
        form = GraphQLForm(lambda told, position: b"{}")
        assert form.batch(Batch(ending=Ending.EXPIRED)).endswith(b"event: complete\ndata: \n\n")
        assert b"complete" not in form.batch(Batch(ending=Ending.STOPPING))


class TestPlaces:
    def bounds(self) -> LiveSettings:
        counts: dict[str, Any] = {"live_connections": 3, "live_connections_per_person": 1, "live_connections_per_address": 2}
        return LiveSettings(broker_url="amqp://x", redis_url="redis://x", jwt_public_key=KEY, **counts)

    def test_in_all_of_one_person_and_from_one_address(self) -> None:
        places = Places(self.bounds())
        places.enter("ann", "here")
        with pytest.raises(RateLimited):
            places.enter("ann", "there")
        places.enter(None, "here")
        with pytest.raises(RateLimited):
            places.enter(None, "here")
        places.enter(None, "there")
        with pytest.raises(Busy):
            places.enter("bob", "elsewhere")
        places.leave("ann", "here")
        places.enter("ann", "there")


class TestWriting:
    def test_a_client_that_takes_nothing_is_ended(self) -> None:
        async def work() -> None:
            metrics, never = Metrics(), asyncio.Event()
            connection = greeted(3)

            async def receive() -> dict[str, Any]:
                await never.wait()
                return {}

            async def send(message: Any) -> None:
                if connection.is_writing:
                    await never.wait()

            writing = asyncio.create_task(write(connection, PlainForm(), receive, send, Tally(metrics, "1")))
            connection.tell(notice(), "1-0")
            while not connection.is_writing:
                await asyncio.sleep(0)
            connection.finish(Ending.SLOW)
            connection.abort()
            await asyncio.wait_for(writing, 1)
            metrics.stop()

        run(work)


class TestChores:
    def test_what_is_asked_for_twice_is_done_once_and_what_fails_stops_nothing(self) -> None:
        async def work() -> None:
            done: list[list[str]] = []
            all_done = asyncio.Event()

            async def do(keys: list[str]) -> None:
                done.append(keys)
                if keys == ["d"]:
                    all_done.set()

            chores = Chores("test", do, 2, workers=1)
            chores.add("abacb")
            running = asyncio.create_task(chores.run())
            while len(chores):
                await asyncio.sleep(0)
            chores.add("d")
            await asyncio.wait_for(all_done.wait(), 1)
            running.cancel()
            assert done == [["a", "b"], ["c"], ["d"]]

        run(work)
