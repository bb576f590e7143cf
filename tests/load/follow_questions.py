"""What the follow benchmark asks: each question through GraphQL, and the same one straight to MongoDB."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pymongo import DESCENDING

from services.kernel.cursors import Cursors
from services.kernel.mongo import Document, Mongo
from services.users.follows import Follows
from tests.load.follow_report import ANYONES_PAGE, DEEP_PAGE, FIRST_PAGE

# As many as a client gets that does not say how many.
PAGE = 20
FOLLOW = "mutation F($id:ID!){follow(input:{creatorId:$id}){isFollowing userErrors{code}}}"
UNFOLLOW = "mutation U($id:ID!){unfollow(input:{creatorId:$id}){isFollowing userErrors{code}}}"
FOLLOWED, UNFOLLOWED = '"isFollowing":true', '"isFollowing":false'
IS_FOLLOWING = "query I($id:ID!){isFollowing(creatorId:$id)}"
COUNT = "query C($id:ID!){creator(id:$id){followerCount}}"
FOLLOWERS = """query P($id:ID!,$first:Int!,$after:String){followers(creatorId:$id,first:$first,after:$after){
  edges{cursor followedAt node{id displayName}} pageInfo{endCursor hasNextPage}}}"""
_NEWEST_FIRST = [("followed_at", DESCENDING), ("user_id", DESCENDING)]


class Question(NamedTuple):
    """body: the GraphQL request. good: what every good answer holds. tokens: of those who ask, in turn. straight: the n-th asking."""

    name: str
    body: str
    good: str
    tokens: Sequence[str]
    straight: Callable[[int], object]
    writes: bool = False


class Place(NamedTuple):
    """An entry of a list of followers."""

    followed_at: datetime
    user_id: str


class Straight:
    """MongoDB without us in between: as few round trips as the question needs, and no more than its answer."""

    def __init__(self, mongo: Mongo) -> None:
        self.follows = Follows(mongo)
        self._edges = mongo.collection("follows")
        self._followers = mongo.collection("followers")
        self._counts = mongo.collection("counts")
        self._users = mongo.collection("users")

    def is_following(self, user_id: str, creator_id: str) -> Document | None:
        return self._edges.find_one({"_id": f"{user_id}:{creator_id}", "user_id": user_id})

    def count(self, creator_id: str) -> Document | None:
        return self._counts.find_one({"_id": creator_id})

    def page(self, creator_id: str, after: Place | None = None) -> list[str]:
        """Ids of a page of followers, whose names are asked for, too. One more than a page tells whether there is a next."""
        wanted: Document = {"creator_id": creator_id}
        if after:
            wanted |= {"followed_at": {"$lte": after.followed_at}, "$or": _behind(after)}
        entries = list(self._followers.find(wanted, {"user_id": 1, "followed_at": 1}).sort(_NEWEST_FIRST).limit(PAGE + 1))[:PAGE]
        ids = [entry["user_id"] for entry in entries]
        people = {one["_id"]: one["display_name"] for one in self._users.find({"_id": {"$in": ids}}, {"display_name": 1})}
        return [user_id for user_id in ids if user_id in people]

    def place(self, creator_id: str, number: int) -> Place:
        """The entry of that number, from 1, in a list. Walks there: not for a deep one in a hurry."""
        found = self._followers.find({"creator_id": creator_id}).sort(_NEWEST_FIRST).skip(number - 1).limit(1).next()
        return Place(found["followed_at"], found["user_id"])

    def somebody_ordinary(self) -> str:
        """Somebody with a first page of followers, and not much more."""
        found = self._counts.find_one({"followers": {"$gte": PAGE, "$lte": 2 * PAGE}}, sort=[("_id", 1)])
        assert found, f"nobody has {PAGE} to {2 * PAGE} followers: make a graph with more edges"
        return str(found["_id"])


def _behind(place: Place) -> list[Document]:
    return [{"followed_at": {"$lt": place.followed_at}}, {"user_id": {"$lt": place.user_id}}]


def cursor_of(key: str, creator_id: str, place: Place) -> str:
    """The cursor that the service would give for this entry, without paging there: see services/users/graph_usecases.py."""
    return Cursors(key.encode(), "follows").write((f"followers:{creator_id}", round(place.followed_at.timestamp() * 1000), place.user_id))


def body_of(query: str, **variables: Any) -> str:
    return json.dumps({"query": query, "variables": variables})


def writes(straight: Straight, celebrity: str, tokens: Sequence[str], others: Sequence[str]) -> list[Question]:
    """tokens: of people who follow through GraphQL, and then no more. others: who do so straight."""
    follows = straight.follows
    return [
        Question("follow", body_of(FOLLOW, id=celebrity), FOLLOWED, tokens, lambda n: follows.follow(others[n], celebrity), True),
        Question("unfollow", body_of(UNFOLLOW, id=celebrity), UNFOLLOWED, tokens, lambda n: follows.unfollow(others[n], celebrity), True),
    ]


def reads(straight: Straight, celebrity: str, ordinary: str, deep: tuple[Place, str], readers: Mapping[str, str]) -> list[Question]:
    """deep: the entry before a page far down, and its cursor. readers: tokens by user id, all of followers of the celebrity."""
    people, tokens = list(readers), list(readers.values())

    def ask(name: str, body: str, good: str, put_straight: Callable[[int], object]) -> Question:
        return Question(name, body, good, tokens, put_straight)

    def page(name: str, creator_id: str, after: tuple[Place | None, str | None] = (None, None)) -> Question:
        place, cursor = after
        body = body_of(FOLLOWERS, id=creator_id, first=PAGE, after=cursor)
        return ask(name, body, '"displayName"', lambda _n: straight.page(creator_id, place))

    return [
        ask(
            "isFollowing",
            body_of(IS_FOLLOWING, id=celebrity),
            FOLLOWED,
            lambda n: straight.is_following(people[n % len(people)], celebrity),
        ),
        ask("count", body_of(COUNT, id=celebrity), '"followerCount":', lambda _n: straight.count(celebrity)),
        page(FIRST_PAGE, celebrity),
        page(DEEP_PAGE, celebrity, deep),
        page(ANYONES_PAGE, ordinary),
    ]
