"""Web push: encrypted for the browser (RFC 8291, aes128gcm) and signed for its vendor (VAPID, RFC 8292)."""

import time
from collections import OrderedDict

import http_ece
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from services.kernel import push_keys
from services.notifications.push import rules
from services.notifications.push.guard import Place
from services.notifications.push.rules import Task

# Vendors refuse a token that is good for more than 24 hours; one is used for half of its life.
TOKEN_LIFE_S = 12 * 3600
# How long the vendor keeps a message for a browser that is off.
TTL_S = 24 * 3600
_VENDORS_REMEMBERED = 1_000


def body_of(task: Task) -> bytes:
    """What the page's service worker shows: id, title, text and where a click leads. Less than the 4 KB that every vendor takes."""
    notice = task.notice
    shown = {"id": task.id, "type": rules.event_type(notice.kind), "title": rules.title(notice), "text": rules.text(notice)}
    return msgspec.json.encode({**shown, "dropId": notice.drop_id, "orderId": notice.order_id})


def encrypted(task: Task, body: bytes) -> bytes:
    """For this subscription alone. Raises ValueError where its keys are none."""
    public, secret = push_keys.to_bytes(task.target.p256dh), push_keys.to_bytes(task.target.auth)
    sealed: bytes = http_ece.encrypt(
        body, private_key=ec.generate_private_key(ec.SECP256R1()), dh=public, auth_secret=secret, version="aes128gcm"
    )
    return sealed


def is_key(text: str) -> bool:
    """Whether this is a point of the curve."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), push_keys.to_bytes(text))
    except ValueError:
        return False
    return True


class Vapid:
    """Says who we are to browsers' vendors. secret: base64url of 32 bytes. subject: whom they can write to."""

    def __init__(self, secret: str, subject: str) -> None:
        self._key = push_keys.private_key(secret)
        self._public = push_keys.public_text(secret)
        self._subject = subject
        self._tokens: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def headers_of(self, place: Place) -> dict[str, str]:
        token = self._token(f"{place.scheme}://{place.origin}")
        return {
            "Authorization": f"vapid t={token}, k={self._public}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(TTL_S),
            "Urgency": "normal",
        }

    def _token(self, audience: str) -> str:
        now = time.time()
        known = self._tokens.get(audience)
        if known and known[0] > now:
            return known[1]
        claims = {"aud": audience, "exp": int(now) + TOKEN_LIFE_S, "sub": self._subject}
        token = jwt.encode(claims, self._key, algorithm="ES256")
        self._tokens[audience] = (now + TOKEN_LIFE_S / 2, token)
        if len(self._tokens) > _VENDORS_REMEMBERED:
            self._tokens.popitem(last=False)
        return token
