"""Tokens signed with private keys, checked with the public ones of a file."""

import base64
import hmac
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from chat.errors import BadSetting, TokenInvalid
from chat.tokens import TokenVerifier
from tests.records import settings_for_tests

CLAIMS = {"user_id": "u", "tenant_id": "t", "learner_scope": ["*"], "role": "admin", "exp": 2_000}
RSA = rsa.generate_private_key(65_537, 2_048)
OTHER_RSA = rsa.generate_private_key(65_537, 2_048)
SHORT_RSA = rsa.generate_private_key(65_537, 1_024)  # noqa: S505 - too short on purpose
EC = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}
MAKERS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "ES384": ECAlgorithm, "EdDSA": OKPAlgorithm}


def jwk(algorithm: str, key: Any, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public half of a key, as a JWK Set holds it."""
    made = {**MAKERS[algorithm].to_jwk(key.public_key(), as_dict=True), "alg": algorithm, **more}
    return made if kid is None else made | {"kid": kid}


def verifier(folder: Path, keys: Sequence[dict[str, Any]], prefix: str = "", **settings: Any) -> TokenVerifier:
    """A verifier that knows these keys."""
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    return TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=f"{prefix}{path}", **settings))


def token(algorithm: str, key: Any, **headers: Any) -> str:
    """A token of that key."""
    return jwt.encode(CLAIMS, key, algorithm=algorithm, headers=headers)


@pytest.fixture
def all_three(tmp_path: Path) -> TokenVerifier:
    return verifier(tmp_path, [jwk(algorithm, key, algorithm) for algorithm, key in KEYS.items()])


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm_is_accepted_with_its_key(all_three: TokenVerifier, algorithm: str) -> None:
    """RS256, ES256 and EdDSA tokens count, with the key's id and, where one key alone fits, without."""
    assert all_three.verify(token(algorithm, KEYS[algorithm], kid=algorithm)).principal.tenant_id == "t"
    assert all_three.verify(token(algorithm, KEYS[algorithm])).principal.tenant_id == "t"


def test_the_file_may_be_named_as_an_address(tmp_path: Path) -> None:
    """`file://` before the path is the same file."""
    assert verifier(tmp_path, [jwk("ES256", EC)], prefix="file://").verify(token("ES256", EC))


def _confused(secret: bytes) -> str:
    """An HS256 token whose secret is what everybody knows of the service's key."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "RS256"}, CLAIMS)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    tag = base64.urlsafe_b64encode(hmac.digest(secret, signed, sha256)).rstrip(b"=")
    return f"{signed.decode()}.{tag.decode()}"


BAD = {
    "another key under a known id": token("RS256", OTHER_RSA, kid="RS256"),
    "an unknown id": token("RS256", RSA, kid="RS512"),
    "the id of another algorithm's key": token("RS256", RSA, kid="ES256"),
    "the public key as an HMAC secret, PEM": _confused(
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "the public key as an HMAC secret, JWK": _confused(json.dumps(jwk("RS256", RSA, "RS256")).encode()),
    "a stronger hash that is not allowed": token("RS512", RSA, kid="RS256"),
    "another padding that is not allowed": token("PS256", RSA, kid="RS256"),
    "algorithm none": jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "RS256"}),
    "its own key": token("RS256", OTHER_RSA, jwk=jwk("RS256", OTHER_RSA, "RS256")),
    "its own keys' address": token("RS256", RSA, kid="RS256", jku="https://attacker.example"),
    "the secret of the other family": jwt.encode(CLAIMS, "x" * 32, algorithm="HS256"),
}


@pytest.mark.parametrize("name", BAD)
def test_forged_tokens_are_refused(all_three: TokenVerifier, name: str) -> None:
    """No token chooses its key or its algorithm; the right one beside it is accepted."""
    with pytest.raises(TokenInvalid):
        all_three.verify(BAD[name])
    assert all_three.verify(token("RS256", RSA, kid="RS256"))


def test_algorithms_that_are_not_listed_are_refused(tmp_path: Path) -> None:
    """JWT_ALGORITHMS narrows what the keys would allow."""
    narrow = verifier(tmp_path, [jwk("RS256", RSA), jwk("ES256", EC)], jwt_algorithms=("ES256",))
    assert narrow.verify(token("ES256", EC))
    with pytest.raises(TokenInvalid):
        narrow.verify(token("RS256", RSA))


def test_without_an_id_two_keys_are_a_choice_that_nobody_makes(tmp_path: Path) -> None:
    """A token without key id is refused where two keys fit, and accepted with the id."""
    two = verifier(tmp_path, [jwk("RS256", RSA, "a"), jwk("RS256", OTHER_RSA, "b")])
    assert two.verify(token("RS256", RSA, kid="a"))
    with pytest.raises(TokenInvalid):
        two.verify(token("RS256", RSA))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # of the signer, not of ours
@pytest.mark.parametrize(("key", "signer", "algorithm"), [
    (jwk("RS256", SHORT_RSA), SHORT_RSA, "RS256"),
    (jwk("RS256", RSA, use="enc"), RSA, "RS256"),
    (jwk("ES384", EC_384), EC_384, "ES384"),
])  # fmt: skip
def test_unfit_keys_check_nothing(tmp_path: Path, key: dict[str, Any], signer: Any, algorithm: str) -> None:
    """A key that is too short, for encryption, or of an algorithm that is not accepted opens no door."""
    unfit = verifier(tmp_path, [key, jwk("EdDSA", ED)])
    assert unfit.verify(token("EdDSA", ED))
    with pytest.raises(TokenInvalid):
        unfit.verify(token(algorithm, signer))


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', '{"keys": {"kty": "EC"}}', "\udcff",
])  # fmt: skip
def test_a_file_that_is_no_key_set_stops_the_process(tmp_path: Path, text: str) -> None:
    """A wrong JWKS is a wrong setting, named."""
    path = tmp_path / "jwks.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadSetting, match="JWT_JWKS_URL"):
        TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=str(path)))


SECRETS = {
    "a private key": RSAAlgorithm.to_jwk(RSA, as_dict=True),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_with_secrets_stops_the_process(tmp_path: Path, name: str) -> None:
    """Only public keys belong into a JWKS; the same file without the secret is good."""
    assert verifier(tmp_path, [jwk("ES256", EC)]).verify(token("ES256", EC))
    with pytest.raises(BadSetting, match="public keys only"):
        verifier(tmp_path, [jwk("ES256", EC), SECRETS[name]])


@pytest.mark.parametrize("address", ["/nowhere/jwks.json", "https://keys.example/jwks.json"])
def test_keys_that_cannot_be_read_stop_the_process(address: str) -> None:
    """A missing file and an http address, which is not read yet, are said at the start."""
    with pytest.raises(BadSetting, match="JWT_JWKS_URL"):
        TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=address))
