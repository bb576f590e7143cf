"""Turns changes of follows into changes of lists and counts, in the store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pymongo.client_session import ClientSession

from services.contracts.users import User
from services.kernel.cache import batched
from services.kernel.mongo import Mongo
from services.users.derivation import Change, Derivation, Pair, derive
from services.users.domain import folded_name
from services.users.follows import Follows
from services.users.lists import Lists
from services.users.store import Accounts

# Written in the same transaction: the fence, and how far the work is.
InTransaction = Callable[[ClientSession], None]
# People asked for at once.
PEOPLE_AT_ONCE = 1_000


class Deriver:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self.accounts = Accounts(mongo)
        self.follows = Follows(mongo)
        self.lists = Lists(mongo)

    def people(self, user_ids: Iterable[str]) -> dict[str, User]:
        """Those that there are, as they are now."""
        found: dict[str, User] = {}
        for some in batched(sorted(user_ids), PEOPLE_AT_ONCE):
            found |= self.accounts.get_many(some)
        return found

    def without_the_gone(self, changes: Sequence[Change], people: Mapping[str, User]) -> list[Change]:
        """The changes, with every follow of or by somebody who is not there taken as ended, in the store as well.

        A follow may be written while one of the two is being deleted. people: those that there are of all active changes.
        """
        gone = [change for change in changes if change.active and not (change.user_id in people and change.creator_id in people)]
        if gone:
            self.follows.end([change.pair for change in gone])
        lost: set[Pair] = {change.pair for change in gone}
        return [replace(change, active=False) if change.pair in lost else change for change in changes]

    def apply(self, changes: Sequence[Change], people: Mapping[str, User], beside: InTransaction) -> Derivation:
        """Bring lists and counts up to these changes, in one transaction with what `beside` writes. What changed."""

        def work(session: ClientSession) -> Derivation:
            beside(session)
            listed = self.lists.listed([change.pair for change in changes], session) if changes else {}
            derivation = derive(listed, changes)
            names = {user_id: folded_name(people[user_id].display_name) for user_id, _ in derivation.put}
            self.lists.apply(derivation, names, session)
            return derivation

        with self._mongo.errors():
            return self._mongo.transaction(work)

    def listed(self, changes: Sequence[Change]) -> dict[Pair, datetime]:
        """What the lists show of the pairs of these changes."""
        with self._mongo.errors():
            return self.lists.listed([change.pair for change in changes]) if changes else {}

    def rename(self, user: User) -> None:
        """Show a person under the name of now in every list that they are in."""
        for entries in self.follows.walk(user.id):
            self.lists.rename(entries, folded_name(user.display_name))
