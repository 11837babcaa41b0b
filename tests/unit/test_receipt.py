"""Receipts: whoever has the public key can check them, with nothing of ours."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chat.errors import ReceiptForged
from chat.privacy.bounds import bounds
from chat.privacy.receipt import FIRST, ReceiptKey, digest, verify, verify_chain
from chat.topic_specs import DAY, HOUR, MINUTE
from tests.records import settings_for_tests

KEY = ReceiptKey(b"r" * 32)


def chain(length: int) -> list[str]:
    """Receipts that follow each other."""
    documents: list[str] = []
    for number in range(1, length + 1):
        previous = digest(documents[-1]) if documents else FIRST
        documents.append(KEY.sign({"number": number, "previous": previous, "reason": "erasure", "é": ["ü"]}))
    return documents


def checked(document: str, x: str) -> dict[str, Any]:
    """As the page of the format says, without the code that makes receipts. Raises InvalidSignature."""
    receipt = json.loads(document)
    said = json.dumps(receipt["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "="))
    key.verify(base64.urlsafe_b64decode(receipt["signature"] + "=="), said)
    body: dict[str, Any] = receipt["body"]
    return body


def test_anybody_can_check_a_receipt() -> None:
    """Its signature, its key, and that it follows the one before it."""
    first, second = chain(2)
    assert checked(first, KEY.jwk["x"]) == verify(first, KEY.jwk)
    assert checked(second, KEY.jwk["x"])["previous"] == hashlib.sha256(first.encode()).hexdigest()
    assert json.loads(first)["key"] == KEY.jwk
    with pytest.raises(InvalidSignature):
        checked(first.replace("erasure", "mistake"), KEY.jwk["x"])


@pytest.mark.parametrize(
    "forged",
    [
        chain(1)[0].replace("erasure", "mistake"),
        ReceiptKey(b"x" * 32).sign({"number": 1, "previous": FIRST}),
        '{"body":{}}',
        "nothing",
    ],
    ids=["changed", "another key", "unsigned", "no JSON"],
)
def test_a_forged_receipt_is_told(forged: str) -> None:
    """Also one whose own key fits: the key that counts is the one that is known."""
    with pytest.raises(ReceiptForged):
        verify(forged, KEY.jwk)


def test_a_chain_shows_what_was_taken_away() -> None:
    """The first, one in the middle, two that changed places."""
    whole = chain(4)
    verify_chain(whole, KEY.jwk)
    for broken in (whole[1:], [*whole[:1], *whole[2:]], [whole[0], whole[2], whole[1], whole[3]]):
        with pytest.raises(ReceiptForged):
            verify_chain(broken, KEY.jwk)


def test_the_bounds_follow_from_the_topics() -> None:
    """An hour of trimming and one of a segment; a day of compaction; retention and a segment; grace and a week."""
    made = bounds(settings_for_tests(command_trim_seconds=3_600))
    sums = tuple(sum(parts.values()) for parts in made)
    assert sums == (2 * HOUR + 7 * MINUTE, 25 * HOUR + MINUTE, 8 * DAY + 6 * MINUTE, 17 * DAY)
    assert made.commands == {
        "open_segment": HOUR, "trim_age": HOUR, "look": MINUTE, "retention_check": 5 * MINUTE, "file_delete": MINUTE
    }  # fmt: skip


def test_commands_that_are_not_trimmed_stay_for_their_retention() -> None:
    """`COMMAND_TRIM_SECONDS=0`."""
    made = bounds(settings_for_tests(command_trim_seconds=0))
    assert sum(made.commands.values()) == 7 * DAY + HOUR + 6 * MINUTE
