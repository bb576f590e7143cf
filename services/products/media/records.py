"""What is known of files, in PostgreSQL. Each method is one transaction over one file's rows.

Whoever goes on with an upload takes the next epoch; every later write names it, and does nothing where another has taken over since. Time is the
database's alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from services.contracts.errors import RateLimited
from services.contracts.media import MediaState, NewUpload
from services.kernel.postgres import Postgres, Row
from services.products.media.rules import Picture, Reason, Record

_COLUMNS = (
    "id::text, creator_id::text, filename, declared_type, declared_sha256, size, stored, state, reason, epoch, writing, part_size, upload_id, "
    "content_type, sha256, width, height, thumbnails::text, expires_at, created_at"
)
_INSERT = """
insert into media (id, creator_id, filename, declared_type, declared_sha256, size, created_as, expires_at)
values (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() + %s * interval '1 second') on conflict do nothing returning 1
"""
# Uploads of one creator that are not finished: a product's pictures many times over.
MOST_UNFINISHED = 200
# A rejected file is remembered for so long, so that its owner can learn why.
_REMEMBER = "interval '1 day'"
_TAKE = """
update media set epoch = epoch + 1, writing = true where id = %s and epoch = %s and stored = %s and stored < size
    and state = 'UPLOADING' and expires_at > clock_timestamp() returning epoch
"""
_ADVANCE = """
with moved as (
    update media set stored = %(stored)s, expires_at = clock_timestamp() + %(life)s * interval '1 second'
    where id = %(id)s and epoch = %(epoch)s and state = 'UPLOADING' returning id
)
insert into media_parts (media_id, number, tag)
select moved.id, part.number, part.tag from moved, unnest(%(numbers)s::integer[], %(tags)s::text[]) as part (number, tag)
on conflict (media_id, number) do update set tag = excluded.tag
"""
_CLAIM = """
update media set epoch = epoch + 1, writing = false, settling_until = clock_timestamp() + %s * interval '1 second'
where id = %s and state = 'UPLOADING' and stored = size and (settling_until is null or settling_until < clock_timestamp()) returning epoch
"""
_READY = """
update media set state = 'READY', settling_until = null, content_type = %(type)s, sha256 = %(sha256)s, width = %(width)s, height = %(height)s,
    thumbnails = %(thumbnails)s
where id = %(id)s and epoch = %(epoch)s and state = 'UPLOADING';
delete from media_parts where media_id = %(id)s
"""
_REJECT = f"""
update media set state = 'REJECTED', reason = %s, epoch = epoch + 1, writing = false, settling_until = null,
    expires_at = clock_timestamp() + {_REMEMBER} where id = %s and state = 'UPLOADING' and epoch = %s returning 1
"""
# What somebody is at work on is left to them: an upload's life is renewed with each part, a settlement's with each step.
_DUE = """
select id::text, case
    when state = 'REJECTED' then (case when purged then 'forget' else 'purge' end)
    when stored = size then 'settle' else 'expire' end
