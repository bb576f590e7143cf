"""Opaque, signed page cursors: a client can neither read meaning into one nor make one up."""

import base64
import hashlib
import hmac
from typing import Protocol, TypeVar

import msgspec

from services.contracts.errors import InvalidInput

T = TypeVar("T")


class OfListing(Protocol):
    """A position that says in which list it is."""

    @property
    def listing(self) -> str: ...


P = TypeVar("P", bound=OfListing)
# 12 bytes: forging one takes 2**95 tries on average, and a cursor stays short.
_SIGNATURE_BYTES = 12


class Cursors:
    """Signs and reads cursors of one kind. A cursor of another kind or key is refused."""

    def __init__(self, key: bytes, kind: str) -> None:
        # Begun once, and copied for each cursor: a page has one for each of its lines.
        self._begun = hmac.new(hashlib.sha256(key + b"\x00" + kind.encode()).digest(), digestmod=hashlib.sha256)

    def write(self, position: object) -> str:
        body = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")

    def read(self, cursor: str, kind: type[T]) -> T:
        """The position in a cursor. Raises InvalidInput where it is not one of ours."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._sign(body)):
                raise InvalidInput("The cursor is not one that this service gave.", field="after")
            return msgspec.json.decode(body, type=kind)
        except (ValueError, msgspec.MsgspecError) as error:
            raise InvalidInput("The cursor is not one that this service gave.", field="after") from error

    def read_of(self, listing: str, cursor: str, kind: type[P]) -> P:
        """The same, of this list. Raises InvalidInput also for a cursor of another list."""
        position = self.read(cursor, kind)
        if position.listing != listing:
            raise InvalidInput("The cursor belongs to another list.", field="after")
        return position

    def _sign(self, body: bytes) -> bytes:
        signature = self._begun.copy()
        signature.update(body)
        return signature.digest()[:_SIGNATURE_BYTES]
