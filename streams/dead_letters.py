"""Dead letters as they go out: the record's own bytes, or sealed under the key of its day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chat.privacy.envelope import new_key
from chat.privacy.sealed_letter import HEADER, Content, Headers, LetterKey
from chat.storage.letter_keys import LetterKeys, day_of
from streams.publish import Outgoing
from streams.records import CONTINUED, DeadLetter, Record
from streams.waiting import Waiting

CUT = "; value, headers and a long key are left out, for Kafka takes no record of that size"
"""How the detail ends where a letter is not whole."""


class Letters(Protocol):
    """How dead letters go out."""

    async def say(self, letters: Sequence[DeadLetter]) -> list[Outgoing]:
        """The letters, in their order."""
        ...


class PlainLetters:
    """With the record's own bytes and headers."""

    async def say(self, letters: Sequence[DeadLetter]) -> list[Outgoing]:
        return [_letter(one, Content(one.record.value, own_headers(one.record)), []) for one in letters]


@dataclass(frozen=True, slots=True)
class SealedLetters:
    """Value and headers under the key of the record's day; once that is destroyed, such as nobody can open."""

    keys: LetterKeys
    waiting: Waiting

    async def say(self, letters: Sequence[DeadLetter]) -> list[Outgoing]:
        return [await self._say(one) for one in letters]

    async def _say(self, letter: DeadLetter) -> Outgoing:
        record = letter.record
        day = day_of(record.timestamp)
        key = await self.waiting.until_served(lambda: self.keys.sealing(day)) or LetterKey(new_key(), day)
        own = own_headers(record)
        sealed = key.seal(Content(record.value, own), source_of(record))
        clear = [(name, value) for name, value in own if name.lower() in CONTINUED]
        return _letter(letter, Content(sealed, clear), [(HEADER, day.encode())])


def source_of(record: Record) -> str:
    """A record's place in words."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def own_headers(record: Record) -> Headers:
    """The record's headers; a token never goes further than the command's own record."""
    return [(key, value) for key, value in record.headers if key.lower() != "authorization"]


def _letter(letter: DeadLetter, content: Content, last: Headers) -> Outgoing:
    record = letter.record
    said = _said(letter, CUT)
    cut = Outgoing(record.key, None, record.timestamp, said, Outgoing(None, None, record.timestamp, said))
    headers = [*content.headers, *_said(letter), *last]
    return Outgoing(record.key, content.value, record.timestamp, headers, cut)


def _said(letter: DeadLetter, more: str = "") -> Headers:
    """The service's own headers."""
    record = letter.record
    said = {
        "x-error-code": letter.code,
        "x-error-detail": letter.detail + more,
        "x-source-topic": record.topic,
        "x-source-partition": str(record.partition),
        "x-source-offset": str(record.offset),
        "x-source-timestamp": str(record.timestamp),
    }
    return [(key, value.encode()) for key, value in said.items()]
