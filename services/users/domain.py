"""The rules of sign-up and sessions: pure functions over frozen values."""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.contracts.errors import CannotFollowSelf, Unauthenticated
from services.contracts.users import Profile, Role, User

# 32 random bytes can't be guessed, so a plain hash of them is safe to keep.
SECRET_BYTES = 32
# Keeps the list's index small, and a cursor that carries a name within its bound.
FOLDED_NAME_LENGTH = 60
# Two tabs of one browser may refresh at the same moment: the token before the last is good for this long after its use.
GRACE = timedelta(seconds=10)


@dataclass(frozen=True)
class Account:
    """A user with the hash of the password."""

    user: User
    password_hash: str


@dataclass(frozen=True)
class StoredSession:
    """One sign-in. Hashes of the token that is good now and of the one before it."""

    id: str
    user_id: str
    current: str
    previous: str | None
    rotated_at: datetime
    expires_at: datetime


def normalised_email(email: str) -> str:
    """The form in which two spellings of an address are the same: NFKC, without regard to case."""
    return unicodedata.normalize("NFKC", email).casefold()


def folded_name(name: str) -> str:
    """The form by which people are found by name: without accents, without regard to case, and no longer than anybody types."""
    apart = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold().strip()[:FOLDED_NAME_LENGTH]


def profile_of(user: User) -> Profile:
    """What everybody may know of a person, without the counts."""
    is_creator = Role.CREATOR in user.roles
    return Profile(user.id, user.display_name, user.bio, user.picture, is_creator, user.created_at, user.version)


def check_follow(user_id: str, creator_id: str) -> None:
    """Raises CannotFollowSelf."""
    if user_id == creator_id:
        raise CannotFollowSelf(field="creator_id")


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def token_of(session_id: str, user_id: str, secret: str) -> str:
    """A refresh token. It carries the user's id, so that its session is found on one shard."""
    return f"{user_id}.{session_id}.{secret}"


def parts_of(token: str) -> tuple[str, str, str]:
    """User id, session id and secret of a refresh token. Raises Unauthenticated where it is none."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise Unauthenticated("This refresh token is not one of ours.")
    return parts[0], parts[1], parts[2]


def may_rotate(session: StoredSession, secret: str, now: datetime) -> bool:
    """Whether this secret is the session's. Raises Unauthenticated for an expired session.

    False means that a secret used up long ago came back: somebody has a copy, and the session must end
    (RFC 9700, section 4.14.2).
    """
    if now >= session.expires_at:
        raise Unauthenticated("This session has expired. Sign in again.")
    given = hashed(secret)
    if secrets.compare_digest(given, session.current):
        return True
    recent = now - session.rotated_at <= GRACE
    return bool(session.previous) and secrets.compare_digest(given, session.previous or "") and recent
