"""Tokens: what is accepted, and the many that are not, each beside one that is."""

import base64
import hmac
import json
import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.domain.principal import Permission, Principal, Role
from chat.errors import BadSetting, TokenExpired, TokenInvalid
from chat.tokens import LONG, MAX_TOKEN_BYTES, TokenVerifier, make_token
from tests.records import SECRET, settings_for_tests

CLAIMS: dict[str, Any] = {
    "user_id": "user-1",
    "tenant_id": "tenant-1",
    "learner_scope": ["learner-1", "learner-2"],
    "role": "teacher",
    "exp": 2_000.0,
}
HEADER = {"alg": "HS256", "typ": "JWT"}
AT = 1_500.0
"""When the good claims count."""


def encode(raw: bytes) -> str:
    """A segment of a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs256(signed: bytes) -> bytes:
    """The signature of the key that the service knows."""
    return hmac.digest(SECRET.encode(), signed, sha256)


def forge(
    claims: dict[str, Any] | bytes = CLAIMS,
    header: dict[str, Any] | bytes = HEADER,
    sign: Callable[[bytes], bytes] = hs256,
) -> str:
    """A token of any header and claims, well signed unless told otherwise."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(map(encode, parts))
    return f"{signed}.{encode(sign(signed.encode()))}"


def without(*names: str) -> dict[str, Any]:
    """The good claims less some."""
    return {name: value for name, value in CLAIMS.items() if name not in names}


@pytest.fixture(scope="module")
def verifier() -> TokenVerifier:
    return TokenVerifier(settings_for_tests())


def test_a_good_token_names_its_bearer(verifier: TokenVerifier) -> None:
    """Role, tenant, scope and the role's own permissions are read."""
    principal, not_before, expires_at = verifier.verify(forge(), AT)
    assert (principal.user_id, principal.tenant_id, principal.role) == ("user-1", "tenant-1", Role.TEACHER)
    assert principal.scope == frozenset({"learner-1", "learner-2"})
    assert Permission.THREADS_WRITE in principal.permissions
    assert (not_before, expires_at) == (None, 2_000.0)


GOOD = {
    "sub for user_id": without("user_id") | {"sub": "user-1"},
    "sub of another form beside user_id": CLAIMS | {"sub": "auth0|1"},
    "whole seconds": CLAIMS | {"exp": 2_000, "nbf": 1, "iat": 1},
    "empty scope": CLAIMS | {"learner_scope": []},
    "everybody": CLAIMS | {"learner_scope": ["*"]},
    "no permission": CLAIMS | {"permissions": []},
    "an unknown permission": CLAIMS | {"permissions": ["threads:read", "coffee:make"]},
    "an unknown claim": CLAIMS | {"colour": ["blue"]},
    "an audience that nobody asks for": CLAIMS | {"aud": ["a", "b"], "iss": "somebody"},
    "the longest user": CLAIMS | {"user_id": "u" * 128},
}
BAD: dict[str, dict[str, Any] | bytes] = {
    "no user": without("user_id"),
    "a user that is a number": CLAIMS | {"user_id": 7},
    "a bad user beside a good sub": CLAIMS | {"user_id": None, "sub": "user-1"},
    "a sub that is a list": CLAIMS | {"sub": ["user-1"]},
    "a user with a slash": CLAIMS | {"user_id": "a/b"},
    "a user that ends with a line": CLAIMS | {"user_id": "user-1\n"},
    "a user that is too long": CLAIMS | {"user_id": "u" * 129},
    "an empty user": CLAIMS | {"user_id": ""},
    "a user of other letters": CLAIMS | {"user_id": "usér"},
    "no tenant": without("tenant_id"),
    "a tenant that is a list": CLAIMS | {"tenant_id": ["tenant-1"]},
    "a tenant with a slash": CLAIMS | {"tenant_id": "a/b"},
    "no role": without("role"),
    "an unknown role": CLAIMS | {"role": "root"},
    "a role in capitals": CLAIMS | {"role": "ADMIN"},
    "a role that is a list": CLAIMS | {"role": ["admin"]},
    "no scope": without("learner_scope"),
    "a scope that is a text": CLAIMS | {"learner_scope": "*"},
    "a scope that is null": CLAIMS | {"learner_scope": None},
    "a scope that holds a number": CLAIMS | {"learner_scope": ["learner-1", 2]},
    "a scope that holds a pattern": CLAIMS | {"learner_scope": ["learner-*"]},
    "permissions that are null": CLAIMS | {"permissions": None},
    "permissions that are a text": CLAIMS | {"permissions": "threads:read"},
    "permissions that hold a number": CLAIMS | {"permissions": [1]},
    "no exp": without("exp"),
    "an exp that is null": CLAIMS | {"exp": None},
    "an exp that is a text": CLAIMS | {"exp": "2000"},
    "an exp that is a bool": CLAIMS | {"exp": True},
    "an exp that is NaN": CLAIMS | {"exp": float("nan")},
    "an exp that is infinite": CLAIMS | {"exp": float("inf")},
    "an exp that only a float makes infinite": json.dumps(CLAIMS).replace("2000.0", "1e999").encode(),
    "an exp beyond every float": CLAIMS | {"exp": 10**400},
    "an exp of more digits than Python reads": json.dumps(CLAIMS).replace("2000.0", "9" * 5_000).encode(),
    "an nbf that is a text": CLAIMS | {"nbf": "1"},
    "an nbf that is null": CLAIMS | {"nbf": None},
    "an iat that is a bool": CLAIMS | {"iat": False},
    "an iss that is a list": CLAIMS | {"iss": ["somebody"]},
    "an aud that is a number": CLAIMS | {"aud": 1},
    "a name that stands twice": json.dumps(CLAIMS).replace("{", '{"tenant_id": "tenant-2", ', 1).encode(),
    "a name that stands twice further in": json.dumps(CLAIMS).replace("{", '{"x": {"y": 1, "y": 2}, ', 1).encode(),
    "claims that are a list": b"[]",
    "claims that are no JSON": b"{",
    "claims in another coding": json.dumps(CLAIMS).encode("utf-16"),
    "claims with a byte order mark": b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode(),
    "claims that nest without end": b'{"a":' + b"[" * 5_500,
}


