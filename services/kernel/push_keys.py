"""The key pair of web push (VAPID, RFC 8292): browsers' vendors take messages only from who signs with the key that a subscription was made for."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kernel.tokens import key_bytes


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """The signer's key, from base64url of its 32 bytes. Raises ValueError."""
    return ec.derive_private_key(int.from_bytes(key_bytes(text)), ec.SECP256R1())


def public_text(secret: str) -> str:
    """Its public half as browsers take it (applicationServerKey): the uncompressed point in base64url. Raises ValueError."""
    return to_text(point_of(private_key(secret).public_key()))


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_text(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def to_bytes(text: str) -> bytes:
    """From base64url, padded or not. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
