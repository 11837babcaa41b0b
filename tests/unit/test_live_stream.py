"""A listener's stream: history and tail joined, told why it ends, dropped when it is slow."""

import asyncio
from typing import NoReturn

import pytest

from api.live import listener, room
from api.live.events import Record
from api.live.frames import End
from api.live.rooms import Rooms
from chat.domain.model import Life, ThreadKey
from chat.errors import KeysUnavailable, NotVisible, StorageUnavailable, TokenExpired, TokenInvalid, TooManyListeners
from chat.storage.history import History
from tests.api_client import key_of
from tests.live import Client, World, connect, for_ever
from tests.records import NOW
from tests.sse import seqs
from tests.wait import until_async


def rooms_of(history: History, limit: int = 10, seconds: float = 3600) -> Rooms:
    return Rooms(history, limit, seconds)


@pytest.fixture
async def world() -> World:
    return await World().begin(5)


@pytest.fixture
def rooms(world: World) -> Rooms:
    return rooms_of(world.history)


def hear(rooms: Rooms, world: World) -> None:
    """The topic says all that it has to say."""
    for record in world.said:
        rooms.hear(record)
    world.said.clear()


@pytest.mark.parametrize(("after", "begins"), [(None, 5), (0, 0), (3, 3), (5, 5), (6, 5), (2**63 - 1, 5)])
async def test_the_first_event_says_where_the_stream_goes_on(
    rooms: Rooms, world: World, after: int | None, begins: int
) -> None:
    """Behind what the client has; a client that has more than there is, or says nothing, begins at the end."""
    client = await connect(rooms, world.key, after)
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: seqs(one.seen)[-1:] == [6])
    assert client.seen[0] == ("resync", {"last_seq": 5, "after_seq": begins}, None)
    assert seqs(client.seen) == list(range(begins + 1, 7))


async def test_what_has_expired_is_passed_over(rooms: Rooms, world: World) -> None:
    """A client that comes from before the retention gets what is kept."""
    await world.history.expire(world.key, 3)
    client = await connect(rooms, world.key, 1)
    await client.until(lambda one: seqs(one.seen) == [4, 5])


async def test_changes_come_without_an_id(rooms: Rooms, world: World) -> None:
    """Edits and deletes, as the row is now."""
    client = await connect(rooms, world.key)
    await world.edit(2, "other")
    await world.delete(3)
    hear(rooms, world)
    await client.until(lambda one: len(one.seen) == 3)
    assert [(one.event, one.data["seq"], one.data["content"], one.id) for one in client.seen[1:]] == [
        ("edit", 2, "other", None),
        ("delete", 3, None, None),
    ]


async def test_an_event_said_again_changes_nothing(rooms: Rooms, world: World) -> None:
    """A worker that was killed says old events once more: the rows are what counts."""
    client = await connect(rooms, world.key, 5)
    await world.post("first")
    said = list(world.said)
    hear(rooms, world)
    await client.until(lambda one: seqs(one.seen) == [6])
    for record in said:
        rooms.hear(record)
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: len(one.seen) == 3)
    assert seqs(client.seen) == [6, 7]


@pytest.mark.parametrize("key", [b"", b"heartbeat", b"\xff/x/y", b"tenant-1/learner-1", b"tenant-1/learner-1/_/x/y/z"])
async def test_what_is_no_threads_is_nobodys(rooms: Rooms, world: World, key: bytes) -> None:
    """Whatever lies on the topic beside threads and messages is passed over, and so is a value that is no record."""
    client = await connect(rooms, world.key)
    rooms.hear(Record(key, None, NOW))
    rooms.hear(Record("/".join((*world.key.learner.learner, world.key.thread_id)).encode(), b"\x00", NOW))
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: seqs(one.seen) == [6])


async def test_a_thread_that_is_deleted_ends_its_streams(rooms: Rooms, world: World) -> None:
    """And whoever comes then finds nothing, though the room was still open."""
    client = await connect(rooms, world.key)
    await world.delete_thread()
    hear(rooms, world)
    await client.until(lambda one: one.named("end") == [{"reason": "thread_deleted"}])
    with pytest.raises(NotVisible):
        await connect(rooms, world.key)


async def test_a_learner_who_is_erased_ends_all_streams(rooms: Rooms, world: World) -> None:
    """By the tombstone on the thread's own key; one on a message's ends nothing by itself."""
    client = await connect(rooms, world.key)
    base = "/".join((*world.key.learner.learner, world.key.thread_id))
    rooms.hear(Record(f"{base}/{world.rows[0].message_id}".encode(), None, NOW))
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: seqs(one.seen) == [6])
    rooms.hear(Record(base.encode(), None, NOW))
    await client.until(lambda one: one.named("end") == [{"reason": "learner_erased"}])


