"""What the users context can do with follows, one function a use case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import structs

from services.contracts.errors import InvalidInput
from services.contracts.tallies import HOURS_KEPT, MINUTES_KEPT, Tallies
from services.contracts.users import (
    MOST_FOLLOWED,
    Followed,
    FollowedIds,
    FollowedPage,
    FollowerIds,
    FollowPage,
    Followship,
    FollowState,
    Job,
    JobKind,
    ListPlace,
    Piece,
    Pieces,
)
from services.kernel import ids
from services.kernel.calls import Call
from services.kernel.cursors import Cursors
from services.users import domain
from services.users.follows import Follows, Place
from services.users.job_store import JobStore
from services.users.list_sizes import ListSizes
from services.users.lists import Lists, NamePlace
from services.users.people import People
from services.users.store import Accounts

# Follows that one page of mutual follows looks at, at most: who follows many, few of whom follow back, gets short pages instead of slow ones.
MUTUAL_AT_ONCE, MUTUAL_LOOKS = 200, 5
# Follows that are read at once for many people: more than MOST_FOLLOWED.
FOLLOWED_AT_ONCE = 10_000


class _Position(NamedTuple):
    """A place as it is in a cursor. at_ms: since 1970, as fine as the store's times are."""

    listing: str
    at_ms: int
    other: str


class _NamePosition(NamedTuple):
    listing: str
    name: str
    other: str


@dataclass(frozen=True)
class Graph:
    """What the use cases work with."""

    accounts: Accounts
    follows: Follows
    lists: Lists
    jobs: JobStore
    cursors: Cursors
    people: People
    list_sizes: ListSizes


def follow(graph: Graph, user_id: str, creator_id: str, call: Call) -> FollowState:
    call.require_person(user_id)
    domain.check_follow(user_id, creator_id)
    graph.accounts.require(user_id, creator_id)
    return graph.follows.follow(user_id, creator_id)


def unfollow(graph: Graph, user_id: str, creator_id: str, call: Call) -> FollowState:
    call.require_person(user_id)
    return graph.follows.unfollow(user_id, creator_id)


def is_following(graph: Graph, user_id: str, creator_id: str) -> FollowState:
    return graph.follows.state(user_id, creator_id)


def are_following(graph: Graph, user_id: str, creator_ids: Sequence[str]) -> list[bool]:
    followed = graph.follows.which(user_id, creator_ids)
    return [creator_id in followed for creator_id in creator_ids]


def list_followers(graph: Graph, creator_id: str, first: int, after: str | None) -> FollowPage:
    name = f"followers:{creator_id}"
    places = graph.lists.page(creator_id, first + 1, _place(graph, name, after))
    return _page(graph, name, places[:first], more=len(places) > first)


def list_following(graph: Graph, user_id: str, first: int, after: str | None) -> FollowPage:
    name = f"following:{user_id}"
    places = graph.follows.page(user_id, first + 1, _place(graph, name, after))
    return _page(graph, name, places[:first], more=len(places) > first)


def list_followed(graph: Graph, user_id: str, first: int, after: str | None, call: Call) -> FollowedPage:
    call.require_operator()
    name = f"followed:{user_id}"
    places = graph.follows.page(user_id, first + 1, _place(graph, name, after))
    shown = places[:first]
    return FollowedPage(
        [Followed(creator_id, followed_at) for followed_at, creator_id in shown],
        _cursor(graph, name, shown[-1]) if len(places) > first else None,
    )


def list_followed_ids(graph: Graph, user_ids: Sequence[str], call: Call) -> list[FollowedIds]:
    call.require_operator()
    follows = graph.follows.of_each(list(dict.fromkeys(user_ids)), FOLLOWED_AT_ONCE)
    told = {
        user_id: FollowedIds(found, True) if len(found) <= MOST_FOLLOWED else FollowedIds([], False) for user_id, found in follows.items()
    }
    return [told[user_id] for user_id in user_ids]


