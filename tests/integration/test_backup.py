"""A backup that is made in the middle of a sale, brought back into empty stores, holds every order that was given before it."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner
from pymongo import MongoClient

from cli.backups.folder import BackupFolder
from cli.main import livedrops
from services.contracts.orders import Stock
from services.contracts.users import User, Users
from stack.api import Stack
from stack.instance import Instance
from stack.ports import is_free, settle_ports
from stack.units import UNITS
from tests.conftest import Person, ask, eventually
from tests.postgres_server import PostgresServer, reachable

pytestmark = pytest.mark.timeout(240)
BUYERS = 4
_BOOKS = """
select count(*) from stock s where total <> available + held + sold
or sold <> (select coalesce(sum(quantity), 0) from orders o where o.drop_id = s.drop_id and status = 'CONFIRMED')
"""
_KEYS = "select user_id::text, key from orders where drop_id = %s"


class Sale:
    """People who buy one unit each time, until the block ends; and what they were given by when."""

    def __init__(self) -> None:
        self.given: list[tuple[datetime, str, str]] = []
        self.closed = threading.Event()

    def by(self, moment: datetime) -> set[tuple[str, str]]:
        return {(user_id, key) for at, user_id, key in list(self.given) if at <= moment}

    def shop(self, buyer: Person, drop_id: str) -> None:
        while not self.closed.is_set():
            key = str(uuid.uuid4())
            answer = buyer.buy(drop_id, key=key)
            if answer.ok and answer.json().get("data", {}).get("placeOrder", {}).get("order"):
                self.given.append((datetime.now(UTC), buyer.id, key))

    def wait_for(self, more: int) -> None:
        enough = len(self.given) + more
        eventually(lambda: len(self.given) >= enough, 30)


@contextmanager
def selling(person: Callable[..., Person], drop_id: str) -> Iterator[Sale]:
    sale = Sale()
    threads = [threading.Thread(target=sale.shop, args=(person(), drop_id)) for _ in range(BUYERS)]
    for thread in threads:
        thread.start()
    try:
        yield sale
    finally:
        sale.closed.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def run(stack: Stack) -> Callable[..., str]:
    """The command, with the addresses of the running stack; more of them by keyword."""

    def command(*arguments: str, fails: bool = False, **environment: str) -> str:
        done = CliRunner().invoke(livedrops, ["backup", *arguments], env={**stack.environment("operations"), **environment})
        assert (done.exit_code != 0) == fails, done.output + str(done.exception)
        return done.output

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Which PostgreSQL's user reaches, to read the log."""
    return reachable(tmp_path / "backups")


