"""What the users context can do, one function a use case."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.contracts.errors import EmailTaken, Unauthenticated
from services.contracts.users import Role, Session, User
from services.kernel import ids
from services.kernel.calls import Call
from services.users import domain
from services.users.domain import Account, StoredSession
from services.users.store import Accounts


@dataclass(frozen=True)
class Desk:
    """What the use cases work with.

    hash_password, check_password: slow on purpose, and off the event loop.
    """

    accounts: Accounts
    hash_password: Callable[[str], str]
    check_password: Callable[[str, str], bool]
    session_life: timedelta


def sign_up(desk: Desk, name: str, email: str, password: str) -> User:
    normalised = domain.normalised_email(email)
    user = User(ids.new_id(), name, email, [Role.FAN], datetime.now(UTC))
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
