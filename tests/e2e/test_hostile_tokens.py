"""Tokens that must not get in, by Kafka and by HTTP, for a shared secret and for a JWK Set."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat.servers.embedded import Addresses
from chat.settings import Settings
from tests.clean_house import clean_house, drop_keyspace
from tests.e2e import forgery
from tests.e2e.attempts import APPLIED, Attempt, Outcomes, get
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.records import SECRET
from tests.signing import Signer, jwk_set
from tests.worker import WorkerProcess

TENANT, LEARNER = "tenant-1", "learner-1"
BAD_REQUESTS = {httpx.codes.UNAUTHORIZED, httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_HEADER_FIELDS_TOO_LARGE}
HEADER_LIMIT = 60_000
"""A longer token does not even pass as an HTTP header."""


class Family(NamedTuple):
    """How good tokens are signed, and what is wrong with a signature here."""

    header: dict[str, Any]
    sign: forgery.Sign
    settings: dict[str, Any]
    forged: dict[str, Callable[[], str]]

    def token(self, **claims: Any) -> str:
        """One that is accepted, unless a claim says otherwise."""
        return forgery.joined(self.header, forgery.good_claims() | claims, self.sign)


def _by_secret(_folder: Path) -> Family:
    header = {"alg": "HS256", "typ": "JWT"}
    rsa = Signer.new("rsa", "RS256")
    signatures = {
        "another secret": forgery.hs256("another secret, which is 32 bytes long too"),
        "an empty secret": forgery.hs256(""),
        "the secret without its end": forgery.hs256(SECRET[:-1]),
    }
    forged = {name: _joined(header, sign) for name, sign in signatures.items()}
    forged["signed with its own RSA key"] = lambda: rsa.token(**forgery.good_claims())
    forged["key id of an empty file"] = _joined(header | {"kid": "../../dev/null"}, forgery.hs256(""))
    return Family(header, forgery.hs256(SECRET), {"jwt_secret_key": SECRET}, forged)


def _by_keys(folder: Path) -> Family:
    ours, theirs = Signer.new("ours"), Signer.new("ours")
    public = ours.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    file = folder / "jwks.json"
    file.write_bytes(jwk_set([ours, Signer.new("rsa", "RS256")]))
    header, secret_header = {"alg": "EdDSA", "kid": "ours"}, {"alg": "HS256", "kid": "ours"}
    forged = {
        "a secret that is the public key in PEM": _joined(secret_header, forgery.hs256(pem)),
        "a secret that is the public key": _joined(secret_header, forgery.hs256(raw)),
        "a secret that is the set": _joined(secret_header, forgery.hs256(file.read_bytes())),
        "an empty secret": _joined(secret_header, forgery.hs256("")),
        "another key under the same id": _joined(header, theirs.private.sign),
        "an unknown key": _joined(header | {"kid": "theirs"}, theirs.private.sign),
        "a key id that is a path": _joined(header | {"kid": "../../../dev/null"}, theirs.private.sign),
        "a key id that is a query": _joined(header | {"kid": "ours' OR '1'='1"}, theirs.private.sign),
        "a key of another kind": _joined(header | {"kid": "rsa"}, ours.private.sign),
        "another algorithm for the key": _joined(header | {"alg": "RS256"}, ours.private.sign),
    }
    settings = {"jwt_secret_key": "", "jwt_jwks_url": file.as_uri()}
    return Family(header, ours.private.sign, settings, forged)


def _joined(header: dict[str, Any], sign: forgery.Sign) -> Callable[[], str]:
    return lambda: forgery.joined(header, forgery.good_claims(), sign)


@pytest.fixture(scope="module", params=[_by_secret, _by_keys], ids=["secret", "keys"])
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    made: Family = request.param(tmp_path_factory.mktemp("keys"))
    return made


@pytest.fixture(scope="module")
def fresh(servers: Addresses, family: Family) -> Iterator[Settings]:
    """A house whose tokens are of one family, one issuer and one audience."""
    settings = clean_house(servers, **family.settings, jwt_issuer=forgery.ISSUER, jwt_audience=forgery.AUDIENCE)
    yield settings
    drop_keyspace(settings)


@pytest.fixture(scope="module")
def outcomes(client: ContractClient, worker: WorkerProcess) -> Outcomes:
    return Outcomes(client, worker)


@pytest.fixture(scope="module")
def hostile(family: Family) -> dict[str, str]:
    """Every class, by name."""
    good = family.token()
    tokens = {name: forge() for name, forge in family.forged.items()}
    tokens |= {
        name: forgery.joined(family.header, claims, family.sign) for name, claims in forgery.bad_claims().items()
    }
    headers = forgery.bad_headers(family.header)
    tokens |= {name: forgery.joined(one, forgery.good_claims(), family.sign) for name, one in headers.items()}
    return tokens | forgery.bad_texts(good, family.token(user_id="teacher-2"))


@pytest.fixture(scope="module")
def thread(family: Family, outcomes: Outcomes) -> str:
    made = str(uuid.uuid4())
    outcomes.require_applied([Attempt(create_thread(TENANT, LEARNER, made), family.token())])
    return made


def test_none_gets_in_by_kafka(family: Family, hostile: dict[str, str], outcomes: Outcomes, thread: str) -> None:
    """Each hostile token's command is `unauthenticated`; the good one before and behind it is applied."""
    assert len(hostile) >= 20
    tokens = [one for token in hostile.values() for one in (family.token(), token)]
    attempts = [Attempt(post_message(TENANT, LEARNER, thread, "words"), one) for one in [*tokens, family.token()]]
    codes = [one.code for one in outcomes.of(attempts)]
    assert dict(zip(hostile, codes[1::2], strict=True)) == dict.fromkeys(hostile, "unauthenticated")
    assert set(codes[::2]) == {APPLIED}


