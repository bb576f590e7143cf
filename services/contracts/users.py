"""Users: the payloads and the Protocol of the users service: people, their sessions, and who follows whom."""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from .tallies import Tallies
from .values import Cursor, Email, Instant, Line, PageSize, Password, Units, UserId, Version

RefreshToken = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_\-.]+$")]
# Text of several lines: no control characters but line breaks. Empty where there is none.
Bio = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")]
# Empty where there is none.
Picture = Annotated[str, Meta(max_length=500, pattern=r"^(https?://[\x21-\x7e]+)?$", description="The address of an image.")]
# As many as a page of people has.
UserIds = Annotated[list[UserId], Meta(min_length=1, max_length=100)]


class Role(StrEnum):
    FAN = "FAN"
    CREATOR = "CREATOR"
    OPERATOR = "OPERATOR"


class User(msgspec.Struct, frozen=True):
    """A person as they themselves and operators see them. version: raised by every change."""

    id: UserId
    name: str
    email: str
    roles: list[Role]
    created_at: Instant
    display_name: str = ""
    bio: str = ""
    picture: str = ""
    version: Version = 0


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; null leaves a field as it is. bio and picture are cleared by an empty text."""

    name: Line | None = None
    email: Email | None = None
    display_name: Line | None = None
    bio: Bio | None = None
    picture: Picture | None = None


class Session(msgspec.Struct, frozen=True):
    """A sign-in: the person, and a secret that is good for one refresh until expires_at."""

    user: User
    refresh_token: RefreshToken
    expires_at: Instant


class Profile(msgspec.Struct, frozen=True):
    """What everybody may know of a person. The counts are a moment behind."""

    user_id: UserId
    display_name: str
    bio: str
    picture: str
    is_creator: bool
    created_at: Instant
    version: Version
    follower_count: Units = 0
    following_count: Units = 0


class ProfilePage(msgspec.Struct, frozen=True):
    """next: the id behind which the next page begins, null at the end."""

    profiles: list[Profile]
    next: UserId | None


class FollowState(msgspec.Struct, frozen=True):
    """Whether user_id follows creator_id, and since when.

    version: of the last change of that, 0 where there never was one; the higher one is the newer.
    """

    user_id: UserId
    creator_id: UserId
    following: bool
    followed_at: Instant | None
    version: Version


class Followship(msgspec.Struct, frozen=True):
    """One line of a list: the other person, since when, and the cursor of this place."""

    user_id: UserId
    followed_at: Instant
    cursor: Cursor


class FollowPage(msgspec.Struct, frozen=True):
    """A page of a list. next: the cursor of the page behind it, null at the end. profiles: of its people, where they were asked for."""

    people: list[Followship]
    next: Cursor | None
    profiles: list[Profile] = []


# As many as a service takes at once; an inbox is made of thousands.
MOST_FOLLOWED = 1_000


class Followed(msgspec.Struct, frozen=True):
    """A creator whom somebody follows, and since when."""

    creator_id: UserId
    followed_at: Instant


class FollowedPage(msgspec.Struct, frozen=True):
    """Newest first. next: the cursor of the page behind it, null at the end."""

    followed: list[Followed]
    next: Cursor | None


class FollowedIds(msgspec.Struct, frozen=True):
    """Whom one of many people follows, in no order. is_all: false for one who follows more than MOST_FOLLOWED: then none is told here."""

    creator_ids: list[UserId]
    is_all: bool


# Followers of one answer, and of one piece that a list is cut into.
MOST_FOLLOWERS, LARGEST_PIECE = 1_000, 10_000


class ListPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in a list of followers, newest first: right behind this follower, or where they would be."""

    followed_at: Instant
    user_id: UserId


class Piece(msgspec.Struct, frozen=True):
    """Of a list of followers: ends with the follower at `until`, who belongs to it. people: how many it has."""

    until: ListPlace
    people: Units


class Pieces(msgspec.Struct, frozen=True):
    """In the order of the list, each behind the one before. more: whether there is still more behind the last."""

    pieces: list[Piece]
    more: bool


class FollowerIds(msgspec.Struct, frozen=True):
    """next: the place behind the last of them, null where the piece is over."""

    user_ids: list[UserId]
    next: ListPlace | None


class JobKind(StrEnum):
    """RECOUNT: counts from the lists. REBUILD_FOLLOWERS: lists from the follows themselves, then a recount."""

    RECOUNT = "RECOUNT"
    REBUILD_FOLLOWERS = "REBUILD_FOLLOWERS"


class JobState(StrEnum):
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"


class Job(msgspec.Struct, frozen=True):
    """A long piece of work of the change-stream reader, done in steps beside its daily work.

    done, total: things looked at in this phase, and an estimate of how many there are. repaired: those that were wrong, in all phases.
    """

    kind: JobKind
    state: JobState
    phase: str
    done: Units
    total: Units
    repaired: Units
    requested_at: Instant
    finished_at: Instant | None


