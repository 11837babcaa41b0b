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
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from chat.errors import BadSetting, KeysUnavailable, TokenInvalid
from chat.jwks import parse, public_key
from chat.tokens import TokenVerifier
from tests.records import settings_for_tests
from tests.signing import Signer, jwk_set, verified

CLAIMS = {"user_id": "u", "tenant_id": "t", "learner_scope": ["*"], "role": "admin", "exp": 2**40}
SIGNERS = {algorithm: Signer.new(algorithm, algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
RSA, ED = SIGNERS["RS256"], SIGNERS["EdDSA"]
OTHER_RSA = Signer.new("RS256", "RS256")
SHORT_RSA = Signer(None, "RS256", rsa.generate_private_key(65_537, 1_024))  # noqa: S505 - too short on purpose
EC_384 = Signer(None, "ES384", ec.generate_private_key(ec.SECP384R1()))


def write(folder: Path, keys: Sequence[dict[str, Any]]) -> Path:
    """A file that holds these keys."""
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    return path


def verifier(folder: Path, keys: Sequence[dict[str, Any]], prefix: str = "", **settings: Any) -> TokenVerifier:
    """A verifier that knows these keys."""
    path = write(folder, keys)
    return TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=f"{prefix}{path}", **settings))


def token(signer: Signer, algorithm: str = "", **headers: Any) -> str:
    """A token of that key with any header."""
    return jwt.encode(CLAIMS, signer.private, algorithm=algorithm or signer.algorithm, headers=headers)


@pytest.fixture
def all_three(tmp_path: Path) -> TokenVerifier:
    return verifier(tmp_path, [signer.jwk() for signer in SIGNERS.values()])


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_each_algorithm_is_accepted_with_its_key(all_three: TokenVerifier, algorithm: str) -> None:
    """RS256, ES256 and EdDSA tokens count, with the key's id and, where one key alone fits, without."""
    signer = SIGNERS[algorithm]
    assert (await verified(all_three, token(signer, kid=algorithm))).principal.tenant_id == "t"
    assert (await verified(all_three, token(signer))).principal.tenant_id == "t"


async def test_the_file_may_be_named_as_an_address(tmp_path: Path) -> None:
    """`file://` before the path is the same file."""
    assert await verified(verifier(tmp_path, [ED.jwk()], prefix="file://"), token(ED))


def _confused(secret: bytes) -> str:
    """An HS256 token whose secret is what everybody knows of the service's key."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "RS256"}, CLAIMS)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    tag = base64.urlsafe_b64encode(hmac.digest(secret, signed, sha256)).rstrip(b"=")
    return f"{signed.decode()}.{tag.decode()}"


BAD = {
    "another key under a known id": token(OTHER_RSA, kid="RS256"),
    "an unknown id": token(RSA, kid="RS512"),
    "the id of another algorithm's key": token(RSA, kid="ES256"),
    "the public key as an HMAC secret, PEM": _confused(
        RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "the public key as an HMAC secret, JWK": _confused(json.dumps(RSA.jwk()).encode()),
    "a stronger hash that is not allowed": token(RSA, "RS512", kid="RS256"),
    "another padding that is not allowed": token(RSA, "PS256", kid="RS256"),
    "algorithm none": jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "RS256"}),
    "its own key": token(OTHER_RSA, jwk=OTHER_RSA.jwk()),
    "its own keys' address": token(RSA, kid="RS256", jku="https://attacker.example"),
    "the secret of the other family": jwt.encode(CLAIMS, "x" * 32, algorithm="HS256"),
}


@pytest.mark.parametrize("name", BAD)
async def test_forged_tokens_are_refused(all_three: TokenVerifier, name: str) -> None:
    """No token chooses its key or its algorithm; the right one beside it is accepted."""
    with pytest.raises(TokenInvalid):
        await verified(all_three, BAD[name])
    assert await verified(all_three, token(RSA, kid="RS256"))


async def test_algorithms_that_are_not_listed_are_refused(tmp_path: Path) -> None:
    """JWT_ALGORITHMS narrows what the keys would allow."""
    narrow = verifier(tmp_path, [RSA.jwk(), ED.jwk()], jwt_algorithms=("EdDSA",))
    assert await verified(narrow, token(ED))
    with pytest.raises(TokenInvalid):
        await verified(narrow, token(RSA))


async def test_without_an_id_every_key_is_tried(tmp_path: Path) -> None:
    """So a key that comes to the set takes nobody's right away, today or when the log is read again."""
    two = verifier(tmp_path, [RSA.jwk() | {"kid": "a"}, OTHER_RSA.jwk() | {"kid": "b"}])
    assert await verified(two, token(RSA, kid="a"))
    assert await verified(two, token(RSA))
    assert await verified(two, token(OTHER_RSA))
    with pytest.raises(TokenInvalid):
        await verified(two, token(RSA, kid="b"))
    with pytest.raises(TokenInvalid):
        await verified(two, token(Signer.new("RS256", "RS256")))


async def test_a_key_that_takes_anothers_place_counts_at_once(tmp_path: Path) -> None:
    """Under the same id: its signature is not wrong before the set was asked."""
    known = verifier(tmp_path, [RSA.jwk()])
    assert await verified(known, token(RSA, kid="RS256"))
    write(tmp_path, [OTHER_RSA.jwk()])
    later = 2**33
    assert await verified(known, token(OTHER_RSA, kid="RS256"), later)
    assert await verified(known, token(OTHER_RSA), later)


