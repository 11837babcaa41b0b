"""The fuzzer's targets: what is good passes them, and what they are there for they notice."""

import hmac
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from fuzz import codec
from fuzz.target import Reach
from fuzz.targets import TARGETS
from schemas import Record, decode


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_accepted(name: str) -> None:
    """What a target starts from is good: there are some, and each comes all the way."""
    seeds = list(TARGETS[name].seeds())
    assert len(seeds) >= 6
    assert {TARGETS[name].one_input(one) for one in seeds} == {Reach.ACCEPTED}


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_cut_anywhere_is_answered(name: str) -> None:
    """A piece of a good input is refused with a typed error, or is good itself; some pass the first parser."""
    seed = max(TARGETS[name].seeds(), key=len)
    assert Reach.TURNED_AWAY in {TARGETS[name].one_input(seed[:end]) for end in range(len(seed))}


def _loses_a_letter(value: bytes | None) -> Record:
    record = decode(value)
    return Record(record.type, {**record.fields, "tenant_id": record.fields["tenant_id"][1:]})


def _opens_anything(_self: Any, token: str, *_: Any) -> dict[str, Any]:
    header, payload, signature = token.split(".")
    return {"header": header, "payload": jwt.utils.base64url_decode(payload), "signature": signature}


BREAKAGE: dict[str, tuple[Any, str, Callable[..., Any], Callable[[bytes], bytes]]] = {
    "codec-avro": (codec, "decode", _loses_a_letter, bytes),
    "codec-json": (codec, "decode", _loses_a_letter, bytes),
    "tokens": (jwt.PyJWS, "decode_complete", _opens_anything, lambda seed: seed[:-9] + b"AAAAAAAAA"),
    "cursors": (hmac, "compare_digest", lambda _one, _other: True, lambda seed: b"AAAA" + seed[4:]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_what_goes_wrong_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that loses a letter, a signature and a tag that are not compared: each is a find at once."""
    where, what, broken, changed = BREAKAGE[name]
    seed = changed(next(iter(TARGETS[name].seeds())))
    monkeypatch.setattr(where, what, broken)
    with pytest.raises(AssertionError):
        TARGETS[name].one_input(seed)
