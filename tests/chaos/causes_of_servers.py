"""Causes of alerts: stores, the broker, and the disk under them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from stack.ports import is_free, settle_ports
from stack.programs import plan_file
from stack.servers.mongo import REPLICA_SET
from tests.chaos.replica_set import SECONDARY, WHOLE_WITHIN_S, Member
from tests.chaos.scene import Scene
from tests.conftest import eventually

# The command starts an Erlang of its own.
COMMAND_WITHIN_S = 90
# What the stack sets (stack/servers/rabbitmq.py), and what no broker has.
MEMORY, DISK = ("set_vm_memory_high_watermark", "absolute", "512MB"), ("set_disk_free_limit", "50MB")
NO_MEMORY, NO_DISK = ("set_vm_memory_high_watermark", "absolute", "1MB"), ("set_disk_free_limit", "100000GB")
# Longer than any alert takes: it is ended before.
WITHOUT_PRIMARY_S = 300
# A disk small enough to be filled at once, and how much of it stays free.
DISK_MB, FREE_MB = 32, 1
# Of the hundred that PostgreSQL has.
TAKEN = 85


@contextmanager
def broker_short_of_memory_and_disk(scene: Scene) -> Iterator[None]:
    """By its own account: its limits are set to what it can't keep."""
    try:
        for command in (NO_MEMORY, NO_DISK):
            _rabbitmqctl(scene, *command)
        yield
    finally:
        for command in (MEMORY, DISK):
            _rabbitmqctl(scene, *command)


def _rabbitmqctl(scene: Scene, *command: str) -> None:
    plan = msgspec.json.decode(plan_file(scene.stack.instance, "rabbitmq").read_bytes())
    binary = Path(plan["command"][0]).with_name("rabbitmqctl")
    node = plan["environment"]["RABBITMQ_NODENAME"]
    done = subprocess.run([binary, "-q", "-n", node, *command], env=plan["environment"], capture_output=True, timeout=COMMAND_WITHIN_S)
    assert done.returncode == 0, done.stderr


@contextmanager
def mongo_without_primary(scene: Scene) -> Iterator[None]:
    """Its only member steps down, and stands for election again at the end."""
    with _mongo(scene) as client:
        with suppress(AutoReconnect):  # it may close the connection, as it does
            client.admin.command("replSetStepDown", WITHOUT_PRIMARY_S, force=True)
        try:
            yield
        finally:
            client.admin.command("replSetFreeze", 0)
            eventually(lambda: client.admin.command("hello")["isWritablePrimary"], timeout_s=30)


@contextmanager
def secondary_that_stands_still(scene: Scene) -> Iterator[None]:
    """A member more, of no weight, which is locked as for a backup of its files."""
    (port,) = settle_ports(["secondary"], {}, is_free).values()
    member = Member(port, scene.folder / "secondary", REPLICA_SET)
    with _mongo(scene) as client, ExitStack() as block:
        member.start()
        block.callback(member.kill)
        _reconfigure(client, lambda members: [*members, {"_id": 9, "host": member.host, "priority": 0, "votes": 0, "hidden": True}])
        block.callback(_reconfigure, client, lambda members: members[:1])
        eventually(lambda: _state(client, member.host) == SECONDARY, WHOLE_WITHIN_S)
        own = block.enter_context(MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True))
        own.admin.command("fsync", lock=True)
        block.callback(own.admin.command, "fsyncUnlock")
        yield


def _reconfigure(client: "MongoClient[dict[str, Any]]", change: Any) -> None:
    config = client.admin.command("replSetGetConfig")["config"]
    client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1, "members": change(config["members"])})


def _state(client: "MongoClient[dict[str, Any]]", host: str) -> int:
    members = client.admin.command("replSetGetStatus")["members"]
    return next(int(one["state"]) for one in members if one["name"] == host)


@contextmanager
def _mongo(scene: Scene) -> "Iterator[MongoClient[dict[str, Any]]]":
    """Its one member, whatever it is."""
    with MongoClient[dict[str, Any]](scene.setting("users", "USERS_MONGO_URL").partition("?")[0], directConnection=True) as client:
        yield client


@contextmanager
def connections_that_others_took(scene: Scene) -> Iterator[None]:
    url, count = scene.setting("orders", "ORDERS_POSTGRES_URL"), "select count(*) from pg_stat_activity where datname is not null"
    with ExitStack() as block:
        while scene.sql(count)[0][0] < TAKEN:
            block.callback(psycopg2.connect(url).close)
        yield


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """A small one of its own: a file system in a file."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("only root may mount a file system")
    image, place = scene.folder / "disk.img", scene.folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_MB * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True, timeout=30)
    subprocess.run(["mount", "-o", "loop", image, place], check=True, timeout=30)
    try:
        free = shutil.disk_usage(place).free
        (place / "garbage").write_bytes(bytes(free - FREE_MB * 2**20))
        yield
    finally:
        subprocess.run(["umount", place], check=True, timeout=30)