def test_none_gets_in_by_http(family: Family, hostile: dict[str, str], api: str, thread: str) -> None:
    """Each hostile token is 401, with a challenge and without a word of it; the good one is 200 in between."""
    for name, token in hostile.items():
        refused = get(api, f"/threads/{thread}", token)
        assert refused.status_code in ({401} if len(token) < HEADER_LIMIT else BAD_REQUESTS), name
        if refused.status_code == httpx.codes.UNAUTHORIZED:
            assert refused.json()["code"] == "unauthenticated", name
            assert refused.headers["WWW-Authenticate"].startswith("Bearer"), name
        assert len(token) < 20 or token[:60] not in refused.text, name
        assert get(api, f"/threads/{thread}", family.token()).status_code == httpx.codes.OK


def test_an_expired_token(family: Family, outcomes: Outcomes, api: str, thread: str) -> None:
    """A token that expired a second before the record's time is `token_expired`, and 401 by HTTP."""
    expired = family.token(exp=int(time.time()) - 1)
    attempts = [Attempt(post_message(TENANT, LEARNER, thread, "words"), one) for one in (expired, family.token())]
    assert [one.code for one in outcomes.of(attempts)] == ["token_expired", APPLIED]
    refused = get(api, f"/threads/{thread}", expired)
    assert (refused.status_code, refused.json()["code"]) == (httpx.codes.UNAUTHORIZED, "token_expired")


def test_no_record_that_goes_further_holds_a_token(client: ContractClient, hostile: dict[str, str]) -> None:
    """Neither a refusal nor an event holds a piece of the token that its command came with."""
    signatures = {token.split(".")[-1] for token in hostile.values() if len(token.split(".")[-1]) > 20}
    for topic in ("chat.rejections", "chat.events", "chat.dead-letter"):
        for record in client.records(topic):
            shown = json.dumps([str(record.value()), str(record.headers())])
            assert not any(one in shown for one in signatures)
