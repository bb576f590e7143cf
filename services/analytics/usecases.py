"""What the analytics context can do, one function a use case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.analytics import domain
from services.analytics.store import TIDIED_AT_ONCE, Store
from services.contracts.analytics import MOST_POINTS, Grain, Rebuilt, Seen, Series, Subject, SubjectKind
from services.contracts.errors import Forbidden, InvalidInput
from services.contracts.orders import Orders
from services.contracts.tallies import Tallies
from services.contracts.users import Users
from services.kernel.calls import Call

_LENGTHS = {Grain.MINUTE: timedelta(minutes=1), Grain.HOUR: timedelta(hours=1)}
# Orders and follows of an hour are all written, whatever transaction they were in, this long after its end.
SETTLED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Desk:
    """What the use cases work with."""

    store: Store
    orders: Orders
    users: Users


def get_series(desk: Desk, subject: Subject, grain: Grain, since: datetime, until: datetime, call: Call) -> Series:
    id = _id_of(subject)
    _require_owner(desk, subject, id, call)
    begin, end = domain.floor(since, grain), domain.floor(until - timedelta(microseconds=1), grain) + _LENGTHS[grain]
    if end <= begin:
        raise InvalidInput("until must be after since.", field="until")
    if (end - begin) / _LENGTHS[grain] > MOST_POINTS:
        raise InvalidInput(f"Ask for at most {MOST_POINTS:,} stretches of time at once.", field="since")
    points = domain.points_of(desk.store.series(id, grain, begin, end))
    return Series(grain, begin, end, points, domain.total_of(points))


def tidy(store: Store) -> None:
    """Delete what is older than it is kept."""
    while store.tidy() >= TIDIED_AT_ONCE:
        pass


def report(desk: Desk, report_id: str, seen: Sequence[Seen], call: Call) -> None:
    if call.viewer:
        raise Forbidden()
    desk.store.count_report(report_id, seen)


def rebuild(desk: Desk, subject: Subject, call: Call) -> Rebuilt:
    call.require_operator()
    id = _id_of(subject)
    if subject.kind is SubjectKind.PLATFORM:
        raise InvalidInput("The platform is the sum of its drops and creators: count those anew.", field="kind")
    until = domain.floor(desk.store.now() - SETTLED_AFTER, Grain.HOUR)
    parents, owned = _owned(desk, subject.kind, id, until)
    repaired = desk.store.rebuild(id, parents, domain.COUNTED[subject.kind], until, owned)
    return Rebuilt(until, repaired)


def _owned(desk: Desk, kind: SubjectKind, id: str, until: datetime) -> tuple[tuple[str, ...], Tallies]:
    """Whose sums a subject is part of, and what its owner has counted. Raises NotFound for a drop that there is not."""
    if kind is SubjectKind.CREATOR:
        return (domain.PLATFORM,), desk.users.tally_follows(creator_id=id, until=until)
    creator_id = desk.orders.get_stock(drop_id=id).creator_id
    return (creator_id, domain.PLATFORM), desk.orders.tally_sales(drop_id=id, until=until)


def _id_of(subject: Subject) -> str:
    """Raises InvalidInput where there is an id too many, or none."""
    if (subject.id is None) != (subject.kind is SubjectKind.PLATFORM):
        raise InvalidInput("A drop and a creator have an id, the platform has none.", field="id")
    return subject.id or domain.PLATFORM


def _require_owner(desk: Desk, subject: Subject, id: str, call: Call) -> None:
    """Raises Forbidden, NotFound (drop)."""
    if subject.kind is SubjectKind.PLATFORM:
        call.require_operator()
    elif subject.kind is SubjectKind.CREATOR:
        call.require_person(id)
    else:
        call.require_person(desk.orders.get_stock(drop_id=id).creator_id)