async def test_two_keys_of_one_id_are_both_tried(tmp_path: Path) -> None:
    """A set that names two keys alike, as while one takes the other's place, opens the door to both."""
    two = verifier(tmp_path, [RSA.jwk(), OTHER_RSA.jwk()])
    assert await verified(two, token(RSA, kid="RS256"))
    assert await verified(two, token(OTHER_RSA, kid="RS256"))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # of the signer, not of ours
@pytest.mark.parametrize(("key", "signer"), [
    (SHORT_RSA.jwk(), SHORT_RSA),
    (RSA.jwk(use="enc"), RSA),
    (EC_384.jwk(), EC_384),
])  # fmt: skip
async def test_unfit_keys_check_nothing(tmp_path: Path, key: dict[str, Any], signer: Signer) -> None:
    """A key that is too short, for encryption, or of an algorithm that is not accepted opens no door."""
    unfit = verifier(tmp_path, [key, ED.jwk()])
    assert await verified(unfit, token(ED))
    with pytest.raises(TokenInvalid):
        await verified(unfit, token(signer))


async def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """A key that is added counts without a restart; a file that is broken changes nothing, and tells nothing new."""
    known = verifier(tmp_path, [ED.jwk()])
    assert await verified(known, token(ED))
    write(tmp_path, [ED.jwk(), RSA.jwk()])
    later = 2**33
    assert await verified(known, token(RSA, kid="RS256"), later)
    write(tmp_path, [])
    assert await verified(known, token(ED), later)
    with pytest.raises(KeysUnavailable):
        await verified(known, token(RSA, kid="new"), later)


NO_SETS = ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', '{"keys": {"kty": "EC"}}', "\udcff"]


@pytest.mark.parametrize("text", NO_SETS)
def test_a_file_that_is_no_key_set_stops_the_process(tmp_path: Path, text: str) -> None:
    """A wrong JWKS is a wrong setting, named."""
    path = tmp_path / "jwks.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadSetting, match="JWT_JWKS_URL"):
        TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=str(path)))


SECRETS = {
    "a private key": RSAAlgorithm.to_jwk(RSA.private, as_dict=True),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
}


@pytest.mark.parametrize("name", SECRETS)
async def test_a_file_with_secrets_stops_the_process(tmp_path: Path, name: str) -> None:
    """Only public keys belong into a JWKS; the same file without the secret is good."""
    assert await verified(verifier(tmp_path, [ED.jwk()]), token(ED))
    with pytest.raises(BadSetting, match="public keys only"):
        verifier(tmp_path, [ED.jwk(), SECRETS[name]])


@pytest.mark.parametrize("address", ["/nowhere/jwks.json", "http://", "https://:8443/keys", "http://[::1", "ftp://a/b"])
def test_an_address_that_is_none_stops_the_process(address: str) -> None:
    """A missing file and what is no address are said at the start."""
    with pytest.raises(BadSetting, match="JWT_JWKS_URL"):
        TokenVerifier(settings_for_tests(jwt_secret_key="", jwt_jwks_url=address))


STRANGE: list[Any] = [
    7,
    None,
    {"kty": []},
    {"kty": "RSA", "n": 1, "e": "AQAB"},
    {"kty": "RSA", "n": "\udc80", "e": "é"},
    {"kty": "EC", "alg": []},
    {"kty": "OKP", "kid": 1},
    {"kty": "oct", "kid": "1"},
    {**ED.jwk(), "alg": "none"},
    {**ED.jwk(), "crv": "P-256"},
    ED.jwk(kid={"a": 1}),
    ED.jwk(use=["sig"]),
]


@pytest.mark.parametrize("entry", STRANGE)
def test_an_entry_that_nobody_understands_is_passed_over(entry: Any) -> None:
    """The keys beside it count (RFC 7517 §5)."""
    raw = json.dumps({"keys": [entry, ED.jwk()]}).encode()
    assert parse(raw) == parse(jwk_set([ED]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "keys"]), inner, max_size=5
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON)
def test_whatever_a_server_says_is_a_set_or_none(value: Any) -> None:
    """No JSON makes reading it fail in another way; beside it a good key is found."""
    with pytest.raises(KeysUnavailable):
        parse(json.dumps(value).encode())
    raw = json.dumps({"keys": [value, ED.jwk()]}).encode()
    assert parse(raw)[-1] == parse(jwk_set([ED]))[0]


@given(st.binary(max_size=50))
def test_bytes_are_no_set(raw: bytes) -> None:
    """What is no JSON is a fault of the server, whatever it is."""
    with pytest.raises(KeysUnavailable):
        parse(raw)


def test_a_key_is_kept_without_what_does_not_belong_to_it() -> None:
    """Certificates, the order of members and blanks make no other key of it."""
    plain, rich = ED.jwk(), {"x5c": ["MII…"], **dict(reversed(ED.jwk().items())), "nbf": 1}
    assert parse(json.dumps({"keys": [plain, rich]}).encode()) == parse(jwk_set([ED]))
    assert public_key(parse(jwk_set([ED]))[0]).key_id == "EdDSA"