@pytest.mark.parametrize(("erased", "reason"), [(True, "learner_erased"), (False, "thread_deleted")])
async def test_rows_that_are_gone_end_a_stream(rooms: Rooms, world: World, erased: bool, reason: str) -> None:  # noqa: FBT001 - a row of the table
    """Where the event that says so was not heard: the next look finds it."""
    client = await connect(rooms, world.key)
    await world.post()
    await world.history.delete_thread(world.key)
    if erased:
        world.history.lives[world.key.learner.learner] = Life(alive=False)
    hear(rooms, world)
    await client.until(lambda one: one.named("end") == [{"reason": reason}])


class Token:
    """A token that counts until it is told not to."""

    def __init__(self) -> None:
        self.verdict: Exception | float = 0.02

    async def left(self) -> float:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@pytest.mark.parametrize(("error", "reason"), [(TokenExpired(), "token_expired"), (TokenInvalid(), "unauthenticated")])
async def test_a_token_that_counts_no_more_ends_its_stream(
    rooms: Rooms, world: World, error: Exception, reason: str
) -> None:
    """At once when its time is over, or when its key is known no more; another's stream goes on."""
    token = Token()
    client, other = await connect(rooms, world.key, 0, token.left), await connect(rooms, world.key)
    await client.until(lambda one: seqs(one.seen) == [1, 2, 3, 4, 5])
    token.verdict = error
    await client.until(lambda one: one.named("end") == [{"reason": reason}])
    await world.post()
    hear(rooms, world)
    await other.until(lambda one: seqs(one.seen) == [6])


async def test_a_token_that_nobody_can_judge_goes_on(rooms: Rooms, world: World) -> None:
    """The keys' server being away is no fault of the caller's."""
    token = Token()
    token.verdict = KeysUnavailable()
    client = await connect(rooms, world.key, 5, token.left)
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: seqs(one.seen) == [6])


async def test_a_stream_ends_after_its_time(world: World) -> None:
    """So that its client connects again, perhaps elsewhere."""
    client = await connect(rooms_of(world.history, seconds=1.0), world.key, 0)
    await client.until(lambda one: one.named("end") == [{"reason": "renew"}])
    assert seqs(client.seen) == [1, 2, 3, 4, 5]


