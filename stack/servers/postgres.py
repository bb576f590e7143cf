"""PostgreSQL, with one database for each context that keeps its truth there."""

import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2.extensions
from psycopg2 import sql

from stack.binaries import major_version
from stack.errors import SetupError, StackError
from stack.instance import LONGEST_SOCKET_PATH
from stack.programs import Program
from stack.servers import Site
from stack.servers.home import Home

# One for each context that owns a store in PostgreSQL.
DATABASES = ("orders", "products", "analytics")
ROLE = "livedrops"
_ADMIN = "postgres"
_PROBE_TIMEOUT_S = 1
# Writes and syncs 40 MB: a second on a good disk.
_INITDB_DEADLINE_S = 120

# The size of one developer's machine.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "fsync": "on",
    "timezone": "UTC",
    # What is kept for a receiver of the log (LIVEDROPS_BACKUP_DIR) that comes no more must not fill the disk.
    "max_slot_wal_keep_size": "2GB",
    "log_destination": "stderr",
    "logging_collector": "off",
}


class Postgres:
    name = "postgres"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._port = site.ports["postgres"]
        self._home = Home(site, "postgres")

    def files(self) -> dict[Path, str]:
        return {}

    def programs(self) -> tuple[Program, ...]:
        settings = {**_SETTINGS, "port": str(self._port), "unix_socket_directories": self._socket_folder()}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (str(self._site.binaries["postgres"]), "-D", str(self._data), *flags)
        environment = {**self._site.base, "LC_ALL": "C.UTF-8"}
        # INT is its fast shutdown: TERM would wait for every client to leave.
        return (Program("postgres", command, environment, self._data, user=self._home.user, stop_signal="INT"),)

    def prepare(self) -> None:
        """Make the cluster where there is none. Raises SetupError where an older major version made it."""
        self._home.make()
        if (self._data / "PG_VERSION").exists():
            self._check_version()
            return
        draft = self._home.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        self._initdb(draft)
        # By renaming at the end, a cluster that is there is always a whole one.
        draft.rename(self._data)

    def is_ready(self) -> bool:
        """Ready is: our role can use our databases. Makes them where they are missing."""
        try:
            connection = psycopg2.connect(
                host="127.0.0.1",
                port=self._port,
                user=_ADMIN,
                dbname=_ADMIN,
                password=self._site.credentials.postgres_admin,
                connect_timeout=_PROBE_TIMEOUT_S,
            )
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            self._make_databases(connection)
        finally:
            connection.close()
        return True

    @property
    def _data(self) -> Path:
        return self._home.folder / "data"

    def _socket_folder(self) -> str:
        """Empty, which means none, where the path would be too long for the kernel."""
        return str(self._home.folder) if len(f"{self._home.folder}/.s.PGSQL.{self._port}.lock".encode()) <= LONGEST_SOCKET_PATH else ""

    def _initdb(self, folder: Path) -> None:
        """The password comes through a file of the user's own: a command line is open to all."""
        user = self._home.user
        with tempfile.NamedTemporaryFile("w", dir=self._home.folder) as password:
            password.write(self._site.credentials.postgres_admin)
            password.flush()
            self._home.give(Path(password.name))
            flags = ["--auth=scram-sha-256", f"--pwfile={password.name}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
            result = subprocess.run(
                [self._site.binaries["initdb"], "-D", folder, "-U", _ADMIN, *flags],
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                cwd=self._home.folder,
                capture_output=True,
                text=True,
                timeout=_INITDB_DEADLINE_S,
            )
        if result.returncode != 0:
            raise StackError(f"initdb failed with code {result.returncode}:\n{result.stderr[-2000:]}")

    def _check_version(self) -> None:
        made_by = int((self._data / "PG_VERSION").read_text())
        present = major_version(self._site.binaries["postgres"])
        if made_by != present:
            raise SetupError(
                f"{self._data} was made by PostgreSQL {made_by}, and the one found is {present}.\n"
                f"Put PostgreSQL {made_by} on PATH, or delete this instance's data with: make clean"
            )

    def _make_databases(self, connection: psycopg2.extensions.connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
            verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
            # REPLICATION: change data capture reads the log. CREATEDB: every test has a database of its own.
            cursor.execute(
                sql.SQL("{} ROLE {} LOGIN REPLICATION CREATEDB PASSWORD %s").format(verb, sql.Identifier(ROLE)),
                (self._site.credentials.postgres,),
            )
            for database in DATABASES:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(ROLE)))