@pytest.fixture
def following(stack: Stack, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`livedrops backup follow`, from before the backup on."""
    command = [sys.executable, "-m", "cli.main", "backup", "follow", str(folder)]
    process = subprocess.Popen(command, env={**os.environ, **stack.environment("operations")})
    eventually(lambda: list(folder.glob("wal/*/*.partial")), 30)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    # Its slot would keep the stack's log for ever.
    with psycopg2.connect(stack.environment("orders")["LIVEDROPS_ORDERS_POSTGRES_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active and slot_name like 'livedrops_backup%'"
        )
    connection.close()


@contextmanager
def started_on(data: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL on what was brought back; believed are all, because the passwords are those of the stack."""
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    server = PostgresServer(data, settle_ports(["restored"], {}, is_free)["restored"])
    try:
        server.start()
        server.wait_ready()
        yield server
    finally:
        server.kill()


def keys(server: PostgresServer, drop_id: str) -> set[tuple[str, str]]:
    connection = psycopg2.connect(server.url("orders"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_KEYS, (drop_id,))
            return set(cursor.fetchall())
    finally:
        connection.close()


def test_a_backup_in_a_sale_brings_back_every_order(
    following: "subprocess.Popen[bytes]",
    folder: Path,
    tmp_path: Path,
    run: Callable[..., str],
    person: Callable[..., Person],
    open_drop: Callable[..., Stock],
) -> None:
    drop_id = open_drop(total=100_000).drop_id
    with selling(person, drop_id) as sale:
        sale.wait_for(20)
        print(run("create", str(folder)))
        sale.wait_for(20)
        halfway = datetime.now(UTC)
        sale.wait_for(20)
    end = datetime.now(UTC)
    following.send_signal(signal.SIGTERM)
    assert following.wait(20) == 0
    assert "The log of orders goes to" in run("list", str(folder))

    until_the_end = reachable(tmp_path / "restored") / "latest"
    print(run("restore", str(folder), "--postgres", str(until_the_end)))
    with started_on(until_the_end) as server:
        # All that anybody was given: each commit was in the log before the sale was over.
        assert keys(server, drop_id) >= sale.by(end)
        assert server.ask(_BOOKS, "orders") == [(0,)]
        assert server.ask("select pg_is_in_recovery()") == [(False,)]

    until_halfway = tmp_path / "restored" / "halfway"
    run("restore", str(folder), "--postgres", str(until_halfway), "--until", halfway.strftime("%Y-%m-%dT%H:%M:%S.%f"))
    with started_on(until_halfway) as server:
        back = keys(server, drop_id)
        assert sale.by(halfway) <= back < sale.by(end)
        assert server.ask(_BOOKS, "orders") == [(0,)]


def test_mongodb_is_brought_back_as_of_one_moment(
    stack: Stack, folder: Path, run: Callable[..., str], users: Users, sign_up: Callable[..., User]
) -> None:
    """While people sign up: an account and its address, which are written together, are both in it or neither is."""
    somebody, creator = sign_up(), sign_up()
    users.follow(user_id=somebody.id, creator_id=creator.id)
    closed, own = threading.Event(), [somebody.id, creator.id]

    def sign_up_on() -> None:
        while not closed.is_set():
            own.append(sign_up().id)

    busy = threading.Thread(target=sign_up_on)
    busy.start()
    try:
        print(run("create", str(folder)))
    finally:
        closed.set()
        busy.join()
    elsewhere = {f"LIVEDROPS_{name}_MONGO_DATABASE": f"{name.lower()}_restored" for name in ("USERS", "NOTIFICATIONS", "MEDIA")}
    with MongoClient[dict[str, Any]](stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"]) as client:
        for name in elsewhere.values():
            client.drop_database(name)
        try:
            print(run("restore", str(folder), "--mongo", **elsewhere))
            back, now = client["users_restored"], client["users"]
            assert back["users"].find_one({"_id": somebody.id}) == now["users"].find_one({"_id": somebody.id})
            assert back["follows"].find_one({"_id": f"{somebody.id}:{creator.id}"})
            # Of those who signed up here: other tests load people who have no address.
            accounts = {one["_id"] for one in back["users"].find({"_id": {"$in": own}})}
            assert accounts == {one["user_id"] for one in back["emails"].find({"user_id": {"$in": own}})}
            assert {somebody.id, creator.id} <= accounts
            for collection in back.list_collection_names():
                assert back[collection].index_information() == now[collection].index_information()
            assert "NOT_EMPTY" in run("restore", str(folder), "--mongo", fails=True, **elsewhere)
        finally:
            for name in elsewhere.values():
                client.drop_database(name)


def test_the_local_stack_receives_the_log(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """LIVEDROPS_BACKUP_DIR is all it takes. No unit is started, nor the server that takes longest."""
    received = tmp_path / "backups"
    environ = {**os.environ, "LIVEDROPS_BACKUP_DIR": str(received), "LIVEDROPS_SEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:9"}
    here = Stack(Instance("test", tmp_path_factory.mktemp("stack")), UNITS, environ)
    try:
        here.up(servers_only=True)
        assert {row.process.name: row.process.state for row in here.status()}["backup"] in ("RUNNING", "STARTING")
        assert list(received.glob("wal/orders/*.partial"))
        here.kill("postgres")
        here.wait_ready("postgres")
        url = here.environment("operations")["LIVEDROPS_ORDERS_POSTGRES_URL"]
        eventually(lambda: ask(url, "select 1 from pg_replication_slots where active"), 60)
    finally:
        here.down()
        here.instance.forget()


def test_nothing_is_written_over(folder: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    assert "NOT_FOUND" in run("restore", str(folder), "--postgres", str(tmp_path / "data"), fails=True)
    run("create", str(folder))
    (made,) = BackupFolder(folder).backups()
    full = tmp_path / "full"
    full.mkdir()
    (full / "somebody's").touch()
    assert "NOT_EMPTY" in run("restore", str(folder), "--postgres", str(full), fails=True)
    assert "TOO_EARLY" in run("restore", str(folder), "--postgres", str(tmp_path / "data"), "--until", "2020-01-01T00:00:00", fails=True)
    with (BackupFolder(folder).of(made.id) / "postgres" / "orders" / "base.tar.gz").open("r+b") as base:
        base.seek(1000)
        base.write(bytes(itertools.repeat(0, 64)))
    assert "DAMAGED" in run("restore", str(folder), "--postgres", str(tmp_path / "data"), fails=True)
    assert not (tmp_path / "data").exists()
