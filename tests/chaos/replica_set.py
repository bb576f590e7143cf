"""A replica set of three real mongods of a test's own, each started and ended by its pid."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.users.layout import bootstrap
from stack.binaries import find
from stack.ports import is_free, settle_ports
from tests.conftest import eventually

NAME = "chaos"
MEMBERS = 3
PRIMARY, SECONDARY = 1, 2
# Starts and elections of three servers on a busy machine: an election alone begins 10 s after the primary was last heard.
WHOLE_WITHIN_S = 90.0
PROBE_MS = 1_000
# One that stepped down stands for no election before that; it is as long as it waits for others to catch up.
STEPPED_DOWN_S = 10


@dataclass
class Member:
    """One mongod."""

    port: int
    folder: Path
    replica_set: str = NAME
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """As the stack starts its own, with a small cache and a small oplog."""
        self.folder.mkdir(exist_ok=True)
        command = (
            *(str(find("mongod")), "--dbpath", str(self.folder), "--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
            *("--replSet", self.replica_set, "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        )
        with (self.folder.parent / f"{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class ReplicaSet:
    members: Sequence[Member]

    @property
    def url(self) -> str:
        return f"mongodb://{','.join(member.host for member in self.members)}/?replicaSet={NAME}"

    def primary(self) -> Member:
        """The one that leads now, once there is one."""
        return self._of_host(eventually(self._primary_host, WHOLE_WITHIN_S))

    @contextmanager
    def primary_stepped_down(self) -> Iterator[None]:
        """Let the primary hand over, as for maintenance."""
        eventually(self._steps_down, WHOLE_WITHIN_S)
        yield

    @contextmanager
    def primary_killed(self) -> Iterator[None]:
        """Kill the primary, and start it again after the block."""
        killed = self.primary()
        killed.kill()
        try:
            yield
        finally:
            killed.start()

    def wait_until_whole(self) -> None:
        """Until one leads and all others follow."""
        eventually(lambda: sorted(self._states()) == [PRIMARY, *[SECONDARY] * (MEMBERS - 1)], WHOLE_WITHIN_S)

    def initiate(self) -> None:
        members = [{"_id": number, "host": member.host} for number, member in enumerate(self.members)]
        eventually(lambda: all(self._answers(member) for member in self.members), WHOLE_WITHIN_S)
        with self._asked(self.members[0]) as client:
            client.admin.command("replSetInitiate", {"_id": NAME, "members": members})

    def _steps_down(self) -> bool:
        """False where it would not, because nobody can follow it yet: the last one to step down may not, and the other lags behind."""
        with self._asked(self.primary()) as client:
            try:
                client.admin.command("replSetStepDown", STEPPED_DOWN_S)
            except AutoReconnect:
                return True  # it closed the connection, as it does
            except OperationFailure:
                return False
        return True

    def _primary_host(self) -> str | None:
        """As seen by any member that leads itself: what others say of it may be old."""
        for member in self.members:
            with suppress(PyMongoError), self._asked(member) as client:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return member.host
        return None

    def _states(self) -> list[int]:
        """States of all members, as the primary sees them; none while there is no primary."""
        host = self._primary_host()
        with suppress(PyMongoError):
            if host is not None:
                with self._asked(self._of_host(host)) as client:
                    return [member["state"] for member in client.admin.command("replSetGetStatus")["members"]]
        return []

    def _answers(self, member: Member) -> bool:
        with suppress(PyMongoError), self._asked(member) as client:
            return bool(client.admin.command("ping"))
        return False

    def _of_host(self, host: str) -> Member:
        return next(member for member in self.members if member.host == host)

    @contextmanager
    def _asked(self, member: Member) -> "Iterator[MongoClient[dict[str, Any]]]":
        """A client of this member alone. One that is not there costs no more than PROBE_MS."""
        with MongoClient[dict[str, Any]](
            "127.0.0.1", member.port, directConnection=True, serverSelectionTimeoutMS=PROBE_MS, connectTimeoutMS=PROBE_MS
        ) as client:
            yield client


@contextmanager
def replica_set(folder: Path) -> Iterator[ReplicaSet]:
    """Three members for the block, whole and with the layout of users. folder: for their data and logs."""
    ports = settle_ports([str(number) for number in range(MEMBERS)], {}, is_free)
    servers = ReplicaSet([Member(port, folder / str(port)) for port in ports.values()])
    try:
        for member in servers.members:
            member.start()
        servers.initiate()
        servers.wait_until_whole()
        _lay_out(servers.url)
        yield servers
    finally:
        for member in servers.members:
            if member.process is not None:
                member.kill()


def _lay_out(url: str) -> None:
    metrics = Metrics()
    mongo = Mongo(url, "users", metrics, patient=True)
    list(bootstrap(mongo))
    mongo.close()
    metrics.stop()
