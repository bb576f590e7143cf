"""Analytics: what GraphQL and REST do alike, for the creator of what is counted, and for operators."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway import inputs, presenters
from gateway.context import RequestContext
from services.contracts.analytics import Grain, Subject, SubjectKind
from services.contracts.errors import InvalidInput

# How far back an answer goes where nobody says.
_BY_DEFAULT = {Grain.MINUTE: timedelta(hours=1), Grain.HOUR: timedelta(days=7)}


def series(context: RequestContext, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of a drop, a creator, or all together. asked: drop_id, creator_id, grain, since, until; all but the grain may be missing.

    Raises Unauthenticated, Forbidden, NotFound, InvalidInput that names the field.
    """
    context.require_viewer()
    grain = inputs.grain(asked["grain"], "grain")
    until = _time(asked, "until") or datetime.now(UTC)
    since = _time(asked, "since") or until - _BY_DEFAULT[grain]
    return presenters.series(context.gateway.analytics.get_series(subject=_subject(asked), grain=grain, since=since, until=until))


def _subject(asked: Mapping[str, Any]) -> Subject:
    drop_id, creator_id = asked.get("drop_id"), asked.get("creator_id")
    if drop_id is not None and creator_id is not None:
        raise InvalidInput("Ask for a drop or for a creator, not both.", field="creator_id")
    if drop_id is not None:
        return Subject(SubjectKind.DROP, inputs.drop_id(drop_id, "drop_id"))
    if creator_id is not None:
        return Subject(SubjectKind.CREATOR, inputs.user_id(creator_id, "creator_id"))
    return Subject(SubjectKind.PLATFORM)


def _time(asked: Mapping[str, Any], name: str) -> datetime | None:
    return None if asked.get(name) is None else inputs.instant(asked[name], name)
