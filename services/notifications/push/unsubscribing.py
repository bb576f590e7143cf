"""The address in each mail at which its person ends them: signed, so that nobody ends another's."""

from typing import NamedTuple
from urllib.parse import urlencode

from services.kernel.cursors import Cursors
from services.notifications.push.mails import UNSUBSCRIBE_PATH

_LISTING = "mails"


class _Person(NamedTuple):
    listing: str
    user_id: str


class Unsubscribing:
    """key: the same where mails are sent and where they are ended."""

    def __init__(self, key: bytes) -> None:
        self._cursors = Cursors(key, "unsubscribe")

    def link(self, public_url: str, user_id: str) -> str:
        token = self._cursors.write(_Person(_LISTING, user_id))
        return f"{public_url}{UNSUBSCRIBE_PATH}?{urlencode({'token': token})}"

    def person(self, token: str) -> str:
        """Whose mails it ends. Raises InvalidInput."""
        return self._cursors.read_of(_LISTING, token, _Person).user_id
