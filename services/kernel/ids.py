"""Identifiers: time-ordered UUIDs (RFC 9562, version 7), and ids derived from what they name."""

import uuid

import uuid_utils

# Our own namespace for derived ids; fixed for ever, or consumers would see known events as new.
_NAMESPACE = uuid.UUID("5b1f7c1e-0d5c-5d0e-9a34-6c6976656472")


def new_id() -> str:
    """A new UUID whose order is the order of time."""
    return str(uuid_utils.uuid7())


def new_id_hex() -> str:
    """The same, as 32 hex digits."""
    return str(uuid_utils.uuid7()).replace("-", "")


def derived_id(*parts: object) -> str:
    """The same parts give the same id: an event that is made twice is one event."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts)))
