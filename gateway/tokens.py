"""Access tokens: JWTs signed with Ed25519 (EdDSA, RFC 8037) that the gateway issues and checks.

A token is checked once and then known by its text until it expires: the signature costs more than the rest of a rejection.
"""

import base64
import json
import time
import uuid
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.contracts.errors import Unauthenticated
from services.contracts.users import Role, User
from services.kernel.calls import Viewer

ALGORITHM = "EdDSA"
# Tokens remembered as checked; some 300 bytes each.
REMEMBERED = 20_000
# A client's header longer than this is no token of ours.
MAX_TOKEN_CHARS = 2_000


class Tokens:
    def __init__(self, key: str, issuer: str, life_s: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key + "=="))
        self._public = self._key.public_key()
        self._issuer = issuer
        self.life_s = life_s
        self._checked = lru_cache(maxsize=REMEMBERED)(self._check)

    def issue(self, user: User) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "sub": user.id,
            "roles": [role.value for role in user.roles],
            "iat": now,
            "exp": now + self.life_s,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

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

    def key_set(self) -> dict[str, Any]:
        """The public key as a JWK set (RFC 7517), for whoever else wants to check tokens."""
        key = json.loads(OKPAlgorithm.to_jwk(self._public))
        return {"keys": [{**key, "use": "sig", "alg": ALGORITHM}]}

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
