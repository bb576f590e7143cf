"""All I/O of users: MongoDB. Every query names its shard key; writes are acknowledged by a majority."""

import logging
from datetime import datetime
from typing import Any

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from services.contracts.errors import EmailTaken, NotFound
from services.contracts.users import Role, User
from services.kernel.mongo import Mongo
from services.users.domain import Account, StoredSession

log = logging.getLogger("livedrops.users")


class Accounts:
    """users (by hash of _id, the user id), emails (_id: the normalised address), sessions (by hash of user_id)."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._users = mongo.collection("users")
        self._emails = mongo.collection("emails")
        self._sessions = mongo.collection("sessions")

    def prepare(self) -> None:
        """Make the indexes. Safe to repeat."""
        with self._mongo.errors():
            self._users.create_index([("_id", pymongo.HASHED)])
            self._sessions.create_index([("user_id", pymongo.HASHED)])
            self._sessions.create_index([("expires_at", pymongo.ASCENDING)], expireAfterSeconds=0)

    def add(self, account: Account, email: str) -> None:
        """Add an account and take its address, both or none. Raises EmailTaken."""
        user = account.user
        document = {
            "_id": user.id,
            "name": user.name,
            "email": user.email,
            "roles": [role.value for role in user.roles],
            "created_at": user.created_at,
            "password_hash": account.password_hash,
        }

        def work(session: ClientSession) -> None:
            self._emails.insert_one({"_id": email, "user_id": user.id}, session=session)
            self._users.insert_one(document, session=session)

        with self._mongo.errors():
            try:
                self._mongo.transaction(work)
            except DuplicateKeyError as error:
                raise EmailTaken() from error

    def by_email(self, email: str) -> Account | None:
        """The account of a normalised address."""
        with self._mongo.errors():
            taken = self._emails.find_one({"_id": email})
            return self._account(taken["user_id"]) if taken else None

    def get(self, user_id: str) -> Account:
        """Raises NotFound."""
        with self._mongo.errors():
            account = self._account(user_id)
        if account is None:
            raise NotFound("There is no such user.", user_id=user_id)
        return account

    def set_roles(self, user_id: str, roles: list[Role]) -> None:
        """Raises NotFound."""
        with self._mongo.errors():
            result = self._users.update_one({"_id": user_id}, {"$set": {"roles": [role.value for role in roles]}})
        if not result.matched_count:
            raise NotFound("There is no such user.", user_id=user_id)

    def add_session(self, session: StoredSession) -> None:
        with self._mongo.errors():
            self._sessions.insert_one(
                {
                    "_id": session.id,
                    "user_id": session.user_id,
                    "current": session.current,
                    "previous": session.previous,
                    "rotated_at": session.rotated_at,
                    "expires_at": session.expires_at,
                }
            )

    def session(self, user_id: str, session_id: str) -> StoredSession | None:
        with self._mongo.errors():
            found = self._sessions.find_one({"_id": session_id, "user_id": user_id})
        if not found:
            return None
        return StoredSession(found["_id"], found["user_id"], found["current"], found["previous"], found["rotated_at"], found["expires_at"])

    def rotate(self, session: StoredSession, current: str, now: datetime, expires_at: datetime) -> bool:
        """Put a new token in the place of the current one. False where somebody was faster."""
        change = {"$set": {"current": current, "previous": session.current, "rotated_at": now, "expires_at": expires_at}}
        with self._mongo.errors():
            result = self._sessions.update_one({"_id": session.id, "user_id": session.user_id, "current": session.current}, change)
        return bool(result.matched_count)

    def end_session(self, user_id: str, session_id: str) -> None:
        with self._mongo.errors():
            self._sessions.delete_one({"_id": session_id, "user_id": user_id})

    def _account(self, user_id: str) -> Account | None:
        found: dict[str, Any] | None = self._users.find_one({"_id": user_id})
        if found is None:
            return None
        roles = [Role(role) for role in found["roles"]]
        user = User(found["_id"], found["name"], found["email"], roles, found["created_at"])
        return Account(user, found["password_hash"])
