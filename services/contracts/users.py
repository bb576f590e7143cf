"""Users: the payloads and the Protocol of the users service, in its first form (sign-up and sessions)."""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from .orders import Instant
from .values import Email, Line, Password, UserId

RefreshToken = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_\-.]+$")]


class Role(StrEnum):
    FAN = "FAN"
    CREATOR = "CREATOR"
    OPERATOR = "OPERATOR"


class User(msgspec.Struct, frozen=True):
    id: UserId
    name: str
    email: str
    roles: list[Role]
    created_at: Instant


class Session(msgspec.Struct, frozen=True):
    """A sign-in: the person, and a secret that is good for one refresh until expires_at."""

    user: User
    refresh_token: RefreshToken
    expires_at: Instant


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
        """One user. Raises NotFound."""

    def set_roles(self, *, user_id: UserId, roles: Annotated[list[Role], Meta(min_length=1, max_length=3)]) -> User:
        """Give a person these roles, and no other. For operators. Raises NotFound, Forbidden."""
