"""Dead letters as they lie in the log, and what is in them."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from chat.broker import Place, broker, describe_all
from chat.partition_reader import Kept, read
from chat.privacy.sealed_letter import HEADER, Content, Headers
from chat.settings import Settings
from chat.storage.letter_keys import LetterKeys
from chat.topic_specs import Topic

SAID = (
    "x-error-code",
    "x-error-detail",
    "x-source-topic",
    "x-source-partition",
    "x-source-offset",
    "x-source-timestamp",
)
"""The service's own headers, in their order behind the record's."""


class Letter(NamedTuple):
    """One dead letter; `said` are the service's own headers, `own` the record's; `day` is set where it is sealed."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    own: Headers
    said: Mapping[str, str]
    day: str | None

    @property
    def source(self) -> str:
        """The record's place, in words."""
        return "/".join(self.said[f"x-source-{part}"] for part in ("topic", "partition", "offset"))


def letters(settings: Settings) -> Iterator[Letter]:
    """Every letter that is there, partition by partition. What somebody else put on the topic is none.

    Blocks; raises `TopicMismatch`, `BrokerUnavailable` or `BrokerRefused`.
    """
    found = describe_all(broker(settings), [Topic.DEAD_LETTER])[Topic.DEAD_LETTER]
    for partition in range(found.partitions):
        for batch in read(settings, Place(Topic.DEAD_LETTER, partition)):
            yield from (letter for kept in batch if (letter := _letter(partition, kept)) is not None)


async def opened(letter: Letter, keys: LetterKeys) -> Content | None:
    """What the record brought along; None where the key of its day was destroyed.

    Raises `SealBroken`, and as `LetterKeys` does.
    """
    if letter.day is None:
        return Content(letter.value, letter.own)
    key = await keys.opening(letter.day)
    return None if key is None else key.open(letter.value or b"", letter.source)


def _letter(partition: int, kept: Kept) -> Letter | None:
    headers = list(kept.headers)
    # A record may bring headers of these names along: only the last ones are the service's.
    day = (headers.pop()[1] or b"").decode() if headers and headers[-1][0] == HEADER else None
    own, last = headers[: -len(SAID)], headers[-len(SAID) :]
    if tuple(name for name, _ in last) != SAID:
        return None
    said = {name: (value or b"").decode(errors="replace") for name, value in last}
    return Letter(partition, kept.offset, kept.key, kept.value, own, said, day)
