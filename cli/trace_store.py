"""Spans in a file of SQLite's: the last traces that came, and no more."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

# A trace that is larger is a loop of somebody's; the rest of it is not kept.
MAX_SPANS_A_TRACE = 2_000
_BUSY_TIMEOUT_S = 5.0
_SCHEMA = """
create table if not exists traces (trace_id text primary key, number integer not null, came_ns integer not null) without rowid;
create index if not exists traces_number on traces (number);
create table if not exists spans (
    trace_id text not null, span_id text not null, content text not null, primary key (trace_id, span_id)
) without rowid;
"""


class Happening(msgspec.Struct, frozen=True):
    """Something at one moment within a span."""

    at_ns: int
    name: str
    attributes: dict[str, Any] = {}


class SpanRecord(msgspec.Struct, frozen=True):
    """One span as it came. links: the traces of spans that it has to do with."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    begin_ns: int
    end_ns: int
    failed: bool = False
    attributes: dict[str, Any] = {}
    happenings: list[Happening] = []
    links: list[str] = []


class Arrived(msgspec.Struct, frozen=True):
    """A trace in the order of arrival, and when its last span came."""

    number: int
    trace_id: str
    came_ns: int


class TraceStore:
    """One connection; may be used by many threads where the caller takes turns."""

    def __init__(self, file: Path, keep: int = 1_000) -> None:
        self._keep = keep
        self._connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
        # Somebody reads while another writes.
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_SCHEMA)

    def add(self, spans: Sequence[SpanRecord], now_ns: int) -> None:
        """Keep them, and forget the oldest traces beyond `keep`."""
        with self._connection as connection:
            for span in spans:
                connection.execute(
                    "insert into traces values (?, (select coalesce(max(number), 0) + 1 from traces), ?) "
                    "on conflict (trace_id) do update set came_ns = excluded.came_ns",
                    (span.trace_id, now_ns),
                )
                connection.execute(
                    "insert into spans select ?, ?, ? where (select count(*) from spans where trace_id = ?) < ? on conflict do nothing",
                    (span.trace_id, span.span_id, msgspec.json.encode(span).decode(), span.trace_id, MAX_SPANS_A_TRACE),
                )
            old = "(select trace_id from traces where number <= (select max(number) from traces) - ?)"
            connection.execute(f"delete from spans where trace_id in {old}", (self._keep,))
            connection.execute("delete from traces where number <= (select max(number) from traces) - ?", (self._keep,))

    def spans(self, trace_id: str) -> list[SpanRecord]:
        rows = self._connection.execute("select content from spans where trace_id = ?", (trace_id,))
        return [msgspec.json.decode(row[0], type=SpanRecord) for row in rows]

    def find(self, beginning: str) -> list[str]:
        """The ids, three at the most, that begin so."""
        rows = self._connection.execute(
            "select trace_id from traces where trace_id >= ? and trace_id < ? limit 3", (beginning, f"{beginning}g")
        )
        return [row[0] for row in rows]

    def since(self, number: int) -> list[Arrived]:
        """Those that came after a trace's number, in order."""
        rows = self._connection.execute("select number, trace_id, came_ns from traces where number > ? order by number", (number,))
        return [Arrived(*row) for row in rows]

    def last_number(self) -> int:
        return int(self._connection.execute("select coalesce(max(number), 0) from traces").fetchone()[0])

    def close(self) -> None:
        self._connection.close()
