"""CloudEvents' headers on events."""

from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

import schemas
from chat.domain.events import Cause, Event, thread_deleted
from schemas.timestamps import from_text
from streams.cloud_events import attributes
from streams.emit import Emitter
from streams.publish import Outgoing
from streams.work import Work
from tests.records import PARTITIONS, Log, uid
from tests.way import MemoryPublisher

AT = from_text("2026-01-15T10:30:00.123Z")


def _event() -> Event:
    return thread_deleted(Cause("tenant-1", "learner-1", uid(3, 1), AT), uid(1, 1), "admin-1")


async def _outgoing(form: schemas.Format, *, cloud_events: bool) -> Outgoing:
    publisher = MemoryPublisher()
    record = Log().send("DeleteThread", command_id=uid(3, 1), thread_id=uid(1, 1))
    emitter = Emitter(publisher, form, PARTITIONS, cloud_events=cloud_events)  # type: ignore[arg-type]
    await emitter.emit(Work(events=[(record, _event())]))
    (said,) = publisher.records("chat.events")
    return said


async def test_the_reference_library_reads_it() -> None:
    """An event is a CloudEvent of the binary mode, with the value that it always has."""
    said = await _outgoing(schemas.Format.JSON, cloud_events=True)
    read: Any = from_binary(KafkaMessage(dict(said.headers), said.key, said.value or b""), JSONFormat())
    assert read.get_id() == _event().fields["event_id"]
    assert read.get_type() == "aivo.chat.v1.CHAT_THREAD_DELETED"
    assert read.get_source() == "/aivo-chat/tenant-1"
    assert read.get_subject() == f"tenant-1/learner-1/{uid(1, 1)}"
    assert read.get_time().isoformat() == "2026-01-15T10:30:00.123000+00:00"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data()["data"]["deleted_by"] == "admin-1"


@pytest.mark.parametrize("form", list(schemas.Format))
async def test_values_stay_what_they_are(form: schemas.Format) -> None:
    """Headers come in addition, and only where they are asked for."""
    plain, dressed = [await _outgoing(form, cloud_events=one) for one in (False, True)]
    assert plain.value == dressed.value
    assert not any(name.startswith("ce_") for name, _ in plain.headers)
    assert set(attributes(_event(), form)) <= set(dressed.headers)
