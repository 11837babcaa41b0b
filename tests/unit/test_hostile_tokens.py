"""Thousands of hostile tokens in more than twenty classes: none counts, and the good one between them does."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from chat.errors import BadToken
from chat.tokens import TokenVerifier
from tests.hostile_tokens import AUDIENCE, ISSUER, KINDS, TokenForge, hostile_tokens
from tests.records import NOW, SECRET, settings_for_tests
from tests.signing import Signer, jwk_set, verified


class Family(NamedTuple):
    """How tokens are signed, and the settings by which they count."""

    forge: TokenForge
    settings: dict[str, Any]


def hs256(secret: str) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(secret.encode(), signed, sha256)


@pytest.fixture(scope="module", params=["secret", "keys"])
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    if request.param == "secret":
        forge = TokenForge({"alg": "HS256", "typ": "JWT"}, hs256(SECRET), lambda number: hs256(f"{SECRET}{number}"))
        return Family(forge, {"jwt_secret_key": SECRET})
    ours = Signer.new("ours")
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_bytes(jwk_set([ours]))
    forge = TokenForge({"alg": "EdDSA", "kid": "ours"}, ours.private.sign, lambda _: Signer.new("ours").private.sign)
    return Family(forge, {"jwt_secret_key": "", "jwt_jwks_url": file.as_uri()})


@pytest.fixture
def verifier(family: Family) -> TokenVerifier:
    return TokenVerifier(settings_for_tests(**family.settings, jwt_issuer=ISSUER, jwt_audience=AUDIENCE))


async def complaint(verifier: TokenVerifier, token: str) -> str:
    """Why a token does not count; empty where it does."""
    try:
        await verified(verifier, token)
    except BadToken as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("kind", KINDS)
async def test_none_counts(family: Family, verifier: TokenVerifier, kind: str) -> None:
    """No token of the class counts, and the good one counts before and after; no complaint shows a piece of one."""
    good = family.forge.token()
    assert await complaint(verifier, good) == ""
    complaints = {token: await complaint(verifier, token) for token in KINDS[kind](family.forge)}
    assert [token for token, said in complaints.items() if not said] == []
    assert not [token for token, said in complaints.items() if _shown(token, said)]
    assert await complaint(verifier, good) == ""
    assert verifier.verify(good, NOW / 1000).principal.scope == frozenset({"learner-1"})


def _shown(token: str, said: str) -> bool:
    return any(len(part) > 3 and part in said for part in token.split("."))


def test_there_are_enough(family: Family) -> None:
    """More than 1,000 different tokens in more than 20 classes, of 30 and more each."""
    made = hostile_tokens(family.forge)
    assert len({token for tokens in made.values() for token in tokens}) >= 1_000
    assert len(made) >= 20
    assert min(map(len, made.values())) >= 20


def test_each_differs_in_one_property(family: Family) -> None:
    """Signed anew, claims differ from the good ones in one name at most, and the header too, never both."""
    good = family.forge.token().split(".")
    for kind in ("no role", "no scope", "expired", "another issuer", "brings its own key", "key id of a wrong type"):
        for token in KINDS[kind](family.forge):
            parts = token.split(".")
            assert sum(one != other for one, other in zip(parts[:2], good[:2], strict=True)) == 1, kind