from media where state <> 'READY' and (
    (state = 'REJECTED' and (not purged or expires_at < clock_timestamp()))
    or (state = 'UPLOADING' and stored = size and (settling_until is null or settling_until < clock_timestamp()))
    or (state = 'UPLOADING' and stored < size and expires_at < clock_timestamp())
) order by expires_at limit %s
"""


class Due(NamedTuple):
    """A file that something is to be done about: settle, expire, purge or forget."""

    id: str
    what: str


class Records:
    """life_s: of an upload that nothing is added to."""

    def __init__(self, postgres: Postgres, life_s: float) -> None:
        self._postgres = postgres
        self._life_s = life_s

    def add(self, media_id: str, creator_id: str, upload: NewUpload) -> bool:
        """False where there is one under the id. Raises RateLimited for somebody who begins and does not finish."""
        if self._is_there(media_id):
            return False
        unfinished = "select count(*) from (select 1 from media where creator_id = %s and state = 'UPLOADING' limit %s) as unfinished"
        if self._rows(unfinished, (creator_id, MOST_UNFINISHED))[0][0] >= MOST_UNFINISHED:
            raise RateLimited("Finish or end some of your uploads first.", retry_after_s=60)
        values = (media_id, creator_id, upload.filename, upload.content_type, upload.sha256, upload.size, _text(upload), self._life_s)
        return bool(self._rows(_INSERT, values))

    def _is_there(self, media_id: str) -> bool:
        return bool(self._rows("select 1 from media where id = %s", (media_id,)))

    def was_created_as(self, media_id: str, creator_id: str, upload: NewUpload) -> bool:
        statement = "select 1 from media where id = %s and creator_id = %s and created_as = %s::jsonb"
        return bool(self._rows(statement, (media_id, creator_id, _text(upload))))

    def find(self, media_id: str) -> tuple[Record, datetime] | None:
        """A file and the database's time."""
        rows = self._rows(f"select {_COLUMNS}, clock_timestamp() from media where id = %s", (media_id,))
        return (_record(rows[0]), rows[0][-1]) if rows else None

    def ready(self, media_ids: Sequence[str]) -> dict[str, Record]:
        """Those of them that are ready."""
        rows = self._rows(f"select {_COLUMNS} from media where id = any(%s::uuid[]) and state = 'READY'", (list(media_ids),))
        return {row[0]: _record(row) for row in rows}

    # An upload on its way.

    def take(self, record: Record) -> int | None:
        """Go on with an upload where it stands. Returns the epoch; None where it stands elsewhere by now, or is over."""
        rows = self._rows(_TAKE, (record.id, record.epoch, record.stored))
        return rows[0][0] if rows else None

    def interrupt(self, record: Record) -> None:
        """Whoever is writing adds nothing from here on."""
        self._run("update media set epoch = epoch + 1, writing = false where id = %s and epoch = %s", (record.id, record.epoch))

    def rest(self, media_id: str, epoch: int) -> None:
        """Nobody is writing any more."""
        self._run("update media set writing = false where id = %s and epoch = %s", (media_id, epoch))

    def begin_parts(self, media_id: str, epoch: int, upload_id: str, part_size: int) -> bool:
        statement = "update media set upload_id = %s, part_size = %s where id = %s and epoch = %s and state = 'UPLOADING' returning 1"
        return bool(self._rows(statement, (upload_id, part_size, media_id, epoch)))

    def advance(self, media_id: str, epoch: int, stored: int, parts: Mapping[int, str]) -> bool:
        """So many bytes are kept for certain, these parts among them. False where another has taken over."""
        values = {
            "id": media_id,
            "epoch": epoch,
            "stored": stored,
            "life": self._life_s,
            "numbers": list(parts),
            "tags": list(parts.values()),
        }
        if parts:
            return self._run(_ADVANCE, values) > 0
        statement = _ADVANCE[: _ADVANCE.index("insert")] + "select id from moved"
        return bool(self._rows(statement, values))

    def parts(self, media_id: str) -> dict[int, str]:
        return dict(self._rows("select number, tag from media_parts where media_id = %s", (media_id,)))

    # What became of it.

    def claim_settlement(self, media_id: str, lease_s: float) -> int | None:
        """The right to judge a file that is there in whole. Returns the epoch; None where another has it, or it was judged."""
        rows = self._rows(_CLAIM, (lease_s, media_id))
        return rows[0][0] if rows else None

    def keep_settlement(self, media_id: str, epoch: int, lease_s: float) -> None:
        """Still at it; with 0, no more."""
        statement = "update media set settling_until = clock_timestamp() + %s * interval '1 second' where id = %s and epoch = %s"
        self._run(statement, (lease_s, media_id, epoch))

    def make_ready(
        self, record: Record, epoch: int, content_type: str, sha256: str, size: tuple[int, int] | None, made: Sequence[Picture]
    ) -> None:
        width, height = size or (None, None)
        pictures = _text([{"name": one.name, "width": one.width, "height": one.height} for one in made])
        values = {"id": record.id, "epoch": epoch, "type": content_type, "sha256": sha256}
        self._run(_READY, {**values, "width": width, "height": height, "thumbnails": pictures})

    def reject(self, media_id: str, epoch: int, reason: Reason) -> bool:
        """False where another has taken over."""
        return bool(self._rows(_REJECT, (reason.value, media_id, epoch)))

    def expire(self, media_id: str, epoch: int, reason: Reason) -> bool:
        """Reject an upload whose time has run out. False where somebody has gone on with it after all."""
        return bool(
            self._rows(
                _REJECT.replace("returning", "and stored < size and expires_at < clock_timestamp() returning"),
                (reason.value, media_id, epoch),
            )
        )

    # What is left behind.

    def due(self, most: int) -> list[Due]:
        return [Due(*row) for row in self._rows(_DUE, (most,))]

    def purged(self, media_id: str) -> None:
        statement = "update media set purged = true, upload_id = null where id = %s and state = 'REJECTED'; delete from media_parts where media_id = %s"
        self._run(statement, (media_id, media_id))

    def forget(self, media_id: str) -> None:
        self._run("delete from media where id = %s and state = 'REJECTED' and purged and expires_at < clock_timestamp()", (media_id,))

    def _rows(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[Row]:
        with self._postgres.session() as session:
            return session.rows(statement, values)

    def _run(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> int:
        with self._postgres.session() as session:
            return session.run(statement, values)


def _record(row: Row) -> Record:
    values = dict(zip(Record.__dataclass_fields__, row, strict=False))
    pictures = msgspec.json.decode(row[17], type=list[Picture])
    return Record(**{**values, "state": MediaState(row[7]), "thumbnails": tuple(pictures)})


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
