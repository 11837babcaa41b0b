"""Tokens that must not count, by the hundred: each is a good one in all but one property. The same in every run."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.records import NOW

EACH = 40
"""Of a kind, where there are more than one could name."""

ISSUER, AUDIENCE = "https://issuer.example", "aivo-chat"
LONG = 10 * 365 * 86_400
NO_NAMES = (
    "",
    " ",
    "a b",
    "a/b",
    "a\\b",
    "a\x00",
    "a\n",
    "ä",
    "a" * 129,
    "a%2f",
    "<a>",
    "'a",
    "a;b",
    "a,b",
    "a|b",
    "a+b",
)
NO_TEXTS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 1.5, 2**63, [], ["a"], {}, {"a": 1}, [[]], [None])
NO_NUMBERS: tuple[Any, ...] = (
    None, True, False, "", "1", "2100-01-01", [], [1], {}, {"a": 1}, "NaN", "Infinity", "1e9", [None], "0x7fffffff",
)  # fmt: skip
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400)

Claims = dict[str, Any]


def segment(raw: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True)
class TokenForge:
    """Makes tokens. `sign` is with the key that counts, `other_sign(n)` with another one for every n."""

    header: Mapping[str, Any]
    sign: Callable[[bytes], bytes]
    other_sign: Callable[[int], Callable[[bytes], bytes]]

    @property
    def claims(self) -> Claims:
        """What a good token says."""
        who = {"user_id": "teacher-1", "tenant_id": "tenant-1", "learner_scope": ["learner-1"], "role": "teacher"}
        times = {"iat": NOW // 1000 - 60, "nbf": NOW // 1000 - 60, "exp": NOW // 1000 + LONG}
        return {**who, "permissions": ["messages:write", "threads:write"], "iss": ISSUER, "aud": AUDIENCE, **times}

    def token(
        self, claims: Claims | bytes | None = None, header: Mapping[str, Any] | bytes | None = None, **changes: Any
    ) -> str:
        """The good one, but for what is given."""
        parts = [self.header if header is None else header, self.claims if claims is None else claims]
        raw = [
            one if isinstance(one, bytes) else json.dumps({**one, **(changes if part else {})}).encode()
            for part, one in enumerate(parts)
        ]
        signed = ".".join(map(segment, raw))
        return f"{signed}.{segment(self.sign(signed.encode()))}"


Made = Iterator[str]


def _signature_changed(forge: TokenForge) -> Made:
    head, _, signature = forge.token().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for bit in random.Random(1).sample(range(8 * len(raw)), EACH):
        yield f"{head}.{segment(bytes(one ^ (1 << bit % 8 if at == bit // 8 else 0) for at, one in enumerate(raw)))}"


def _signature_cut_or_longer(forge: TokenForge) -> Made:
    head, _, signature = forge.token().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    yield from (f"{head}.{segment(raw[:length])}" for length in range(len(raw)))
    yield from (f"{head}.{segment(raw + bytes(more))}" for more in range(1, EACH))


def _signed_by_another_key(forge: TokenForge) -> Made:
    for number in range(EACH):
        head = forge.token().rpartition(".")[0]
        yield f"{head}.{segment(forge.other_sign(number)(head.encode()))}"


def _claims_changed_afterwards(forge: TokenForge) -> Made:
    head, _, rest = forge.token().partition(".")
    signature = rest.partition(".")[2]
    for number in range(EACH):
        changed = forge.claims | {"learner_scope": [f"learner-{number + 2}"]}
        yield f"{head}.{segment(json.dumps(changed).encode())}.{signature}"


def _header_changed_afterwards(forge: TokenForge) -> Made:
    rest = forge.token().partition(".")[2]
    for number in range(EACH):
        yield f"{segment(json.dumps({**forge.header, f'x{number}': 1}).encode())}.{rest}"


def _algorithm_not_allowed(forge: TokenForge) -> Made:
    own = str(forge.header["alg"])
    cased = {
        "".join(random.Random(seed).choice((c.lower(), c.upper())) for c in "none" + own)[4:] for seed in range(99)
    }
    named = ["none", "None", "NONE", "nOnE", "HS384", "HS512", "PS256", "ES384", "ES512", "ES256K", "RS384", "RS512"]
    odd = [f"{own} ", f" {own}", f"{own}\x00", own[:-1], f"{own}{own}", own[::-1], "", "dir", "A256KW", "EdDSA ", "*"]
    yield from (forge.token(header={**forge.header, "alg": one}) for one in sorted({*cased, *named, *odd} - {own}))
    yield from (forge.token(header={**forge.header, "alg": one}) for one in NO_TEXTS)
    yield forge.token(header={name: value for name, value in forge.header.items() if name != "alg"})


def _unsigned(forge: TokenForge) -> Made:
    for name in ("none", "None", "NONE", "nOne", "", forge.header["alg"]):
        parts = (json.dumps({**forge.header, "alg": name}).encode(), json.dumps(forge.claims).encode())
        for signature in ("", "e30", "AA", "bm9uZQ", "MAYCAQECAQE", "A" * 43, "A" * 86):
            yield f"{'.'.join(map(segment, parts))}.{signature}"


def _brings_its_own_key(forge: TokenForge) -> Made:
    values: tuple[Any, ...] = ({}, {"kty": "oct", "k": "QQ"}, "https://attacker.example/keys", ["MIIB"], None, True, "")
    for name in ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"):
        yield from (forge.token(header={**forge.header, name: value}) for value in values)


def _key_id_of_a_wrong_type(forge: TokenForge) -> Made:
    values = [one for one in NO_TEXTS if one is not None] + [{"kid": number} for number in range(EACH)]
    yield from (forge.token(header={**forge.header, "kid": value}) for value in values)


def _header_no_strict_json(forge: TokenForge) -> Made:
    yield from (forge.token(header=one) for one in _no_strict_json(dict(forge.header)))


def _claims_no_strict_json(forge: TokenForge) -> Made:
    yield from (forge.token(one) for one in _no_strict_json(forge.claims))


def _no_strict_json(good: Mapping[str, Any]) -> Iterator[bytes]:
    text = json.dumps(good)
    yield from (text[:length].encode() for length in range(1, len(text), max(1, len(text) // EACH)))
    yield from (
        text.replace("{", f"{{{json.dumps(name)}: {json.dumps(value)}, ", 1).encode() for name, value in good.items()
    )
    yield from (
        text.replace("{", f'{{"x": {one}, ', 1).encode() for one in ("NaN", "-Infinity", "01", "'a'", "[" * 5_000)
    )
    yield from (one + text.encode() for one in (b"\xef\xbb\xbf", b"\x00", b"\xff", b"x", b"[", b"{}"))
    yield from (text.encode() + one for one in (b"\x00", b"\xff", b"{}", b"x", b"]", b","))
    yield from (json.dumps(one).encode() for one in ([good], [], "text", 1, None, True))
    yield from (text.encode(name) for name in ("utf-16", "utf-32"))


def _no_moment(claim: str) -> Callable[[TokenForge], Made]:
    def made(forge: TokenForge) -> Made:
        yield from (forge.token(**{claim: value}) for value in NO_NUMBERS)
        text = json.dumps(forge.claims)
        value = f'"{claim}": {forge.claims[claim]}'
        yield from (forge.token(text.replace(value, f'"{claim}": {raw}').encode()) for raw in RAW_NUMBERS)
        odd: list[Claims] = [{claim: f"{forge.claims[claim]}{one}"} for one in ("", " ", ".0", "s", "Z")]
        yield from (forge.token(**one) for one in odd)

    return made


def _expired(forge: TokenForge) -> Made:
    yield from (forge.token(exp=NOW // 1000 - number) for number in (*range(1, EACH), NOW // 1000, 2 * NOW))
    yield from (forge.token(exp=NOW / 1000 - 1 - number / 7) for number in range(EACH))


def _not_yet(forge: TokenForge) -> Made:
    yield from (forge.token(nbf=NOW // 1000 + LONG - number) for number in range(EACH))


def _no_identifier(claim: str) -> Callable[[TokenForge], Made]:
    def made(forge: TokenForge) -> Made:
        good = str(forge.claims[claim])
        odd: list[Claims] = [{claim: one} for one in (*NO_NAMES, *NO_TEXTS)]
        yield from (forge.token(**one) for one in odd)
        bad = sorted(set(string.printable) - set(string.ascii_letters + string.digits + "._~@:-"))
        worse: list[Claims] = [{claim: f"{good}{one}"} for one in bad]
        yield from (forge.token(**one) for one in worse)
        yield forge.token({name: value for name, value in forge.claims.items() if name != claim})

    return made


def _no_role(forge: TokenForge) -> Made:
    odd = ("", "root", "Teacher", "TEACHER", "teacher ", " teacher", "teacher\x00", "teachers", "superadmin", "*")
    yield from (forge.token(role=one) for one in (*odd, *NO_TEXTS))
    yield from (forge.token(role=f"teacher{number}") for number in range(EACH))


def _no_scope(forge: TokenForge) -> Made:
    yield from (forge.token(learner_scope=one) for one in ("*", "learner-1", "", None, 1, True, {}, {"*": 1}))
    yield from (forge.token(learner_scope=["learner-1", one]) for one in (*NO_NAMES, *NO_TEXTS))
    yield from (forge.token(learner_scope=[one]) for one in ("**", "learner-*", "*-1", "?", ".*", "[a-z]", "%", "* "))


def _no_permissions(forge: TokenForge) -> Made:
    yield from (
        forge.token(permissions=one) for one in ("messages:write", "*", "", None, 1, True, {}, {"messages:write": 1})
    )
    yield from (forge.token(permissions=["messages:write", one]) for one in NO_TEXTS)
    yield from (forge.token(permissions=["messages:write", number]) for number in range(EACH))


def _another_issuer(forge: TokenForge) -> Made:
    odd = (f"{ISSUER}/", f"{ISSUER} ", ISSUER.upper(), ISSUER[:-1], f"{ISSUER}.attacker.example", "", *NO_TEXTS)
    yield from (forge.token(iss=one) for one in odd)
    yield from (forge.token(iss=f"https://issuer-{number}.example") for number in range(EACH))
    yield forge.token({name: value for name, value in forge.claims.items() if name != "iss"})


def _another_audience(forge: TokenForge) -> Made:
    odd: tuple[Any, ...] = (
        f"{AUDIENCE} ",
        AUDIENCE.upper(),
        AUDIENCE[:-1],
        "",
        "*",
        [],
        [[AUDIENCE]],
        {AUDIENCE: 1},
        None,
        1,
        True,
    )
    yield from (forge.token(aud=one) for one in odd)
    yield from (forge.token(aud=[f"aivo-chat-{number}"]) for number in range(EACH))
    yield from (forge.token(aud=[AUDIENCE, one]) for one in NO_TEXTS)
    yield forge.token({name: value for name, value in forge.claims.items() if name != "aud"})


def _subject_of_a_wrong_type(forge: TokenForge) -> Made:
    yield from (forge.token(sub=one) for one in (*NO_TEXTS, *range(2, EACH)))


def _no_compact_form(forge: TokenForge) -> Made:
    good = forge.token()
    for bad in ("=", " ", "\t", "\n", "\x00", "+", "/", "%", "ä", '"', "{", ","):
        yield from (good[:at] + bad + good[at:] for at in (0, 1, good.index("."), good.rindex(".") + 1, len(good)))
    parts = good.split(".")
    yield from (
        ".".join(one) for one in (parts[:1], parts[:2], [*parts, ""], [*parts, parts[2]], ["", *parts], ["", "", ""])
    )
    yield from (good.replace(".", one) for one in ("..", ":", "\u3002", "%2e", ""))


def _too_long(forge: TokenForge) -> Made:
    yield from (forge.token(padding="x" * (25_000 + 97 * number)) for number in range(EACH))


KINDS: dict[str, Callable[[TokenForge], Made]] = {
    "signature changed": _signature_changed,
    "signature cut or longer": _signature_cut_or_longer,
    "signed by another key": _signed_by_another_key,
    "claims changed afterwards": _claims_changed_afterwards,
    "header changed afterwards": _header_changed_afterwards,
    "algorithm not allowed": _algorithm_not_allowed,
    "unsigned": _unsigned,
    "brings its own key": _brings_its_own_key,
    "key id of a wrong type": _key_id_of_a_wrong_type,
    "header no strict JSON": _header_no_strict_json,
    "claims no strict JSON": _claims_no_strict_json,
    "exp no moment": _no_moment("exp"),
    "nbf no moment": _no_moment("nbf"),
    "iat no moment": _no_moment("iat"),
    "expired": _expired,
    "not yet": _not_yet,
    "no tenant": _no_identifier("tenant_id"),
    "no user": _no_identifier("user_id"),
    "no role": _no_role,
    "no scope": _no_scope,
    "no permissions": _no_permissions,
    "another issuer": _another_issuer,
    "another audience": _another_audience,
    "subject of a wrong type": _subject_of_a_wrong_type,
    "no compact form": _no_compact_form,
    "too long": _too_long,
}


def hostile_tokens(forge: TokenForge) -> dict[str, list[str]]:
    """Every hostile token, by its kind."""
    return {name: list(dict.fromkeys(make(forge))) for name, make in KINDS.items()}
