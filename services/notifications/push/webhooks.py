"""Webhooks as Standard Webhooks has them (https://www.standardwebhooks.com): signed, with the same id at every try."""

import base64
import hashlib
import hmac
import secrets
import time

import msgspec

from services.notifications.push import rules
from services.notifications.push.rules import Task

PREFIX = "whsec_"
# The specification asks for 24 to 64 bytes.
_SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def body_of(task: Task) -> bytes:
    """{"type": "drop.started", "timestamp": ..., "data": ...}; data is the notice as clients name its fields, without what it does not have."""
    fields = msgspec.to_builtins(task.notice)
    data = {_camel(name): value for name, value in fields.items() if value is not None}
    return msgspec.json.encode({"type": rules.event_type(task.notice.kind), "timestamp": fields["at"], "data": data})


def headers_of(task: Task, body: bytes) -> dict[str, str]:
    """Signed now: the receiver refuses what is old."""
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "webhook-id": task.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature(task.target.secret, task.id, timestamp, body)}",
    }


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return base64.b64encode(digest).decode()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
