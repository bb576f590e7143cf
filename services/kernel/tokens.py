"""Checks access tokens: JWTs that the gateway signs with Ed25519 (EdDSA, RFC 8037). Who only checks them knows the public key, and no more.

A token is checked once and then known by its text until it expires: the signature costs more than the rest of a rejection.
"""

import base64
import time
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.contracts.errors import Unauthenticated
from services.contracts.users import Role
from services.kernel.calls import Viewer

ALGORITHM = "EdDSA"
# Tokens remembered as checked; some 300 bytes each.
REMEMBERED = 20_000
# A client's header longer than this is no token of ours.
MAX_TOKEN_CHARS = 2_000
# Of an Ed25519 key, the secret one as well as the public one.
KEY_BYTES = 32


def key_bytes(text: str) -> bytes:
    """The bytes of a key in base64url. Raises ValueError."""
    raw = base64.urlsafe_b64decode(text + "==")
    if len(raw) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64url")
    return raw


def public_key_of(secret: str) -> str:
    """The public key of a signer's secret, both in base64url."""
    public = Ed25519PrivateKey.from_private_bytes(key_bytes(secret)).public_key()
    return base64.urlsafe_b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class TokenReader:
    """Who somebody is, by their token. public_key: base64url of its 32 bytes."""

    def __init__(self, public_key: str, issuer: str) -> None:
        self._public = Ed25519PublicKey.from_public_bytes(key_bytes(public_key))
        self._issuer = issuer
        self._checked = lru_cache(maxsize=REMEMBERED)(self._check)

    def viewer(self, header: str | None) -> Viewer | None:
        """The person of an Authorization header; None without one. Raises Unauthenticated for a token that does not hold."""
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("Send the access token as: Authorization: Bearer <token>.")
        viewer, expires_at = self._checked(token.strip())
        if time.time() >= expires_at:
            raise Unauthenticated("The access token has expired. Refresh it.")
        return viewer

    def _check(self, token: str) -> tuple[Viewer, float]:
        try:
            # iat only tells the age of a token (RFC 7519, 4.1.6): a gateway whose clock is behind must not refuse its neighbour's.
            options = {"require": ["exp", "sub", "iss"], "verify_iat": False}
            claims = jwt.decode(token, self._public, algorithms=[ALGORITHM], issuer=self._issuer, options=options)  # type: ignore[arg-type]
            return Viewer(claims["sub"], tuple(Role(role) for role in claims.get("roles", ()))), float(claims["exp"])
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired. Refresh it.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated("The access token does not hold.") from error
