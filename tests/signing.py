"""Key pairs for tokens: the private half signs, the public half goes into a JWK Set."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from chat.tokens import TokenVerifier, Verified
from tests.records import NOW

MAKERS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "ES384": ECAlgorithm, "EdDSA": OKPAlgorithm}
_NEW: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65_537, 2_048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
GOOD_FOR_SECONDS = 10 * 365 * 86_400


@dataclass(frozen=True)
class Signer:
    """A key pair, known by its key id."""

    kid: str | None
    algorithm: str
    private: Any

    @classmethod
    def new(cls, kid: str | None, algorithm: str = "EdDSA") -> "Signer":
        return cls(kid, algorithm, _NEW[algorithm]())

    def jwk(self, **more: Any) -> dict[str, Any]:
        """The public half, as a JWK Set holds it."""
        made = {**MAKERS[self.algorithm].to_jwk(self.private.public_key(), as_dict=True), "alg": self.algorithm, **more}
        return made if self.kid is None else made | {"kid": self.kid}

    def token(self, **claims: Any) -> str:
        """A token of a teacher of all of tenant-1, good for years."""
        good = {"user_id": "teacher-1", "tenant_id": "tenant-1", "learner_scope": ["*"], "role": "teacher"}
        headers = None if self.kid is None else {"kid": self.kid}
        expires = {"exp": NOW // 1000 + GOOD_FOR_SECONDS}
        return jwt.encode(good | expires | claims, self.private, algorithm=self.algorithm, headers=headers)


def jwk_set(signers: Iterable[Signer]) -> bytes:
    """The set of their public halves."""
    return json.dumps({"keys": [one.jwk() for one in signers]}).encode()


async def verified(verifier: TokenVerifier, token: str, at: float = NOW / 1000) -> Verified:
    """What the service makes of a token whose key it may still have to look for."""
    await verifier.settle(token, at)
    return verifier.verify(token, at)
