"""Follows through the RPCs of the users service: the follows themselves, and the lists and counts derived from them."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.contracts.errors import CannotFollowSelf, EmailTaken, InvalidInput, NotFound, Unauthenticated
from services.contracts.users import FollowPage, Profile, Role, User, UserChange, Users
from tests.conftest import PASSWORD, eventually


def profile(users: Users, user: User) -> Profile:
    return users.get_profiles(user_ids=[user.id])[0]


def counts(users: Users, user: User) -> tuple[int, int]:
    found = profile(users, user)
    return found.follower_count, found.following_count


def ids_of(page: FollowPage) -> list[str]:
    return [person.user_id for person in page.people]


def walk(ask: Callable[[str | None], FollowPage]) -> list[str]:
    """All pages of a list."""
    found: list[str] = []
    after = None
    while True:
        page = ask(after)
        found += ids_of(page)
        if page.next is None:
            return found
        after = page.next


class TestFollow:
    def test_a_follow_is_seen_at_once_and_shown_in_lists_and_counts_a_moment_later(
        self, users: Users, sign_up: Callable[..., User]
    ) -> None:
        fan, creator = sign_up(), sign_up()
        state = users.follow(user_id=fan.id, creator_id=creator.id)
        assert state.following
        assert users.is_following(user_id=fan.id, creator_id=creator.id) == state
        assert ids_of(users.list_following(user_id=fan.id)) == [creator.id]
        eventually(lambda: ids_of(users.list_followers(creator_id=creator.id)) == [fan.id])
        assert users.list_followers(creator_id=creator.id).people[0].followed_at == state.followed_at
        eventually(lambda: counts(users, creator) == (1, 0))
        eventually(lambda: counts(users, fan) == (0, 1))

    def test_a_service_has_many_of_whom_somebody_follows_at_once(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creators = sign_up(), [sign_up() for _ in range(3)]
        states = [users.follow(user_id=fan.id, creator_id=creator.id) for creator in creators]
        users.unfollow(user_id=fan.id, creator_id=creators[1].id)
        wanted = [(state.creator_id, state.followed_at) for state in (states[2], states[0])]
        first = users.list_followed(user_id=fan.id, first=1)
        assert first.next is not None
        rest = users.list_followed(user_id=fan.id, after=first.next)
        assert [(one.creator_id, one.followed_at) for one in first.followed + rest.followed] == wanted
        assert rest.next is None
        with pytest.raises(InvalidInput):
            users.list_followed(user_id=creators[0].id, after=first.next)

    def test_a_service_has_whom_each_of_many_follows(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, other, nobodys = (sign_up() for _ in range(3))
        creators = [sign_up().id for _ in range(3)]
        for creator_id in creators:
            users.follow(user_id=fan.id, creator_id=creator_id)
        users.follow(user_id=other.id, creator_id=creators[0])
        users.unfollow(user_id=fan.id, creator_id=creators[1])

        told = users.list_followed_ids(user_ids=[other.id, nobodys.id, fan.id, other.id])

        assert [sorted(one.creator_ids) for one in told] == [[creators[0]], [], sorted((creators[0], creators[2])), [creators[0]]]
        assert all(one.is_all for one in told)

    def test_following_again_changes_nothing(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creator = sign_up(), sign_up()
        first = users.follow(user_id=fan.id, creator_id=creator.id)
        assert [users.follow(user_id=fan.id, creator_id=creator.id) for _ in range(3)] == [first] * 3
        eventually(lambda: counts(users, creator) == (1, 0))

    def test_unfollowing_ends_it_and_again_changes_nothing(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creator = sign_up(), sign_up()
        first = users.follow(user_id=fan.id, creator_id=creator.id)
        ended = users.unfollow(user_id=fan.id, creator_id=creator.id)
        assert not ended.following
        assert ended.version > first.version
        assert users.unfollow(user_id=fan.id, creator_id=creator.id) == ended
        assert ids_of(users.list_following(user_id=fan.id)) == []
        eventually(lambda: users.list_followers(creator_id=creator.id).people == [])
        eventually(lambda: counts(users, creator) == (0, 0))

    def test_ending_what_never_was_is_no_error(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creator = sign_up(), sign_up()
        state = users.unfollow(user_id=fan.id, creator_id=creator.id)
        assert (state.following, state.version) == (False, 0)

    def test_a_new_follow_is_newer_in_the_list(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator, one, two = sign_up(), sign_up(), sign_up()
        users.follow(user_id=one.id, creator_id=creator.id)
        users.follow(user_id=two.id, creator_id=creator.id)
        users.unfollow(user_id=one.id, creator_id=creator.id)
        users.follow(user_id=one.id, creator_id=creator.id)
        eventually(lambda: ids_of(users.list_followers(creator_id=creator.id)) == [one.id, two.id])

    def test_nobody_follows_themselves_or_nobody(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan = sign_up()
        with pytest.raises(CannotFollowSelf):
            users.follow(user_id=fan.id, creator_id=fan.id)
        with pytest.raises(NotFound):
            users.follow(user_id=fan.id, creator_id=str(uuid.uuid4()))
        with pytest.raises(NotFound):
            users.follow(user_id=str(uuid.uuid4()), creator_id=fan.id)

    def test_many_at_once_are_told_apart(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, one, two = sign_up(), sign_up(), sign_up()
        users.follow(user_id=fan.id, creator_id=two.id)
        asked = [one.id, two.id, str(uuid.uuid4()), two.id]
        assert users.are_following(user_id=fan.id, creator_ids=asked) == [False, True, False, True]

    def test_two_clients_at_random_end_at_the_last_acknowledged_write(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creator = sign_up(), sign_up()
        seed = random.randrange(2**32)

        def client(number: int) -> Any:
            luck = random.Random(seed + number)
            writes = [luck.choice((users.follow, users.unfollow)) for _ in range(60)]
            return [write(user_id=fan.id, creator_id=creator.id) for write in writes]

        with ThreadPoolExecutor(2) as threads:
            answers = [state for states in threads.map(client, (1, 2)) for state in states]
        newest = max(answers, key=lambda state: state.version)
        assert users.is_following(user_id=fan.id, creator_id=creator.id) == newest, f"seed {seed}"
        assert all(one.following == two.following for one in answers for two in answers if one.version == two.version)
        expected = 1 if newest.following else 0
        eventually(lambda: counts(users, creator) == (expected, 0))
        eventually(lambda: len(users.list_followers(creator_id=creator.id).people) == expected)


class TestLists:
    def test_pages_join_without_gap_or_double_while_others_come_and_go(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator, fans = sign_up(), [sign_up() for _ in range(9)]
        for fan in fans:
            users.follow(user_id=fan.id, creator_id=creator.id)
        eventually(lambda: counts(users, creator) == (9, 0))
        first = users.list_followers(creator_id=creator.id, first=4)
        late = sign_up()
        users.follow(user_id=late.id, creator_id=creator.id)  # before the first page
        users.unfollow(user_id=fans[0].id, creator_id=creator.id)  # on a later one
        eventually(lambda: late.id in ids_of(users.list_followers(creator_id=creator.id)))
        eventually(lambda: counts(users, creator) == (9, 0))
        rest = walk(lambda after: users.list_followers(creator_id=creator.id, first=4, after=after or first.next))
        assert ids_of(first) + rest == [fan.id for fan in reversed(fans[1:])]

    def test_every_line_carries_a_cursor(self, users: Users, sign_up: Callable[..., User]) -> None:
        fan, creators = sign_up(), [sign_up() for _ in range(3)]
        for creator in creators:
            users.follow(user_id=fan.id, creator_id=creator.id)
        page = users.list_following(user_id=fan.id)
        assert (ids_of(page), page.next) == ([creator.id for creator in reversed(creators)], None)
        behind_first = users.list_following(user_id=fan.id, after=page.people[0].cursor)
        assert ids_of(behind_first) == ids_of(page)[1:]

    def test_mutual_follows_are_those_who_follow_back(self, users: Users, sign_up: Callable[..., User]) -> None:
        person, friends, idol = sign_up(), [sign_up() for _ in range(5)], sign_up()
        for other in (*friends, idol):
            users.follow(user_id=person.id, creator_id=other.id)
        for friend in friends:
            users.follow(user_id=friend.id, creator_id=person.id)
        found = walk(lambda after: users.list_mutual(user_id=person.id, first=2, after=after))
        assert found == [friend.id for friend in reversed(friends)]

    def test_followers_are_found_by_the_beginning_of_their_name(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator = sign_up()
        names = ("Émile Zola", "emil Nolde", "Emily Brontë", "Anna Emil", "EMILIA")
        by_name = {sign_up(name).id: name for name in names}
        for fan in by_name:
            users.follow(user_id=fan, creator_id=creator.id)
        eventually(lambda: counts(users, creator) == (5, 0))
        found = walk(lambda after: users.find_followers(creator_id=creator.id, name="émil", first=2, after=after))
        assert [by_name[user_id] for user_id in found] == ["emil Nolde", "Émile Zola", "EMILIA", "Emily Brontë"]

    def test_a_new_name_is_found_and_the_old_one_is_not(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator, fan = sign_up(), sign_up("Old Name")
        users.follow(user_id=fan.id, creator_id=creator.id)
        eventually(lambda: ids_of(users.find_followers(creator_id=creator.id, name="old")) == [fan.id])
        users.update_user(user_id=fan.id, change=UserChange(display_name="New Name"))
        eventually(lambda: ids_of(users.find_followers(creator_id=creator.id, name="new")) == [fan.id])
        assert ids_of(users.find_followers(creator_id=creator.id, name="old")) == []

    def test_a_cursor_of_another_list_is_refused(self, users: Users, sign_up: Callable[..., User]) -> None:
        person, other = sign_up(), sign_up()
        users.follow(user_id=person.id, creator_id=other.id)
        cursor = users.list_following(user_id=person.id).people[0].cursor
        asks: tuple[Callable[[], FollowPage], ...] = (
            lambda: users.list_following(user_id=other.id, after=cursor),
            lambda: users.list_followers(creator_id=person.id, after=cursor),
            lambda: users.list_mutual(user_id=person.id, after=cursor),
            lambda: users.find_followers(creator_id=person.id, name="x", after=cursor),
        )
        for ask in asks:
            with pytest.raises(InvalidInput):
                ask()

    @pytest.mark.parametrize("name", ["\u0301", "  \u0301 "])
    def test_a_name_without_a_letter_is_refused(self, users: Users, sign_up: Callable[..., User], name: str) -> None:
        with pytest.raises(InvalidInput):
            users.find_followers(creator_id=sign_up().id, name=name)

    def test_the_longest_names_have_cursors_that_come_back(self, users: Users, sign_up: Callable[..., User]) -> None:
        creator, name = sign_up(), "\U0001f600" * 200
        fans = [sign_up(name) for _ in range(3)]
        for fan in fans:
            users.follow(user_id=fan.id, creator_id=creator.id)
        eventually(lambda: counts(users, creator) == (3, 0))
        found = walk(lambda after: users.find_followers(creator_id=creator.id, name=name, first=1, after=after))
        assert found == sorted(fan.id for fan in fans)


class TestPeople:
    def test_a_profile_shows_what_is_public(self, users: Users, sign_up: Callable[..., User]) -> None:
        user = sign_up("Ann")
        users.set_roles(user_id=user.id, roles=[Role.CREATOR, Role.FAN])
        users.update_user(user_id=user.id, change=UserChange(bio="Two\nlines", picture="https://example.org/a.png"))
        changed = eventually(lambda: (p := profile(users, user)).is_creator and p.bio and p)
        assert (changed.display_name, changed.bio, changed.picture) == ("Ann", "Two\nlines", "https://example.org/a.png")
        assert (changed.follower_count, changed.following_count) == (0, 0)

    def test_profiles_come_in_the_order_asked_without_those_who_are_not_there(self, users: Users, sign_up: Callable[..., User]) -> None:
        one, two = sign_up(), sign_up()
        found = users.get_profiles(user_ids=[two.id, str(uuid.uuid4()), one.id, two.id])
        assert [found.user_id for found in found] == [two.id, one.id]
        assert users.get_profiles(user_ids=[str(uuid.uuid4())]) == []

    def test_a_change_raises_the_version_and_leaves_the_rest(self, users: Users, sign_up: Callable[..., User]) -> None:
        user = sign_up("Ann")
        changed = users.update_user(user_id=user.id, change=UserChange(display_name="Anna"))
        assert (changed.display_name, changed.name, changed.email, changed.version) == ("Anna", "Ann", user.email, user.version + 1)
        assert users.update_user(user_id=user.id, change=UserChange()) == changed
        assert users.get_users(user_ids=[user.id]) == [changed]
        cleared = users.update_user(user_id=user.id, change=UserChange(bio="x"))
        assert users.update_user(user_id=user.id, change=UserChange(bio="")).bio == "" != cleared.bio

    def test_an_address_moves_and_the_old_one_is_free(self, users: Users, sign_up: Callable[..., User]) -> None:
        user, taken = sign_up(), sign_up()
        with pytest.raises(EmailTaken):
            users.update_user(user_id=user.id, change=UserChange(email=taken.email.upper(), bio="not written either"))
        assert users.get_user(user_id=user.id) == user
        fresh = f"New-{uuid.uuid4().hex}@Example.org"
        assert users.update_user(user_id=user.id, change=UserChange(email=fresh)).email == fresh
        assert users.sign_in(email=fresh.lower(), password=PASSWORD).user.id == user.id
        assert users.sign_up(name="Next", email=user.email, password=PASSWORD).id != user.id

    def test_a_change_of_nobody_is_not_found(self, users: Users) -> None:
        with pytest.raises(NotFound):
            users.update_user(user_id=str(uuid.uuid4()), change=UserChange(bio="x"))

    def test_a_deleted_person_is_gone_with_all_that_hangs_on_them(self, users: Users, sign_up: Callable[..., User]) -> None:
        person, fan, idol = sign_up(), sign_up(), sign_up()
        session = users.sign_in(email=person.email, password=PASSWORD)
        users.follow(user_id=fan.id, creator_id=person.id)
        users.follow(user_id=person.id, creator_id=idol.id)
        eventually(lambda: counts(users, person) == (1, 1))
        users.delete_user(user_id=person.id)
        users.delete_user(user_id=person.id)
        asks: tuple[Callable[[], Any], ...] = (
            lambda: users.get_user(user_id=person.id),
            lambda: users.sign_in(email=person.email, password=PASSWORD),
            lambda: users.refresh(refresh_token=session.refresh_token),
            lambda: users.follow(user_id=fan.id, creator_id=person.id),
        )
        for ask in asks:
            with pytest.raises((NotFound, Unauthenticated)):
                ask()
        eventually(lambda: users.get_profiles(user_ids=[person.id]) == [])
        eventually(lambda: not users.is_following(user_id=fan.id, creator_id=person.id).following)
        eventually(lambda: users.list_followers(creator_id=idol.id).people == [])
        eventually(lambda: counts(users, fan) == (0, 0) == counts(users, idol))
        assert users.sign_up(name="Next", email=person.email, password=PASSWORD).id != person.id

    def test_no_more_are_asked_for_than_a_page_has(self, users: Users) -> None:
        for user_ids in ([], [str(uuid.uuid4())] * 101, ["x"]):
            with pytest.raises(InvalidInput):
                users.get_profiles(user_ids=user_ids)
