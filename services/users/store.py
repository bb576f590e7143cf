"""I/O of people and their sessions: MongoDB. Writes are acknowledged by a majority; reads ask the primary for what a majority has.

Each query carries the comment under which `services.users.queries` describes it.
"""

from collections.abc import Sequence
from datetime import datetime

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from services.contracts.errors import EmailTaken, NotFound
from services.contracts.users import Role, User
from services.kernel.mongo import Document, Mongo
from services.users.domain import Account, StoredSession, normalised_email


class Accounts:
    """users, emails (_id: the normalised address), sessions."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._users = mongo.collection("users")
        self._emails = mongo.collection("emails")
        self._sessions = mongo.collection("sessions")

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
            "display_name": user.display_name,
            "bio": user.bio,
            "picture": user.picture,
            "version": Int64(user.version),
        }

        def work(session: ClientSession) -> None:
            self._emails.insert_one({"_id": email, "user_id": user.id}, session=session, comment="emails.add")
            self._users.insert_one(document, session=session, comment="users.add")

        with self._mongo.errors():
            try:
                self._mongo.transaction(work)
            except DuplicateKeyError as error:
                raise EmailTaken() from error

    def by_email(self, email: str) -> Account | None:
        """The account of a normalised address."""
        with self._mongo.errors():
            taken = self._emails.find_one({"_id": email}, comment="emails.get")
            return self._account(taken["user_id"]) if taken else None

    def get(self, user_id: str) -> Account:
        """Raises NotFound."""
        with self._mongo.errors():
            account = self._account(user_id)
        if account is None:
            raise _no_such_user(user_id)
        return account

    def get_many(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Those that there are."""
        with self._mongo.errors():
            found = list(self._users.find({"_id": {"$in": list(user_ids)}}, {"password_hash": 0}, comment="users.get_many"))
        return {document["_id"]: _user(document) for document in found}

    def page(self, after: str | None, size: int) -> list[User]:
        """People behind this id, by id."""
        wanted, comment = ({"_id": {"$gt": after}}, "users.walk") if after is not None else ({}, "users.walk_from")
        with self._mongo.errors():
            return [_user(one) for one in self._users.find(wanted, {"password_hash": 0}, comment=comment).sort("_id", 1).limit(size)]

    def require(self, user_id: str, other_id: str) -> None:
        """Raises NotFound unless there are both."""
        with self._mongo.errors():
            found = {
                document["_id"]
                for document in self._users.find({"_id": {"$in": [user_id, other_id]}}, {"_id": 1}, comment="users.get_many")
            }
        for wanted in (other_id, user_id):
            if wanted not in found:
                raise _no_such_user(wanted)

    def set_roles(self, user_id: str, roles: list[Role]) -> None:
        """Raises NotFound."""
        change = {"$set": {"roles": [role.value for role in roles]}, "$inc": {"version": 1}}
        with self._mongo.errors():
            result = self._users.update_one({"_id": user_id}, change, comment="users.set_roles")
        if not result.matched_count:
            raise _no_such_user(user_id)

    def add_role(self, user_id: str, role: Role) -> None:
        """Nothing changes, and so nothing is told, where the person has it, or is not there."""
        lacking = {"_id": user_id, "roles": {"$ne": role.value}}
        change = {"$push": {"roles": {"$each": [role.value], "$sort": 1}}, "$inc": {"version": 1}}
        with self._mongo.errors():
            self._users.update_one(lacking, change, comment="users.add_role")

    def update(self, user_id: str, fields: dict[str, str], normalised: str | None) -> User:
        """Set fields; with `normalised`, the person's address moves there, all or nothing. Raises NotFound, EmailTaken."""

        def work(session: ClientSession) -> Document | None:
            before = self._users.find_one_and_update(
                {"_id": user_id}, {"$set": fields, "$inc": {"version": 1}}, session=session, comment="users.update"
            )
            if before and normalised is not None:
                self._move_address(before, normalised, session)
            return before

        with self._mongo.errors():
            try:
                found = self._mongo.transaction(work)
            except DuplicateKeyError as error:
                raise EmailTaken(field="email") from error
        if found is None:
            raise _no_such_user(user_id)
        return self.get(user_id).user

    def _move_address(self, before: Document, normalised: str, session: ClientSession) -> None:
        previous = normalised_email(before["email"])
        if previous == normalised:
            return
        self._emails.delete_one({"_id": previous, "user_id": before["_id"]}, session=session, comment="emails.free")
        self._emails.insert_one({"_id": normalised, "user_id": before["_id"]}, session=session, comment="emails.add")

    def delete(self, user_id: str) -> None:
        """Delete a person with address and sessions, all or nothing. An unknown one is no error."""

        def work(session: ClientSession) -> None:
            before = self._users.find_one_and_delete({"_id": user_id}, session=session, comment="users.delete")
            if before:
                address = {"_id": normalised_email(before["email"]), "user_id": user_id}
                self._emails.delete_one(address, session=session, comment="emails.free")
                self._sessions.delete_many({"user_id": user_id}, session=session, comment="sessions.end_all")

        with self._mongo.errors():
            self._mongo.transaction(work)

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
                },
                comment="sessions.add",
            )

    def session(self, user_id: str, session_id: str) -> StoredSession | None:
        with self._mongo.errors():
            found = self._sessions.find_one({"_id": session_id, "user_id": user_id}, comment="sessions.get")
        if not found:
            return None
        return StoredSession(found["_id"], found["user_id"], found["current"], found["previous"], found["rotated_at"], found["expires_at"])

    def rotate(self, session: StoredSession, current: str, now: datetime, expires_at: datetime) -> bool:
        """Put a new token in the place of the current one. False where somebody was faster."""
        change = {"$set": {"current": current, "previous": session.current, "rotated_at": now, "expires_at": expires_at}}
        with self._mongo.errors():
            held = {"_id": session.id, "user_id": session.user_id, "current": session.current}
            result = self._sessions.update_one(held, change, comment="sessions.rotate")
        return bool(result.matched_count)

    def end_session(self, user_id: str, session_id: str) -> None:
        with self._mongo.errors():
            self._sessions.delete_one({"_id": session_id, "user_id": user_id}, comment="sessions.end")

    def _account(self, user_id: str) -> Account | None:
        found: Document | None = self._users.find_one({"_id": user_id}, comment="users.get")
        return Account(_user(found), found["password_hash"]) if found else None


def _user(document: Document) -> User:
    return User(
        document["_id"],
        document["name"],
        document["email"],
        [Role(role) for role in document["roles"]],
        document["created_at"],
        document["display_name"],
        document["bio"],
        document["picture"],
        int(document["version"]),
    )


def _no_such_user(user_id: str) -> NotFound:
    return NotFound("There is no such user.", user_id=user_id)
