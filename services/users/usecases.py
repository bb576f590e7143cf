"""What the users context can do with people and their sessions, one function a use case. Follows are in `graph_usecases`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import structs

from services.contracts.errors import EmailTaken, Unauthenticated
from services.contracts.users import Profile, ProfilePage, Role, Session, User, UserChange
from services.kernel import ids
from services.kernel.calls import Call
from services.users import domain
from services.users.domain import Account, StoredSession
from services.users.people import People
from services.users.store import Accounts


@dataclass(frozen=True)
class Desk:
    """What the use cases work with.

    hash_password, check_password: slow on purpose, and off the event loop.
    """

    accounts: Accounts
    people: People
    hash_password: Callable[[str], str]
    check_password: Callable[[str, str], bool]
    session_life: timedelta


def sign_up(desk: Desk, name: str, email: str, password: str) -> User:
    normalised = domain.normalised_email(email)
    user = User(ids.new_id(), name, email, [Role.FAN], _now(), display_name=name, version=1)
    known = desk.accounts.by_email(normalised)
    if known is None:
        try:
            desk.accounts.add(Account(user, desk.hash_password(password)), normalised)
            return user
        except EmailTaken:
            known = desk.accounts.by_email(normalised)
    if known and known.user.name == name and desk.check_password(known.password_hash, password):
        return known.user  # a sign-up repeated after its answer was lost
    raise EmailTaken()


def _now() -> datetime:
    """As fine as the store keeps it, so that the first answer says what every later one does."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def sign_in(desk: Desk, email: str, password: str) -> Session:
    account = desk.accounts.by_email(domain.normalised_email(email))
    # An unknown address costs as much as a wrong password: the time of the answer tells nothing.
    stored = account.password_hash if account else desk.hash_password("no such person")
    if not desk.check_password(stored, password) or account is None:
        raise Unauthenticated("This address and password do not fit.")
    now = datetime.now(UTC)
    secret = domain.new_secret()
    session = StoredSession(ids.new_id(), account.user.id, domain.hashed(secret), None, now, now + desk.session_life)
    desk.accounts.add_session(session)
    return Session(account.user, domain.token_of(session.id, account.user.id, secret), session.expires_at)


def refresh(desk: Desk, refresh_token: str) -> Session:
    user_id, session_id, secret = domain.parts_of(refresh_token)
    session = desk.accounts.session(user_id, session_id)
    if session is None:
        raise Unauthenticated("This session has ended. Sign in again.")
    now = datetime.now(UTC)
    if not domain.may_rotate(session, secret, now):
        desk.accounts.end_session(user_id, session_id)
        raise Unauthenticated("This refresh token was used before. Sign in again.")
    fresh, expires_at = domain.new_secret(), now + desk.session_life
    if not desk.accounts.rotate(session, domain.hashed(fresh), now, expires_at):
        return refresh(desk, refresh_token)  # another tab was faster; its rotation allows ours for a moment
    return Session(desk.accounts.get(user_id).user, domain.token_of(session_id, user_id, fresh), expires_at)


def sign_out(desk: Desk, refresh_token: str) -> None:
    user_id, session_id, secret = domain.parts_of(refresh_token)
    session = desk.accounts.session(user_id, session_id)
    if session and domain.hashed(secret) in (session.current, session.previous):
        desk.accounts.end_session(user_id, session_id)


def get_user(desk: Desk, user_id: str, call: Call) -> User:
    call.require_person(user_id)
    return desk.accounts.get(user_id).user


def set_roles(desk: Desk, user_id: str, roles: list[Role], call: Call) -> User:
    call.require_operator()
    desk.accounts.set_roles(user_id, sorted(set(roles)))
    return desk.accounts.get(user_id).user


def become_creator(desk: Desk, user_id: str, call: Call) -> User:
    call.require_person(user_id)
    desk.accounts.add_role(user_id, Role.CREATOR)
    return desk.accounts.get(user_id).user


def get_users(desk: Desk, user_ids: Sequence[str], call: Call) -> list[User]:
    call.require_operator()
    found = desk.accounts.get_many(user_ids)
    return [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found]


def get_profiles(desk: Desk, user_ids: Sequence[str], fresh: bool) -> list[Profile]:
    return desk.people.fresh_profiles(user_ids) if fresh else desk.people.profiles(user_ids)


def list_profiles(desk: Desk, first: int, after: str | None, call: Call) -> ProfilePage:
    call.require_operator()
    found = desk.people.page(after, first + 1)
    profiles = found[:first]
    return ProfilePage(profiles, profiles[-1].user_id if len(found) > first else None)


def update_user(desk: Desk, user_id: str, change: UserChange, call: Call) -> User:
    call.require_person(user_id)
    fields = {name: value for name, value in structs.asdict(change).items() if value is not None}
    if not fields:
        return desk.accounts.get(user_id).user
    normalised = domain.normalised_email(change.email) if change.email else None
    return desk.accounts.update(user_id, fields, normalised)


def delete_user(desk: Desk, user_id: str, call: Call) -> None:
    call.require_person(user_id)
    desk.accounts.delete(user_id)
