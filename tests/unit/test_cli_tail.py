"""What `chat tail` shows of a record, and where it looks."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import schemas
from chat.broker import Found
from chat.cli import tail
from chat.topic_specs import Topic
from tests.records import uid

KEY = b"tenant-1/learner-1"


def printed(topic: str, headers: list[tuple[str, bytes | None]], value: bytes | None = None) -> str:
    said = {"topic": topic, "partition": 0, "offset": 7, "key": KEY, "value": value, "headers": headers}
    message: Any = SimpleNamespace(**{name: lambda value=value: value for name, value in said.items()})
    return tail._shown(message).decode()


def shown(topic: str, headers: list[tuple[str, bytes | None]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(topic, headers))
    return found


def test_an_event_is_shown_in_its_own_letters() -> None:
    """A number that Python would write otherwise, or could not hold, keeps its digits."""
    metadata = '{"price":1.10,"id":123456789012345678901234567890}'
    thread = {"thread_id": uid(1, 1), "title": "Fractions", "created_by": "u", "created_at": 1, "updated_at": 1}
    event = {
        "event_id": uid(5, 1),
        "event_type": "CHAT_THREAD_CREATED",
        "tenant_id": "tenant-1",
        "learner_id": "learner-1",
        "timestamp": 1,
        "command_id": uid(3, 1),
        "data": thread | {"metadata": metadata},
    }
    line = printed(Topic.EVENTS, [], schemas.encode("CHAT_THREAD_CREATED", event))
    assert metadata in line
    assert json.loads(line)["record"] == {"topic": "chat.events", "partition": 0, "offset": 7, "key": KEY.decode()}


@pytest.mark.parametrize("topic", [Topic.EVENTS, Topic.REJECTIONS])
def test_only_a_dead_letter_is_one(topic: str) -> None:
    """A sealed event has headers of such names too."""
    assert "dead_letter" not in shown(topic, [("x-content-sealed", b"1"), ("x-error-code", b"x")])


def test_a_dead_letter_tells_what_the_service_said() -> None:
    """And nothing that its record brought along."""
    headers = [("x-mine", b"?"), ("correlation-id", None), ("x-error-code", b"undecodable"), ("x-letter-sealed", b"d")]
    assert shown(Topic.DEAD_LETTER, headers)["dead_letter"] == {"error_code": "undecodable", "letter_sealed": "d"}


def test_a_learners_dead_letters_may_lie_anywhere() -> None:
    """On the partition of their record, which may have been a wrong one."""
    places = {topic: list(tail._partitions(Found(topic, "id", 8, 1), KEY)) for topic in tail.OUTPUT}
    assert places[Topic.DEAD_LETTER] == list(range(8))
    assert places[Topic.EVENTS] == places[Topic.REJECTIONS]
    assert len(places[Topic.EVENTS]) == 1
