"""Migrations of a PostgreSQL database: numbered SQL files, each applied once, in order, in a transaction of its own.

`distribute` spreads a table by a column: over local hash partitions, or, where the citus extension is, over a cluster.
In a migration file it is a line `-- distribute: TABLE by COLUMN` right behind the table's `create table ... ;`, which
must be written as for one plain table whose primary key holds the column.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from services.kernel import inbox, leases
from services.kernel.postgres import Postgres, Session

# Enough for the largest drop to be a small part, few enough for a query over all of them to stay cheap.
PARTITIONS = 8
_LOCK = 7_201_534_118  # any number, the same in every process: one migration at a time
_NAME = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
_DISTRIBUTE = re.compile(r"^-- distribute: (\w+) by (\w+)$", re.MULTILINE)
_CREATE = r"create table {table} \((.*?)\n\);"


def migrate(store: Postgres, folder: Path) -> Iterator[str]:
    """Apply what is missing; yields the name of each migration applied. Safe beside another one and beside traffic."""
    with store.session() as session:
        # Waits for another migration, however long it takes: it is somebody's deployment.
        session.run("set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock(%s)", (_LOCK,))
        try:
            session.run(
                "create table if not exists migrations (name text primary key, applied_at timestamptz not null default clock_timestamp())"
            )
            session.run(leases.SCHEMA)
            session.run(inbox.SCHEMA)
            applied = {row[0] for row in session.rows("select name from migrations")}
            for file in sorted(path for path in folder.iterdir() if _NAME.match(path.name)):
                if file.name not in applied:
                    _apply(session, file)
                    yield file.name
        finally:
            session.run("select pg_advisory_unlock(%s); reset statement_timeout; reset lock_timeout", (_LOCK,))


def _apply(session: Session, file: Path) -> None:
    text = file.read_text()
    clustered = has_citus(session)
    for table, column in _DISTRIBUTE.findall(text):
        text = distribute(text, table, column, clustered)
    # % would be read as a parameter's place; there are none.
    try:
        session.run("begin;\n" + text.replace("%", "%%") + "\n;insert into migrations (name) values (%s); commit", (file.name,))
    except Exception:
        session.run("rollback")
        raise


def has_citus(session: Session) -> bool:
    """Whether this database is part of a Citus cluster."""
    return bool(session.rows("select 1 from pg_extension where extname = 'citus'"))


def distribute(text: str, table: str, by: str, clustered: bool) -> str:
    """The migration's text with `table` spread by the hash of column `by`: distributed, or in local partitions. ValueError without it."""
    create = re.search(_CREATE.format(table=table), text, re.DOTALL)
    if create is None:
        raise ValueError(f"no plain `create table {table} (...);` to distribute")
    columns = create.group(1)
    if clustered:
        spread = f"create table {table} ({columns}\n);\nselect create_distributed_table('{table}', '{by}');"
    else:
        parts = "".join(
            f"\ncreate table {table}_{number} partition of {table} for values with (modulus {PARTITIONS}, remainder {number});"
            for number in range(PARTITIONS)
        )
        spread = f"create table {table} ({columns}\n) partition by hash ({by});{parts}"
    return text[: create.start()] + spread + text[create.end() :]
