"""What the change stream of the users' database says, as values; and the events that tell it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from services.contracts.events import Event, FollowCreated, FollowRemoved, UserChanged, UserDeleted
from services.contracts.users import User
from services.kernel import ids
from services.users.derivation import Change, pair_of
from services.users.domain import profile_of

# What is asked of the stream. Who signs in, and with what, is not in it.
PIPELINE: tuple[dict[str, Any], ...] = (
    {"$match": {"ns.coll": {"$in": ["follows", "users"]}, "operationType": {"$in": ["insert", "update", "replace", "delete"]}}},
    {
        "$project": {
            "operationType": 1,
            "ns": 1,
            "documentKey": 1,
            "wallTime": 1,
            "fullDocument.active": 1,
            "fullDocument.followed_at": 1,
            "fullDocument.version": 1,
            "updateDescription.updatedFields.active": 1,
            "updateDescription.updatedFields.followed_at": 1,
            "updateDescription.updatedFields.ended": 1,
            "updateDescription.updatedFields.version": 1,
            "updateDescription.updatedFields.display_name": 1,
        }
    },
)


@dataclass
class News:
    """What a batch of changes says. changed, renamed, deleted: people; at: when each happened, and of the last change."""

    follows: list[tuple[Change, datetime]] = field(default_factory=list)
    changed: dict[str, datetime] = field(default_factory=dict)
    renamed: set[str] = field(default_factory=set)
    deleted: dict[str, datetime] = field(default_factory=dict)
    at: datetime | None = None

    def people(self) -> set[str]:
        """Everybody whose being there matters."""
        active = {person for change, _ in self.follows if change.active for person in change.pair}
        return active | self.changed.keys()


def read(changes: Sequence[Mapping[str, Any]]) -> News:
    news = News()
    for change in changes:
        news.at = change["wallTime"]
        if change["ns"]["coll"] == "users":
            _read_person(news, change)
        elif change["operationType"] != "delete":  # forgotten long after it ended
            _read_follow(news, change)
    return news


def _read_person(news: News, change: Mapping[str, Any]) -> None:
    user_id: str = change["documentKey"]["_id"]
    if change["operationType"] == "delete":
        news.deleted[user_id] = change["wallTime"]
        return
    news.changed[user_id] = change["wallTime"]
    if "display_name" in change.get("updateDescription", {}).get("updatedFields", {}):
        news.renamed.add(user_id)


def _read_follow(news: News, change: Mapping[str, Any]) -> None:
    """An insert carries the follow; an update what it changed, which is `active` and all that belongs to it."""
    told = change.get("fullDocument") or change["updateDescription"]["updatedFields"]
    if "active" not in told:
        return
    followed_at = told["followed_at"] if told["active"] else told.get("ended") or told.get("followed_at")
    if followed_at is None:
        return  # not a change that the service makes
    follow = Change(*pair_of(change["documentKey"]["_id"]), told["active"], followed_at, int(told["version"]))
    news.follows.append((follow, change["wallTime"]))


def events_of(news: News, people: Mapping[str, User]) -> list[Event]:
    """people: as they are now. Ids are derived from what is told: told twice, it is one."""
    return [
        *(of_follow(change, at) for change, at in news.follows),
        *(of_person(people[user_id], at) for user_id, at in news.changed.items() if user_id in people),
        *(of_deletion(user_id, at) for user_id, at in news.deleted.items()),
    ]


def of_follow(change: Change, at: datetime) -> Event:
    kind, payload = ("follow.created", FollowCreated) if change.active else ("follow.removed", FollowRemoved)
    told = payload(change.user_id, change.creator_id, change.followed_at, change.version)
    return _event(kind, f"{change.user_id}:{change.creator_id}", change.version, at, told)


def of_person(user: User, at: datetime) -> Event:
    profile = profile_of(user)
    told = UserChanged(
        profile.user_id,
        profile.display_name,
        profile.bio,
        profile.picture,
        profile.is_creator,
        profile.created_at,
        profile.version,
    )
    return _event("user.changed", user.id, user.version, at, told)


def of_deletion(user_id: str, at: datetime) -> Event:
    return _event("user.deleted", user_id, 0, at, UserDeleted(user_id))


def _event(kind: str, subject: str, version: int, at: datetime, payload: msgspec.Struct) -> Event:
    return Event(ids.derived_id(kind, subject, version), kind, at, msgspec.to_builtins(payload))
