"""Checks access tokens: JWTs that the gateway signs with Ed25519 (EdDSA, RFC 8037). Who only checks them knows the public key, and no more.

A token is checked once and then known by its text until it expires: the signature costs more than the rest of a rejection.
"""

import base64
import time
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import AfterValidator

from services.contracts.errors import Unauthenticated
from services.contracts.users import Role
from services.kernel.calls import Viewer

ALGORITHM = "EdDSA"
# Tokens remembered as checked; some 300 bytes each.
REMEMBERED = 20_000
# A client's header longer than this is no token of ours.
MAX_TOKEN_CHARS = 2_000
# Whom a ticket is for, and its claim of when the sign-in ends that it stands for.
LIVE_AUDIENCE = "livedrops:live"
UNTIL = "livedrops:until"
# Of an Ed25519 key, the secret one as well as the public one.
KEY_BYTES = 32


def key_bytes(text: str) -> bytes:
    """The bytes of a key in base64url. Raises ValueError."""
    raw = base64.urlsafe_b64decode(text + "==")
    if len(raw) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64url")
    return raw


def _is_key(text: str) -> str:
    key_bytes(text)
    return text


def _are_keys(text: str) -> str:
    for key in keys_of(text):
        key_bytes(key)
    return text


def keys_of(text: str) -> list[str]:
    """Public keys as a setting names several, with commas between them."""
    return [key.strip() for key in text.split(",") if key.strip()]


# Settings: the key of who only checks tokens, and those that hold beside it while keys are changed (docs/runbooks/rotate-secrets.md).
PublicKey = Annotated[str, AfterValidator(_is_key)]
PublicKeys = Annotated[str, AfterValidator(_are_keys)]


def public_key_of(secret: str) -> str:
    """The public key of a signer's secret, both in base64url."""
    public = Ed25519PrivateKey.from_private_bytes(key_bytes(secret)).public_key()
    return base64.urlsafe_b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class SignIn(NamedTuple):
    """Who is signed in, and until when: seconds since 1970."""

    viewer: Viewer
    until: float


class TokenReader:
    """Who somebody is, by their token. public_key: base64url of its 32 bytes. others: that hold as well, with commas between them."""

    def __init__(self, public_key: str, issuer: str, others: str = "") -> None:
        texts = dict.fromkeys([public_key, *keys_of(others)])
        self._publics = [Ed25519PublicKey.from_public_bytes(key_bytes(text)) for text in texts]
        self._issuer = issuer
        self._checked = lru_cache(maxsize=REMEMBERED)(self._check)

    def viewer(self, header: str | None) -> Viewer | None:
        """The person of an Authorization header; None without one. Raises Unauthenticated for a token that does not hold."""
        signed_in = self.sign_in(header)
        return signed_in.viewer if signed_in else None

    def sign_in(self, header: str | None) -> SignIn | None:
        """The same, and until when the token holds."""
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send the access token as: Authorization: Bearer <token>.")
        return self.sign_in_of(token.strip())

    def sign_in_of(self, token: str) -> SignIn:
        """Raises Unauthenticated for an access token that does not hold."""
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("Send the access token as: Authorization: Bearer <token>.")
        signed_in = self._checked(token)
        if time.time() >= signed_in.until:
            raise Unauthenticated("The access token has expired. Refresh it.")
        return signed_in

    def sign_in_of_ticket(self, ticket: str) -> SignIn:
        """Whose ticket for a live stream it is, and until when they are signed in. Raises Unauthenticated."""
        if len(ticket) > MAX_TOKEN_CHARS:
            raise Unauthenticated("The ticket does not hold.")
        try:
            claims = self._claims(ticket, audience=LIVE_AUDIENCE, require=["exp", "sub", "iss", "aud", UNTIL])
            return SignIn(_viewer(claims), float(claims[UNTIL]))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The ticket has expired. Get a new one.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise Unauthenticated("The ticket does not hold.") from error

    def _check(self, token: str) -> SignIn:
        try:
            # A ticket has an audience, and a token that has one without being asked for it is refused: a ticket is no access token.
            claims = self._claims(token, audience=None, require=["exp", "sub", "iss"])
            return SignIn(_viewer(claims), float(claims["exp"]))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired. Refresh it.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated("The access token does not hold.") from error

    def _claims(self, token: str, audience: str | None, require: list[str]) -> dict[str, Any]:
        # iat only tells the age of a token (RFC 7519, 4.1.6): a gateway whose clock is behind must not refuse its neighbour's.
        options: Any = {"require": require, "verify_iat": False}
        for public in self._publics[:-1]:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(token, public, algorithms=[ALGORITHM], issuer=self._issuer, audience=audience, options=options)
        return jwt.decode(token, self._publics[-1], algorithms=[ALGORITHM], issuer=self._issuer, audience=audience, options=options)


def _viewer(claims: dict[str, Any]) -> Viewer:
    return Viewer(claims["sub"], tuple(Role(role) for role in claims.get("roles", ())))