async def test_nothing_happening_is_said(rooms: Rooms, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment, which no program of a client sees."""
    monkeypatch.setattr(listener, "HEARTBEAT_SECONDS", 0.01)
    client = await connect(rooms, world.key)
    await client.until(lambda one: one.raw.count(": alive\n\n") > 2)
    assert len(client.seen) == 1


async def test_a_slow_listener_is_dropped(rooms: Rooms, world: World) -> None:
    """When too much waits for it, and nobody else; what is held for it is bounded, and it goes on from where it was."""
    slow = Client(await listen(rooms, world.key))
    quick = await connect(rooms, world.key, followed=False)
    stream = slow.listener.stream()
    await anext(stream)  # its resync
    reading = asyncio.ensure_future(anext(stream))
    await until_async(lambda: slow.listener.joined)
    await world.post()
    hear(rooms, world)
    slow.raw += (await reading).decode()
    for _ in range(30):
        await world.post("w" * 16_000)
        hear(rooms, world)
        await quick.until(lambda one: len(seqs(one.seen)) == len(world.rows) - 5)
        assert slow.listener._queued <= listener.QUEUE_BYTES
    slow.raw += "".join([chunk.decode() async for chunk in stream])
    slow.listener.thread.leave(slow.listener)
    assert slow.named("end") == [{"reason": "slow"}]
    assert seqs(slow.seen) == list(range(6, 6 + len(seqs(slow.seen))))
    assert not quick.named("end")
    again = await connect(rooms, world.key, seqs(slow.seen)[-1])
    await again.until(lambda one: seqs(one.seen)[-1:] == [36])
    assert seqs(slow.seen) + seqs(again.seen) == seqs(quick.seen)


async def test_a_burst_makes_nobody_slow(rooms: Rooms, world: World) -> None:
    """More than may wait for a listener, all at once: who takes what comes gets all of it."""
    clients = [await connect(rooms, world.key) for _ in range(3)]
    for _ in range(60):
        await world.post("w" * 16_000)
    hear(rooms, world)
    for client in clients:
        await client.until(lambda one: seqs(one.seen) == list(range(6, 66)) or one.named("end"))
        assert not client.named("end")


async def listen(rooms: Rooms, key: ThreadKey) -> listener.Listener:
    """A listener whose stream nobody reads yet."""
    listening = asyncio.create_task(rooms.listen(key, None, for_ever))
    await rooms.somebody()
    rooms.followed(rooms.learners(), ())
    return await listening


async def test_a_store_that_is_away_is_said_and_waited_for(
    rooms: Rooms, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost meanwhile: new messages and changes come when it is back."""
    monkeypatch.setattr(room, "RETRY_SECONDS", 0.01)
    client = await connect(rooms, world.key)
    served = world.history.last_seq

    async def away(_key: ThreadKey) -> NoReturn:
        raise StorageUnavailable

    monkeypatch.setattr(world.history, "last_seq", away)
    await world.post()
    await world.edit(1, "other")
    hear(rooms, world)
    await client.until(lambda one: one.named("waiting") == [{"for": ["cassandra"]}])
    monkeypatch.setattr(world.history, "last_seq", served)
    await client.until(lambda one: one.named("waiting") == [{"for": ["cassandra"]}, {"for": []}])
    assert seqs(client.seen) == [6]
    assert len(client.named("edit")) == 1


async def test_a_store_that_is_away_while_history_is_read_is_waited_for(
    rooms: Rooms, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own reading goes on where it was."""
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.01)
    served = world.history.messages

    async def away(_key: ThreadKey, _first: int, _last: int) -> NoReturn:
        raise StorageUnavailable

    monkeypatch.setattr(world.history, "messages", away)
    client = await connect(rooms, world.key, 2)
    await client.until(lambda one: one.named("waiting") == [{"for": ["cassandra"]}])
    monkeypatch.setattr(world.history, "messages", served)
    await client.until(lambda one: seqs(one.seen) == [3, 4, 5] and one.named("waiting")[-1] == {"for": []})


async def test_kafka_being_away_is_said(rooms: Rooms, world: World) -> None:
    """To those who listen, and to those who come meanwhile; each change once."""
    before = await connect(rooms, world.key)
    rooms.waits(away=True)
    rooms.waits(away=True)
    during = await connect(rooms, world.key, 3, followed=False)
    await during.until(lambda one: seqs(one.seen) == [4, 5])
    rooms.waits(away=False)
    for client in (before, during):
        await client.until(lambda one: one.named("waiting") == [{"for": ["kafka"]}, {"for": []}])


async def test_who_comes_while_kafka_is_away_reads_again_later(
    rooms: Rooms, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """History is there; when events are followed at last, what came in between comes, and `resync` for the changes."""
    monkeypatch.setattr(room, "POSITION_SECONDS", 0.01)
    client = await connect(rooms, world.key, 3, followed=False)
    await client.until(lambda one: seqs(one.seen) == [4, 5])
    await world.post()
    assert client.named("waiting") == [{"for": ["kafka"]}]
    rooms.followed(rooms.learners(), rooms.learners())
    await client.until(lambda one: seqs(one.seen) == [4, 5, 6])
    assert client.named("waiting") == [{"for": ["kafka"]}, {"for": []}]
    assert client.named("resync") == [{"last_seq": 5, "after_seq": 3}, {"last_seq": 5, "after_seq": 5}]


async def test_a_process_serves_so_many_and_no_more(world: World) -> None:
    """Whoever goes makes room; nothing is kept of those who went."""
    rooms = rooms_of(world.history, limit=2)
    clients = [await connect(rooms, world.key), await connect(rooms, world.key)]
    with pytest.raises(TooManyListeners):
        await connect(rooms, world.key)
    for client in clients:
        await client.stop()
    assert not rooms.learners()
    await connect(rooms, world.key)


async def test_what_is_not_there_leaves_nothing_behind(rooms: Rooms) -> None:
    """A thread that is none has no room, and takes no listener's place."""
    for _ in range(20):
        with pytest.raises(NotVisible):
            await connect(rooms, key_of(2))
    assert not rooms.learners()


async def test_a_process_that_stops_ends_its_streams(rooms: Rooms, world: World) -> None:
    """Those that are there and those that come yet."""
    there = await connect(rooms, world.key, 3)
    rooms.close()
    late = await connect(rooms, world.key)
    for client in (there, late):
        await client.until(lambda one: one.named("end") == [{"reason": "stopping"}])


async def test_a_fault_of_ours_ends_the_streams(rooms: Rooms, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what will not come."""
    client = await connect(rooms, world.key)

    async def fail(_key: ThreadKey) -> NoReturn:
        raise ValueError

    monkeypatch.setattr(world.history, "last_seq", fail)
    await world.post()
    hear(rooms, world)
    await client.until(lambda one: one.named("end") == [{"reason": End.FAILED}])