class Users(Protocol):
    """The users service."""

    def sign_up(self, *, name: Line, email: Email, password: Password) -> User:
        """A new fan. Raises EmailTaken; the same name, address and password again answer the first user."""

    def sign_in(self, *, email: Email, password: Password) -> Session:
        """A new session. Raises Unauthenticated, for an unknown address just as for a wrong password."""

    def refresh(self, *, refresh_token: RefreshToken) -> Session:
        """The session's next token. A token used twice ends the whole session. Raises Unauthenticated."""

    def sign_out(self, *, refresh_token: RefreshToken) -> None:
        """End the session. An unknown or ended one is no error."""

    def get_user(self, *, user_id: UserId) -> User:
        """One user, for themselves and operators. Raises NotFound, Forbidden."""

    def get_users(self, *, user_ids: UserIds) -> list[User]:
        """Those of the users that there are, in the order asked. For services, teams and operators. Raises Forbidden."""

    def set_roles(self, *, user_id: UserId, roles: Annotated[list[Role], Meta(min_length=1, max_length=3)]) -> User:
        """Give a person these roles, and no other. For operators. Raises NotFound, Forbidden."""

    def become_creator(self, *, user_id: UserId) -> User:
        """Let a person sell, beside what they may already; again is no error. For themselves and operators. Raises NotFound, Forbidden."""

    def update_user(self, *, user_id: UserId, change: UserChange) -> User:
        """Change a person, for themselves and operators. Raises NotFound, EmailTaken, Forbidden."""

    def delete_user(self, *, user_id: UserId) -> None:
        """Delete a person with all that hangs on them, follows of and by them a moment later. An unknown one is no error. Raises Forbidden."""

    def get_profiles(self, *, user_ids: UserIds, fresh: bool = False) -> list[Profile]:
        """The public profiles of those that there are, with counts, in the order asked.

        fresh: as of the last acknowledged change, past the cache; for services that keep what they read.
        """

    def list_profiles(self, *, first: PageSize = 20, after: UserId | None = None) -> ProfilePage:
        """Everybody's public profile, fresh, by id. For services, teams and operators. Raises Forbidden."""

    def follow(self, *, user_id: UserId, creator_id: UserId) -> FollowState:
        """Follow somebody; again is no error. Raises CannotFollowSelf, NotFound, Forbidden."""

    def unfollow(self, *, user_id: UserId, creator_id: UserId) -> FollowState:
        """Follow somebody no more; again is no error. Raises Forbidden."""

    def is_following(self, *, user_id: UserId, creator_id: UserId) -> FollowState:
        """Whether the one follows the other, as of the last acknowledged change."""

    def are_following(self, *, user_id: UserId, creator_ids: UserIds) -> list[bool]:
        """Whether the one follows each of the others, in the order asked."""

    def list_followers(
        self, *, creator_id: UserId, first: PageSize = 20, after: Cursor | None = None, profiles: bool = False
    ) -> FollowPage:
        """Who follows this person, newest first, a moment behind. Raises InvalidInput for a cursor of another list."""

    def list_following(self, *, user_id: UserId, first: PageSize = 20, after: Cursor | None = None, profiles: bool = False) -> FollowPage:
        """Whom this person follows, newest first. Raises InvalidInput for a cursor of another list."""

    def list_followed(
        self, *, user_id: UserId, first: Annotated[int, Meta(ge=1, le=MOST_FOLLOWED)] = MOST_FOLLOWED, after: Cursor | None = None
    ) -> FollowedPage:
        """Whom this person follows, newest first, many at once. For services, teams and operators. Raises Forbidden, InvalidInput (cursor)."""

    def list_followed_ids(self, *, user_ids: UserIds) -> list[FollowedIds]:
        """Whom each of these people follows, in the order asked. For services, teams and operators. Raises Forbidden."""

    def list_mutual(self, *, user_id: UserId, first: PageSize = 20, after: Cursor | None = None, profiles: bool = False) -> FollowPage:
        """Whom this person follows and who follow back, by when this person began. A page may be short, or empty, before the last."""

    def find_followers(
        self, *, creator_id: UserId, name: Line, first: PageSize = 20, after: Cursor | None = None, profiles: bool = False
    ) -> FollowPage:
        """Followers whose display name begins so, without regard to case and accents, by name. Raises InvalidInput as list_followers."""

    def tally_follows(self, *, creator_id: UserId, until: Instant) -> Tallies:
        """Those who follow a creator now, by when they began, before this time. For services and operators. Raises Forbidden."""

    def cut_followers(
        self,
        *,
        creator_id: UserId,
        after: ListPlace,
        size: Annotated[int, Meta(ge=1, le=LARGEST_PIECE)],
        most: Annotated[int, Meta(ge=1, le=50)] = 20,
    ) -> Pieces:
        """At most `most` pieces of `size` followers of the list behind a place; the last of a list may have fewer.

        Whoever is in the list all the while is in exactly one piece. For services, teams and operators. Raises Forbidden.
        """

    def list_follower_ids(
        self,
        *,
        creator_id: UserId,
        after: ListPlace,
        until: ListPlace,
        first: Annotated[int, Meta(ge=1, le=MOST_FOLLOWERS)] = MOST_FOLLOWERS,
    ) -> FollowerIds:
        """Followers between two places, newest first. For services, teams and operators. Raises Forbidden."""

    def start_job(self, *, kind: JobKind) -> Job:
        """Ask the change-stream reader for this work; one that is under way is answered as it is. For operators. Raises Forbidden."""

    def get_job(self, *, kind: JobKind) -> Job:
        """How far the last work of this kind is. For operators. Raises NotFound where none was ever asked for, Forbidden."""