def tally_follows(graph: Graph, creator_id: str, until: datetime, call: Call) -> Tallies:
    call.require_operator()
    hours = graph.lists.tally(creator_id, "hour", until - HOURS_KEPT, until)
    return Tallies(hours, graph.lists.tally(creator_id, "minute", until - MINUTES_KEPT, until))


def cut_followers(graph: Graph, creator_id: str, after: ListPlace, size: int, most: int, call: Call) -> Pieces:
    call.require_operator()
    place, pieces = (after.followed_at, after.user_id), list[Piece]()
    while len(pieces) < most:
        found = graph.lists.cut(creator_id, size, place)
        if found is None:
            return Pieces(pieces, more=False)
        place, people = found
        pieces.append(Piece(ListPlace(*place), people))
        if people < size:
            return Pieces(pieces, more=False)
    return Pieces(pieces, more=True)


def list_follower_ids(graph: Graph, creator_id: str, after: ListPlace, until: ListPlace, first: int, call: Call) -> FollowerIds:
    call.require_operator()
    ends = (after.followed_at, after.user_id), (until.followed_at, until.user_id)
    places = graph.lists.between(creator_id, first + 1, *ends)
    shown = places[:first]
    return FollowerIds([user_id for _, user_id in shown], ListPlace(*shown[-1]) if len(places) > first else None)


def list_mutual(graph: Graph, user_id: str, first: int, after: str | None) -> FollowPage:
    name = f"mutual:{user_id}"
    place, found = _place(graph, name, after), list[Place]()
    for _ in range(MUTUAL_LOOKS):
        looked = graph.follows.page(user_id, MUTUAL_AT_ONCE, place)
        back = graph.follows.who_follows([other for _, other in looked], user_id) if looked else set()
        found += [one for one in looked if one[1] in back]
        if len(found) > first:
            return _page(graph, name, found[:first], more=True)
        if len(looked) < MUTUAL_AT_ONCE:
            return _page(graph, name, found, more=False)
        place = looked[-1]
    assert place is not None
    page = _page(graph, name, found, more=False)
    return FollowPage(page.people, _cursor(graph, name, place))


def find_followers(graph: Graph, creator_id: str, name: str, first: int, after: str | None) -> FollowPage:
    prefix = domain.folded_name(name)
    if not prefix:
        raise InvalidInput("The name holds no letter.", field="name")
    listing = f"named:{creator_id}:{ids.derived_id(prefix)}"
    found = graph.lists.named(creator_id, prefix, first + 1, _name_place(graph, listing, after))
    people = [Followship(place[1], at, graph.cursors.write(_NamePosition(listing, *place))) for place, at in found[:first]]
    return FollowPage(people, people[-1].cursor if len(found) > first else None)


def with_profiles(graph: Graph, page: FollowPage) -> FollowPage:
    """The page with the profiles of those of its people that there still are."""
    return structs.replace(page, profiles=graph.people.profiles([person.user_id for person in page.people])) if page.people else page


def start_job(graph: Graph, kind: JobKind, call: Call) -> Job:
    call.require_operator()
    return graph.jobs.ask(kind)


def get_job(graph: Graph, kind: JobKind, call: Call) -> Job:
    call.require_operator()
    return graph.jobs.get(kind)


def _page(graph: Graph, listing: str, places: Sequence[Place], more: bool) -> FollowPage:
    people = [Followship(place[1], place[0], _cursor(graph, listing, place)) for place in places]
    return FollowPage(people, people[-1].cursor if more and people else None)


def _cursor(graph: Graph, listing: str, place: Place) -> str:
    return graph.cursors.write(_Position(listing, round(place[0].timestamp() * 1000), place[1]))


def _place(graph: Graph, listing: str, cursor: str | None) -> Place | None:
    """Raises InvalidInput for a cursor of another list."""
    if cursor is None:
        return None
    position = graph.cursors.read_of(listing, cursor, _Position)
    return datetime.fromtimestamp(position.at_ms / 1000, UTC), position.other


def _name_place(graph: Graph, listing: str, cursor: str | None) -> NamePlace | None:
    if cursor is None:
        return None
    position = graph.cursors.read_of(listing, cursor, _NamePosition)
    return position.name, position.other
