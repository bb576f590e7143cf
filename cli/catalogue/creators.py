"""Whose products a catalogue's are: people that there are, or people made for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from cli.catalogue.files import Entry, Fault
from services.contracts.errors import EmailTaken
from services.contracts.users import Role, Users
from services.contracts.values import UserId
from services.kernel import ids

# The address of a made creator; nobody has a mailbox in this domain (RFC 2606).
_ADDRESS = "{key}@catalogue.livedrops.example"
_SOLD_BY = [Role.CREATOR, Role.FAN]

SignUp = Callable[[str, str], str]


class Creators:
    """Finds the user id that a line's creator stands for. Safe for many threads; a creator is made once.

    everybodys: an id that all lines belong to, whatever they say. sign_up: makes a creator of a key and a name; None to make none.
    """

    def __init__(self, everybodys: str | None, sign_up: SignUp | None) -> None:
        self._everybodys = everybodys
        self._sign_up = sign_up
        self._lock = threading.Lock()
        # Some 200 bytes each: a catalogue has far fewer creators than would fill a memory.
        self._known: dict[str, Future[str]] = {}

    @property
    def count(self) -> int:
        return len(self._known)

    def of(self, entry: Entry) -> str | Fault:
        """Raises LiveDropsError where a creator could not be made, which may be tried again."""
        if self._everybodys:
            return self._everybodys
        key = entry.listing.creator
        if key is None:
            return Fault(entry.line, "creator", "whose it is: neither the line nor --creator says")
        if _is_id(key):
            return key
        if self._sign_up is None:
            return Fault(entry.line, "creator", f"{key!r} is no user id, and --make-creators was not given")
        try:
            return self._made(key, entry.listing.creator_name or key, self._sign_up)
        except EmailTaken:
            return Fault(entry.line, "creator", f"{key!r} was made with another name or password")

    def _made(self, key: str, name: str, sign_up: SignUp) -> str:
        with self._lock:
            known = self._known.get(key)
            mine = known or self._known.setdefault(key, Future())
        if known:
            return known.result()
        try:
            mine.set_result(sign_up(key, name))
        except Exception as error:
            # Whoever waits for this creator hears of it too, and the next one tries again.
            with self._lock:
                del self._known[key]
            mine.set_exception(error)
        return mine.result()


def sign_up_with(users: Users, password: str) -> SignUp:
    """Signs creators up under addresses derived from their keys: again, it finds them."""

    def sign_up(key: str, name: str) -> str:
        address = _ADDRESS.format(key=ids.derived_id("catalogue creator", key))
        user = users.sign_up(name=name, email=address, password=password)
        if Role.CREATOR not in user.roles:
            users.set_roles(user_id=user.id, roles=_SOLD_BY)
        return user.id

    return sign_up


def _is_id(text: str) -> bool:
    try:
        msgspec.convert(text, UserId)
    except msgspec.ValidationError:
        return False
    return True
