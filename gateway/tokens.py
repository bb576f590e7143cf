"""Access tokens as the gateway issues them; what checks them is `services.kernel.tokens`."""

import json
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.contracts.users import User
from services.kernel.tokens import ALGORITHM, LIVE_AUDIENCE, UNTIL, SignIn, TokenReader, key_bytes, public_key_of

# It travels in an address, which logs and histories keep: nobody should find one there that still opens anything.
TICKET_LIFE_S = 60


class Tokens(TokenReader):
    """key: the seed of the key that signs, base64url of its 32 bytes. others: public keys whose tokens hold as well."""

    def __init__(self, key: str, issuer: str, life_s: int, others: str = "") -> None:
        super().__init__(public_key_of(key), issuer, others)
        self._key = Ed25519PrivateKey.from_private_bytes(key_bytes(key))
        self.life_s = life_s

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

    def issue_ticket(self, signed_in: SignIn) -> tuple[str, int]:
        """For one who opens a live stream from where no header can be sent, and the seconds it lives: no longer than what it stands for."""
        now = int(time.time())
        life_s = min(TICKET_LIFE_S, max(0, int(signed_in.until) - now))
        claims = {
            "iss": self._issuer,
            "aud": LIVE_AUDIENCE,
            "sub": signed_in.viewer.id,
            "iat": now,
            "exp": now + life_s,
            UNTIL: signed_in.until,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), life_s

    def key_set(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 7517), for whoever else wants to check tokens; the first is the one that signs now."""
        keys = [json.loads(OKPAlgorithm.to_jwk(public)) for public in self._publics]
        return {"keys": [{**key, "use": "sig", "alg": ALGORITHM} for key in keys]}
