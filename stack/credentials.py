"""The secrets of an instance: made once, kept in a file that only its owner reads, never shown."""

import base64
import secrets
import uuid
from collections.abc import Collection
from pathlib import Path

import msgspec

from stack.instance import write_private


class Credentials(msgspec.Struct, frozen=True):
    """instance: tells data of this state folder from data of a deleted one. Keys are base64url of 32 random bytes, tokens are UUIDs."""

    instance: str
    postgres_admin: str
    postgres: str
    jwt_key: str
    cursor_key: str
    broker: dict[str, str]
    vapid_key: str = ""
    tokens: dict[str, str] = {}


def load_or_make(file: Path, broker_users: Collection[str], token_names: Collection[str] = ()) -> Credentials:
    """The kept credentials, with a password for every broker user, every key and token: a later version of LiveDrops may know more of them."""
    known = msgspec.json.decode(file.read_bytes(), type=Credentials) if file.exists() else _new()
    missing = [user for user in broker_users if user not in known.broker]
    passwords = {user: _password() for user in missing}
    tokens = {name: str(uuid.uuid4()) for name in token_names if name not in known.tokens}
    complete = msgspec.structs.replace(
        known, broker=known.broker | passwords, vapid_key=known.vapid_key or _key(), tokens=known.tokens | tokens
    )
    if complete != known or not file.exists():
        write_private(file, msgspec.json.format(msgspec.json.encode(complete), indent=2).decode() + "\n")
    return complete


def _new() -> Credentials:
    return Credentials(_password(), _password(), _password(), _key(), _key(), {}, _key())


def _password() -> str:
    # Only characters that mean nothing in a URL.
    return secrets.token_hex(16)


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
