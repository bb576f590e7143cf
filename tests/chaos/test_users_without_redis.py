"""Redis is away, slow, or hangs: everybody is answered right, from the store; and once it is back, nobody is shown what was before."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import msgspec
import pytest
import redis

from services.contracts.users import FollowPage, Profile, User, UserChange, Users
from services.kernel.cache import entry_key
from services.users.people import PERSON
from stack.api import Stack
from tests.chaos.disturbances import paused, slow_redis, stopped
from tests.chaos.graph import shown
from tests.conftest import eventually

Disturbance = Callable[[Stack], AbstractContextManager[object]]
DISTURBANCES: dict[str, Disturbance] = {
    "stopped": lambda stack: stopped(stack, "redis"),
    "slow": lambda stack: slow_redis(stack.environment("users")["LIVEDROPS_REDIS_URL"]),
    "hanging": lambda stack: paused(stack.pid("redis")),
}


@dataclass(frozen=True)
class Club:
    """A creator and two fans, who follow; the creator follows the first one back. All of them are in the cache."""

    users: Users
    creator: User
    fans: Sequence[User]

    @property
    def ids(self) -> list[str]:
        return [self.creator.id, *(fan.id for fan in self.fans)]

    def profile(self) -> Profile:
        return self.users.get_profiles(user_ids=[self.creator.id])[0]


@pytest.fixture
def club(users: Users, sign_up: Callable[..., User]) -> Club:
    club = Club(users, sign_up("Club"), [sign_up("Anna"), sign_up("Annabel")])
    for fan in club.fans:
        users.follow(user_id=fan.id, creator_id=club.creator.id)
    users.follow(user_id=club.creator.id, creator_id=club.fans[0].id)
    eventually(lambda: list(shown(users, club.ids).values()) == [(2, 1), (1, 1), (0, 1)])
    return club


@pytest.mark.parametrize("how", DISTURBANCES)
def test_without_redis_every_read_is_right_and_follows_work(how: str, stack: Stack, club: Club, sign_up: Callable[..., User]) -> None:
    users, creator, (anna, annabel) = club.users, club.creator, club.fans
    late = sign_up("Late")
    with DISTURBANCES[how](stack):
        assert list(shown(users, club.ids).values()) == [(2, 1), (1, 1), (0, 1)]
        assert users.is_following(user_id=anna.id, creator_id=creator.id).following
        assert _ids_of(users.list_followers(creator_id=creator.id)) == [annabel.id, anna.id]
        assert _ids_of(users.list_following(user_id=creator.id)) == [anna.id]
        assert _ids_of(users.list_mutual(user_id=creator.id)) == [anna.id]
        assert _ids_of(users.find_followers(creator_id=creator.id, name="annab")) == [annabel.id]
        assert users.follow(user_id=late.id, creator_id=creator.id).following
        assert not users.unfollow(user_id=anna.id, creator_id=creator.id).following
        eventually(lambda: _ids_of(users.list_followers(creator_id=creator.id)) == [late.id, annabel.id])
        eventually(lambda: list(shown(users, club.ids).values()) == [(2, 1), (1, 0), (0, 1)])


@pytest.mark.parametrize("how", DISTURBANCES)
def test_what_changed_without_redis_is_seen_once_it_is_back(how: str, stack: Stack, club: Club, cache: "redis.Redis") -> None:
    old_version = club.profile().version
    eventually(lambda: club.profile() and _cached(cache, club.creator.id) == (old_version, 2))
    with DISTURBANCES[how](stack):
        changed = club.users.update_user(user_id=club.creator.id, change=UserChange(display_name="Club of one", bio="New"))
        club.users.unfollow(user_id=club.fans[1].id, creator_id=club.creator.id)
        eventually(lambda: club.profile().follower_count == 1)
    eventually(lambda: _cached(cache, club.creator.id)[0] != old_version and _cached(cache, club.creator.id)[1] != 2)
    for _ in range(20):
        now = club.profile()
        assert (now.display_name, now.bio, now.version, now.follower_count) == ("Club of one", "New", changed.version, 1)


def _ids_of(page: FollowPage) -> list[str]:
    return [person.user_id for person in page.people]


def _cached(cache: "redis.Redis", user_id: str) -> tuple[int | None, int | None]:
    """The version of the profile and the followers that Redis has of a person."""
    entry = cache.get(entry_key(PERSON, user_id))
    person = msgspec.json.decode(entry, type=Profile) if entry else None
    return (person.version, person.follower_count) if person else (None, None)
