"""Commands sealed to the service's public key, and sealed dead letters."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import BadInput, KeyStoreUnavailable, SealBroken
from chat.privacy.sealed_command import CommandKey, CommandOpener, is_sealed, key_id_of, new_private_key
from chat.privacy.sealed_letter import Content, LetterKey
from chat.storage.command_keys import Opener
from chat.storage.letter_keys import day_of, kept_until
from tests.records import NOW, Log, settings_for_tests, uid
from tests.way import World

PRIVATE, PUBLIC = new_private_key()
KEY, OPENER = CommandKey.from_bytes(PUBLIC), CommandOpener(PRIVATE)
TOPIC, HOME = "chat.commands", b"tenant-1/learner-1"
THREAD = uid(1, 1)


@given(st.binary(max_size=300), st.one_of(st.none(), st.binary(max_size=40)))
def test_what_is_sealed_opens_in_its_place_alone(value: bytes, key: bytes | None) -> None:
    """With the same topic and record key it comes back; with another of either, or another private key, it does not."""
    sealed = KEY.seal(value, TOPIC, key)
    assert is_sealed(sealed)
    assert key_id_of(sealed) == KEY.key_id
    assert OPENER.open(sealed, TOPIC, key) == value
    stranger = CommandOpener(new_private_key()[0])
    for opener, topic, home in (
        (OPENER, TOPIC, (key or b"") + b"x"),
        (OPENER, f"{TOPIC}x", key),
        (stranger, TOPIC, key),
    ):
        with pytest.raises(SealBroken):
            opener.open(sealed, topic, home)


def test_every_bit_counts() -> None:
    """A sealed value with any bit of encapsulated key or ciphertext turned, or cut anywhere, does not open."""
    sealed = KEY.seal(b'{"type": "PostMessage"}', TOPIC, HOME)
    head = 2 + len(KEY.key_id)
    for place in range(head * 8, len(sealed) * 8):
        turned = bytearray(sealed)
        turned[place // 8] ^= 1 << place % 8
        with pytest.raises(SealBroken):
            OPENER.open(bytes(turned), TOPIC, HOME)
    for length in range(head, len(sealed)):
        with pytest.raises(SealBroken):
            OPENER.open(sealed[:length], TOPIC, HOME)
    with pytest.raises(SealBroken):
        OPENER.open(sealed[:head] + bytes(32) + sealed[head + 32 :], TOPIC, HOME)


def test_the_public_key_goes_as_a_jwk() -> None:
    """There and back, alone or in a set; anything else is said to be none."""
    assert CommandKey.from_jwk(KEY.jwk).key_id == CommandKey.from_jwk({"keys": [KEY.jwk]}).key_id == KEY.key_id
    wrongs: list[dict[str, Any]] = [{}, {"keys": []}, KEY.jwk | {"crv": "Ed25519"}, KEY.jwk | {"x": "AA"}]
    for wrong in wrongs:
        with pytest.raises(BadInput):
            CommandKey.from_jwk(wrong)


def test_a_sealed_command_is_the_same_command() -> None:
    """Sent sealed it is applied, sent plain again it is a duplicate; its dead letters keep the sealed bytes."""
    world, log = _house(Opener(OPENER, None))
    plain = log.send("CreateThread", command_id=uid(3, 1), thread_id=THREAD, title="a")
    log.records.clear()
    log.append(KEY.seal(plain.value or b"", TOPIC, HOME), HOME, plain.partition, plain.headers)
    log.append(plain.value, HOME, plain.partition, plain.headers)
    junk = log.append(KEY.seal(b'{"type": "Nonsense"}', TOPIC, HOME), HOME, plain.partition, plain.headers)
    world.run(log.records)
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED"]
    assert world.codes() == ["duplicate"]
    (letter,) = world.publisher.records("chat.dead-letter")
    assert letter.value == junk.value
    assert dict(letter.headers)["x-error-code"] in {b"unknown_type", b"no_identity"}


@pytest.mark.parametrize(
    ("opener", "said"),
    [
        (None, b"never had"),
        (Opener(None, None), b"destroyed"),
        (Opener(OPENER, NOW - 1), b"replaced"),
        (Opener(None, NOW - 1), b"replaced"),
        (Opener(CommandOpener(new_private_key()[0]), None), b"changed"),
    ],
)
def test_what_no_key_opens_says_why(opener: Opener | None, said: bytes) -> None:
    """An unknown, destroyed or long replaced key, and the wrong one: `undecodable`, with its own detail."""
    world, log = _house(opener)
    plain = log.send("CreateThread", command_id=uid(3, 1), thread_id=THREAD, title="a")
    log.records.clear()
    log.append(KEY.seal(plain.value or b"", TOPIC, HOME), HOME, plain.partition, plain.headers)
    world.run(log.records)
    headers = dict(world.publisher.records("chat.dead-letter")[0].headers)
    assert headers["x-error-code"] == b"undecodable"
    assert said in (headers["x-error-detail"] or b"")


def test_a_key_store_that_is_away_is_no_outcome() -> None:
    """The command waits for it, nothing said meanwhile, and is applied when the store is back."""
    world, log = _house(Opener(OPENER, None))
    found, said, away = world.find_command_keys, [], [KeyStoreUnavailable("away")] * 2

    async def find(ids: Collection[bytes]) -> Mapping[bytes, Opener]:
        said.append(len(world.events()) + len(world.publisher.records("chat.dead-letter")))
        if away:
            raise away.pop()
        return await found(ids)

    world.find_command_keys = find
    plain = log.send("CreateThread", command_id=uid(3, 1), thread_id=THREAD, title="a")
    log.records.clear()
    log.append(KEY.seal(plain.value or b"", TOPIC, HOME), HOME, plain.partition, plain.headers)
    world.run(log.records)
    assert said == [0, 0, 0]
    assert [one.type for one in world.events()] == ["CHAT_THREAD_CREATED"]


def _house(opener: Opener | None) -> tuple[World, Log]:
    async def find(_ids: object) -> dict[bytes, Opener]:
        return {} if opener is None else {KEY.key_id: opener}

    return World(find_command_keys=find), Log()


def test_a_sealed_letter_is_the_same_at_every_try_and_opens_in_its_place() -> None:
    """Value and headers come back, nulls too; not under another day, place or key, nor with a bit turned."""
    content = Content(b"\x00words", [("a", b"b"), ("n", None)])
    key = LetterKey(b"k" * 32, "2026-01-15")
    sealed = key.seal(content, "chat.commands/1/2")
    assert sealed == key.seal(content, "chat.commands/1/2")
    assert b"words" not in sealed
    assert key.open(sealed, "chat.commands/1/2") == content
    turned = bytes([sealed[0] ^ 1]) + sealed[1:]
    others = [
        (LetterKey(b"k" * 32, "2026-01-16"), sealed, "chat.commands/1/2"),
        (LetterKey(b"j" * 32, "2026-01-15"), sealed, "chat.commands/1/2"),
        (key, sealed, "chat.commands/1/3"),
        (key, turned, "chat.commands/1/2"),
    ]
    for other, value, place in others:
        with pytest.raises(SealBroken):
            other.open(value, place)


def test_a_days_key_outlives_the_last_letter_of_its_day() -> None:
    """It goes seven days after its day is over, and so do all of the day's letters."""
    day = day_of(NOW)
    assert day == "2026-01-15"
    assert day_of(kept_until(day, settings_for_tests())) == "2026-01-23"