@pytest.mark.parametrize("name", GOOD)
def test_claims_that_are_good(verifier: TokenVerifier, name: str) -> None:
    """What the contract allows is accepted."""
    assert verifier.verify(forge(GOOD[name]), AT).principal.tenant_id == "tenant-1"


@pytest.mark.parametrize("name", BAD)
def test_claims_that_are_bad(verifier: TokenVerifier, name: str) -> None:
    """A claim that is missing, of the wrong type or ambiguous makes the token invalid, well signed as it is."""
    with pytest.raises(TokenInvalid):
        verifier.verify(forge(BAD[name]), AT)
    assert verifier.verify(forge(), AT)


HEADERS: dict[str, dict[str, Any] | bytes] = {
    "no algorithm": {"typ": "JWT"},
    "algorithm none": {"alg": "none"},
    "algorithm None": {"alg": "None"},
    "another hash": {"alg": "HS512"},
    "the other family": {"alg": "RS256"},
    "an algorithm that is a list": {"alg": ["HS256"]},
    "an algorithm that stands twice": b'{"alg":"none","alg":"HS256"}',
    "its own key": HEADER | {"jwk": {"kty": "oct", "k": encode(b"attacker")}},
    "its own keys' address": HEADER | {"jku": "https://attacker.example/keys"},
    "its own certificate": HEADER | {"x5c": ["MIIB"]},
    "its own certificate's address": HEADER | {"x5u": "https://attacker.example/cert"},
    "an extension that must be understood": HEADER | {"crit": ["exp"], "exp": 1},
    "an unencoded payload": HEADER | {"b64": False, "crit": ["b64"]},
    "a key id that is a number": HEADER | {"kid": 1},
    "a list": b"[]",
    "no JSON": b"alg",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_bad(verifier: TokenVerifier, name: str) -> None:
    """A header that chooses its own algorithm or brings its own key is refused, well signed as it is."""
    with pytest.raises(TokenInvalid):
        verifier.verify(forge(header=HEADERS[name]), AT)
    assert verifier.verify(forge(header=HEADER | {"kid": "whatever"}), AT)


def _attacker(signed: bytes) -> bytes:
    return hmac.digest(b"the attacker's own secret, also long enough", signed, sha256)


TEXTS: dict[str, str] = {
    "nothing": "",
    "two parts": ".".join(forge().split(".")[:2]),
    "a letter a part": "A.B.C",
    "no signature": forge().rpartition(".")[0] + ".",
    "algorithm none without signature": forge(header={"alg": "none"}).rpartition(".")[0] + ".",
    "another secret": forge(sign=_attacker),
    "an empty secret": forge(sign=lambda signed: hmac.digest(b"", signed, sha256)),
    "another token's signature": forge(CLAIMS | {"role": "admin"}).rpartition(".")[0] + "." + forge().split(".")[2],
    "four parts": forge() + ".e30",
    "a space in front": " " + forge(),
    "a line behind": forge() + "\n",
    "padding": forge() + "=",
    "a letter outside the alphabet": forge()[:-1] + "é",
    "letters that a lax decoder skips": forge().replace(".", "!.", 1),
    "a null": forge() + "\0",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_no_token(verifier: TokenVerifier, name: str) -> None:
    """What is not exactly a token of ours is refused."""
    with pytest.raises(TokenInvalid):
        verifier.verify(TEXTS[name], AT)
    assert verifier.verify(forge(), AT)


def test_a_token_may_have_32_kib_and_no_more(verifier: TokenVerifier) -> None:
    """The longest token is accepted; one byte more is refused before anybody looks inside."""
    padded = [forge(CLAIMS | {"x": "y" * size}) for size in range(24_000, 24_600)]
    longest = max((one for one in padded if len(one) <= MAX_TOKEN_BYTES), key=len)
    assert verifier.verify(longest, AT)
    with pytest.raises(TokenInvalid, match="longer"):
        verifier.verify(min((one for one in padded if len(one) > MAX_TOKEN_BYTES), key=len), AT)


def test_a_token_may_name_a_school_year_of_learners(verifier: TokenVerifier) -> None:
    """Each of five hundred is in its scope, again where it is remembered."""
    learners = [str(uuid.UUID(int=number)) for number in range(500)]
    for _ in range(2):
        scope = verifier.verify(forge(CLAIMS | {"learner_scope": learners}), AT).principal.scope
        assert scope == frozenset(learners)


@given(st.integers(0, 10_000), st.sampled_from("ABCabc019-_.= \n"))
def test_no_changed_letter_passes(verifier_place: int, letter: str) -> None:
    """A token with one letter changed is refused, or is the same token."""
    good = forge()
    place = verifier_place % len(good)
    changed = good[:place] + letter + good[place + 1 :]
    if changed != good:
        with pytest.raises(TokenInvalid):
            TokenVerifier(settings_for_tests()).verify(changed, AT)


@given(st.text(max_size=200))
def test_any_text_is_refused_and_never_repeated(text: str) -> None:
    """No text makes the verifier fail in another way, and no complaint holds it."""
    with pytest.raises(TokenInvalid) as caught:
        TokenVerifier(settings_for_tests()).verify(text + "<mark>", AT)
    assert "<mark>" not in str(caught.value)


@pytest.mark.parametrize("name", BAD)
def test_no_complaint_shows_the_token(verifier: TokenVerifier, name: str) -> None:
    """Neither the token nor what a claim holds is in the error's text or in its causes."""
    token = forge(BAD[name])
    with pytest.raises(TokenInvalid) as caught:
        verifier.verify(token, AT)
    shown = f"{caught.value}{caught.value.__cause__}"
    assert token not in shown
    assert not any(secret in shown for secret in ("user-1", "tenant-1", "learner-1", "auth0"))


@pytest.mark.parametrize("padding", ["", "x" * LONG])
def test_verdicts_are_remembered(monkeypatch: pytest.MonkeyPatch, padding: str) -> None:
    """A second look at a token, good or bad, long or not, costs neither a header nor a signature."""
    fresh, claims = TokenVerifier(settings_for_tests()), CLAIMS | {"x": padding}
    asked = {name: Mock(wraps=getattr(fresh, name)) for name in ("_read_header", "_open")}
    for name, spy in asked.items():
        monkeypatch.setattr(fresh, name, spy)
    for _ in range(3):
        assert fresh.verify(forge(claims), AT)
        for bad in (f"bad{padding}", forge(claims, sign=_attacker)):
            with pytest.raises(TokenInvalid):
                fresh.verify(bad, AT)
    assert [spy.call_count for spy in asked.values()] == [3, 2]


@pytest.mark.parametrize(("at", "leeway", "error"), [
    (999.999, 0, TokenInvalid),
    (1_000.0, 0, None),
    (1_999.999, 0, None),
    (2_000.0, 0, TokenExpired),
    (995.0, 5, None),
    (994.999, 5, TokenInvalid),
    (2_004.999, 5, None),
    (2_005.0, 5, TokenExpired),
])  # fmt: skip
def test_a_token_counts_from_nbf_to_exp(at: float, leeway: int, error: type[Exception] | None) -> None:
    """The rule is nbf - leeway ≤ time < exp + leeway, to the millisecond."""
    verifier = TokenVerifier(settings_for_tests(jwt_leeway_seconds=leeway))
    token = forge(CLAIMS | {"nbf": 1_000})
    if error is None:
        assert verifier.verify(token, at)
    else:
        with pytest.raises(error):
            verifier.verify(token, at)


@pytest.mark.parametrize("claims", [
    {"iss": "them", "aud": "chat"},
    {"iss": "us", "aud": "other"},
    {"iss": "us", "aud": []},
    {"iss": "us"},
    {"aud": "chat"},
])  # fmt: skip
def test_issuer_and_audience_count_where_they_are_set(claims: dict[str, Any]) -> None:
    """With JWT_ISSUER and JWT_AUDIENCE a token must name both."""
    verifier = TokenVerifier(settings_for_tests(jwt_issuer="us", jwt_audience="chat"))
    assert verifier.verify(forge(CLAIMS | {"iss": "us", "aud": "chat"}), AT)
    assert verifier.verify(forge(CLAIMS | {"iss": "us", "aud": ["other", "chat"]}), AT)
    with pytest.raises(TokenInvalid):
        verifier.verify(forge(CLAIMS | claims), AT)


@pytest.mark.parametrize(("role", "scope", "reached", "not_reached"), [
    ("teacher", ["learner-1"], "learner-1", "learner-2"),
    ("teacher", ["*"], "learner-2", None),
    ("service", ["learner-1"], "learner-1", "learner-2"),
    ("admin", [], "learner-2", None),
    ("compliance", ["learner-1"], "learner-2", None),
    ("compliance", None, "learner-2", None),
    ("admin", None, "learner-2", None),
])  # fmt: skip
def test_scope_binds_all_but_admin_and_compliance(
    verifier: TokenVerifier, role: str, scope: list[str] | None, reached: str, not_reached: str | None
) -> None:
    """Whom a caller reaches follows from role and scope; whom it does not bind need not have it."""
    claims = without("learner_scope") if scope is None else CLAIMS | {"learner_scope": scope}
    principal = verifier.verify(forge(claims | {"role": role}), AT).principal
    assert principal.reaches(reached)
    assert not_reached is None or not principal.reaches(not_reached)


def test_the_claim_permissions_replaces_the_roles_own(verifier: TokenVerifier) -> None:
    """With the claim, even empty, exactly its list counts; what is not known here counts for nothing."""

    def permissions(claims: dict[str, Any]) -> frozenset[Permission]:
        found: Principal = verifier.verify(forge(CLAIMS | claims), AT).principal
        return found.permissions

    assert permissions({"role": "admin", "permissions": []}) == frozenset()
    assert permissions({"role": "service"}) == frozenset()
    assert permissions({"role": "service", "permissions": ["messages:read", "x"]}) == {Permission.MESSAGES_READ}


def test_a_made_token_is_a_good_one() -> None:
    """What `make_token` signs, the verifier takes, issuer and audience included."""
    settings = settings_for_tests(jwt_issuer="us", jwt_audience="chat")
    token = make_token(settings, "tenant-1", "user-1", "guardian", ["learner-1"], permissions=["threads:read"], now=50)
    verified = TokenVerifier(settings).verify(token, AT)
    assert verified.expires_at == 50 + 3_600
    assert verified.principal.permissions == {Permission.THREADS_READ}
    assert jwt.decode(token, SECRET, algorithms=["HS256"], audience="chat", options={"verify_exp": False})["iat"] == 50


def test_no_key_no_service() -> None:
    """Without any key neither a verifier nor a token can be made."""
    with pytest.raises(BadSetting, match="JWT_SECRET_KEY or JWT_JWKS_URL"):
        TokenVerifier(settings_for_tests(jwt_secret_key=""))
    with pytest.raises(BadSetting, match="JWT_SECRET_KEY"):
        make_token(settings_for_tests(jwt_secret_key=""), "t", "u", "admin", [])
