"""Every command but create and post: what it does, and what it refuses."""

from typing import Any

import pytest

from tests.records import Log, token, uid
from tests.way import World

THREAD = uid(1, 1)
ADMIN = token(user="admin-1", role="admin")


class Story:
    """A thread with two messages of teacher-1, and what comes after them."""

    def __init__(self) -> None:
        self.log = Log()
        self._next = 0
        self.send("CreateThread", title="Fractions", metadata={"a": 1})
        self.send("PostMessage", message_id=uid(2, 1), content="one", metadata={"m": 1})
        self.send("PostMessage", message_id=uid(2, 2), content="two")

    def send(self, record_type: str, bearer: str | None = None, **fields: Any) -> None:
        self._next += 1
        values = {"command_id": uid(3, self._next), "thread_id": THREAD, **fields}
        self.log.send(record_type, bearer=bearer, **values)

    def run(self, size: int = 250) -> World:
        world = World()
        world.run(self.log.records, size)
        return world


@pytest.fixture
def story() -> Story:
    return Story()


def _last(world: World) -> dict[str, Any]:
    data: dict[str, Any] = world.events()[-1].fields["data"]
    return data


def test_an_update_keeps_what_is_null(story: Story) -> None:
    """A new title leaves the metadata, new metadata leave the title, and the event has both."""
    story.send("UpdateThread", title="Decimals")
    assert (_last(story.run())["title"], _last(story.run())["metadata"]) == ("Decimals", '{"a":1}')
    story.send("UpdateThread", metadata={"b": 2})
    assert (_last(story.run())["title"], _last(story.run())["metadata"]) == ("Decimals", '{"b":2}')


@pytest.mark.parametrize("size", [1, 250])
def test_an_edit_shows_the_whole_new_state(story: Story, size: int) -> None:
    """An edited message keeps its seq, sender and metadata, and has its new content in row and event."""
    story.send("EditMessage", message_id=uid(2, 1), content="uno")
    world = story.run(size)
    assert {key: _last(world)[key] for key in ("content", "seq", "metadata", "sender_id")} == {
        "content": "uno",
        "seq": 1,
        "metadata": '{"m":1}',
        "sender_id": "teacher-1",
    }
    rows = {one.value.seq: one.value for one in world.store.messages.values()}
    assert (rows[1].content, rows[2].content) == ("uno", "two")
    assert rows[1].updated_at > rows[1].created_at


@pytest.mark.parametrize("size", [1, 250])
def test_a_deleted_message_leaves_a_husk(story: Story, size: int) -> None:
    """Its seq stays, its words and metadata go, and nothing brings it back."""
    story.send("DeleteMessage", message_id=uid(2, 1))
    story.send("EditMessage", message_id=uid(2, 1), content="back")
    story.send("DeleteMessage", message_id=uid(2, 1))
    story.send("PostMessage", message_id=uid(2, 1), content="again")
    world = story.run(size)
    assert world.codes() == ["message_not_found", "message_not_found", "message_exists"]
    husk = next(one.value for one in world.store.messages.values() if one.value.seq == 1)
    assert (husk.content, husk.metadata, husk.deleted_at is not None) == (None, "{}", True)
    assert _last(world) == {"message_id": uid(2, 1), "thread_id": THREAD, "seq": 1, "deleted_by": "teacher-1"}


def test_only_its_sender_edits_a_message(story: Story) -> None:
    """An admin may delete anybody's message and edit nobody's; another teacher may do neither."""
    other = token(user="teacher-2")
    for bearer in (ADMIN, other):
        story.send("EditMessage", bearer, message_id=uid(2, 1), content="x")
    story.send("DeleteMessage", other, message_id=uid(2, 1))
    story.send("DeleteMessage", ADMIN, message_id=uid(2, 1))
    world = story.run()
    assert world.codes() == ["forbidden", "forbidden", "forbidden"]
    assert _last(world)["deleted_by"] == "admin-1"


def test_a_text_message_is_never_edited_to_nothing(story: Story) -> None:
    """The caption of a file may become empty, a text may not."""
    story.send("PostMessage", message_id=uid(2, 3), content="a caption", message_type="file")
    story.send("EditMessage", message_id=uid(2, 3), content="")
    story.send("EditMessage", message_id=uid(2, 1), content="")
    world = story.run()
    assert world.codes() == ["invalid"]
    assert _last(world)["message_id"] == uid(2, 3)


@pytest.mark.parametrize("size", [1, 250])
def test_a_mark_only_goes_forward(story: Story, size: int) -> None:
    """A mark behind the mark is applied and leaves it; one beyond the last message is invalid."""
    for seq in (2, 1, 3):
        story.send("MarkRead", seq=seq)
    world = story.run(size)
    marks = [one.fields["data"]["seq"] for one in world.events() if one.type == "CHAT_THREAD_READ"]
    assert marks == [2, 2]
    assert world.codes() == ["invalid"]
    assert [one.value for one in world.store.marks.values()] == [2]
    world.run(story.log.records, size)
    assert [one.fields["data"]["seq"] for one in world.events() if one.type == "CHAT_THREAD_READ"] == [2, 2, 2, 2]


@pytest.mark.parametrize("size", [1, 250])
def test_a_deleted_thread_takes_everything_with_it(story: Story, size: int) -> None:
    """Its messages and marks go, each with a Kafka tombstone; its id stays taken; it takes nothing more."""
    story.send("MarkRead", seq=2)
    story.send("DeleteThread", ADMIN)
    story.send("PostMessage", message_id=uid(2, 9), content="late")
    story.send("CreateThread", title="again")
    story.send("DeleteThread", ADMIN)
    world = story.run(size)
    assert world.codes() == ["thread_not_found", "thread_exists", "thread_not_found"]
    base = f"tenant-1/learner-1/{THREAD}"
    tombstones = {one.key.decode() for one in world.publisher.records("chat.events") if one.value is None and one.key}
    assert tombstones == {f"{base}/{uid(2, 1)}", f"{base}/{uid(2, 2)}", f"{base}/read/teacher-1"}
    store = world.store
    assert (store.messages, store.seqs, store.marks, store.listed) == ({}, {}, {}, {})


@pytest.mark.parametrize("size", [1, 250])
def test_what_was_deleted_does_not_come_back_with_a_replay(story: Story, size: int) -> None:
    """A deleted thread's messages are neither said again nor refused, and a mark is not without its tombstone."""
    story.send("MarkRead", seq=2)
    story.send("EditMessage", message_id=uid(2, 1), content="uno")
    story.send("DeleteThread", ADMIN)
    world = story.run(size)
    before = len(world.publisher.records("chat.events"))
    world.run(story.log.records, size)
    again = world.publisher.records("chat.events")[before:]
    thread, mark = (f"tenant-1/learner-1/{THREAD}{rest}".encode() for rest in ("", "/read/teacher-1"))
    assert {one.key for one in again} == {thread, mark}
    assert [one.value is None for one in again if one.key == mark][-1]
    assert world.codes() == []


def test_a_command_that_makes_nothing_new_is_a_duplicate_too(story: Story) -> None:
    """The same edit at a new offset is refused with the first one's event id."""
    for _ in range(2):
        story.log.send("EditMessage", command_id=uid(3, 99), thread_id=THREAD, message_id=uid(2, 1), content="x")
    world = story.run()
    assert world.codes() == ["duplicate"]
    assert world.refusals()[0].fields["event_id"] == world.events()[-1].fields["event_id"]


def test_deleting_a_thread_needs_its_permission(story: Story) -> None:
    """A teacher may not delete a thread."""
    story.send("DeleteThread")
    assert story.run().codes() == ["forbidden"]
