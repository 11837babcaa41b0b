"""Which partitions are read for a learner: each in which words of theirs may lie."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from chat.broker import Found, Place
from chat.domain.model import Learner
from chat.domain.partition import partition_of
from chat.errors import CellDamaged, TopicMismatch
from chat.partition_reader import Kept
from chat.privacy.search import everywhere
from chat.privacy.search.everywhere import Everywhere
from chat.privacy.traces import Searched
from chat.topic_specs import Topic
from tests.records import PARTITIONS, settings_for_tests, uid

LEARNER = Learner("tenant-1", "learner-1")
HOME = partition_of(b"tenant-1/learner-1", PARTITIONS)
AWAY = (HOME + 1) % PARTITIONS


def lost(*_: object) -> str:
    raise CellDamaged("no key")


def search(monkeypatch: pytest.MonkeyPatch, topics: list[str], records: dict[Place, Kept]) -> Everywhere:
    """On brokers that have these topics with these records."""
    found = {topic: Found(topic, "id", PARTITIONS, 1) for topic in topics}

    def read(_settings: object, place: Place) -> Iterator[list[Kept]]:
        yield [records[place]] if place in records else []

    monkeypatch.setattr(everywhere, "broker", lambda _: SimpleNamespace(describe=lambda _: found))
    monkeypatch.setattr(everywhere, "read", read)
    nothing: Any = None
    return Everywhere(settings_for_tests(), nothing, [], [], nothing, nothing, nothing)


async def traces(searched: Everywhere) -> list[tuple[str, str]]:
    whose = Searched(LEARNER, lost, searched._home(LEARNER))
    return [(one.what, one.place) async for one in searched._in_topics(whose)]


async def test_what_producers_send_is_searched_on_every_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer with another partitioner, or another key, puts a command elsewhere, and its dead letter beside it."""
    ids = {"command_id": uid(3, 1), "tenant_id": "tenant-1", "learner_id": "learner-1", "thread_id": uid(1, 1)}
    value = json.dumps({"type": "CreateThread", **ids, "title": "hello"}).encode()
    sent = [Topic.COMMANDS, Topic.PRIVACY_COMMANDS, Topic.DEAD_LETTER]
    searched = search(monkeypatch, list(Topic), {Place(topic, AWAY): Kept(7, 1, b"?", value) for topic in sent})
    assert await traces(searched) == [("words", f"{topic}[{AWAY}]@7") for topic in sent]


async def test_what_the_service_says_is_searched_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the learner's partition."""
    key = f"tenant-1/learner-1/{uid(1, 1)}".encode()
    searched = search(monkeypatch, list(Topic), {Place(Topic.EVENTS, HOME): Kept(7, 1, key, None)})
    assert await traces(searched) == [("ids", f"chat.events[{HOME}]@7")]


async def test_a_topic_that_is_missing_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    searched = search(monkeypatch, [one for one in Topic if one != Topic.REJECTIONS], {})
    with pytest.raises(TopicMismatch, match=r"chat\.rejections is missing"):
        await traces(searched)
