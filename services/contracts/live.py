"""What goes over Redis to the live process: a hint, never the truth. Whoever misses a message finds it where it came from.

A channel carries messages of one kind. Names have no hash tags: pub/sub of a Redis Cluster reaches every node.
"""

import msgspec

from .notifications import Broadcast, Notice, Sequence
from .orders import Stock
from .values import DropId, UserId

# Every broadcast there is, in the order of their numbers as far as Redis goes: a Broadcast. Gaps are filled by list_broadcasts.
BROADCASTS = "live.broadcasts"


def person(user_id: UserId) -> str:
    """What happens to one person: a PersonMessage."""
    return f"live.person.{user_id}"


def stock(drop_id: DropId) -> str:
    """The book of a drop after a change: a Stock. Older versions than one seen are to be ignored."""
    return f"live.stock.{drop_id}"


def drop(drop_id: DropId) -> str:
    """The drop has changed, started, ended, sold out or come back: an empty message. Ask for it anew."""
    return f"live.drop.{drop_id}"


class PersonMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """number and notice: a new personal note. interests: whom they follow, what they mute or are reminded of has changed: ask anew."""

    number: Sequence = 0
    notice: Notice | None = None
    interests: bool = False


__all__ = ["BROADCASTS", "Broadcast", "PersonMessage", "Stock", "drop", "person", "stock"]
