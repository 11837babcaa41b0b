"""A server that is away is no outcome."""

import asyncio

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from chat.errors import BrokerUnavailable, Permanent, StorageUnavailable
from streams import waiting as waiting_module
from streams.waiting import Waiting
from tests.wait import until_async


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(waiting_module, "LONGEST_PAUSE", 0.01)


@pytest_asyncio.fixture
async def waiting() -> Waiting:
    return Waiting()


async def test_a_call_is_tried_until_the_server_is_back(waiting: Waiting) -> None:
    """The result comes when the server does; meanwhile the wait is told, afterwards it is not."""
    tries = 0
    told: list[list[str]] = []

    async def call() -> str:
        nonlocal tries
        tries += 1
        told.append(waiting.away())
        if tries < 4:
            raise StorageUnavailable("away")
        return "here"

    assert await waiting.until_served(call) == "here"
    assert told == [[], ["cassandra"], ["cassandra"], ["cassandra"]]
    assert waiting.away() == []


async def test_why_it_waits_is_said_and_said_again(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.waiting.SAID_AGAIN", 0.0)
    errors = [BrokerUnavailable("KafkaTimeoutError"), BrokerUnavailable("NodeNotReadyError")]

    async def call() -> None:
        if errors:
            raise errors.pop(0)

    with capture_logs() as lines:
        await waiting.until_served(call)
    assert [(one["event"], one.get("reason")) for one in lines] == [
        ("waiting_for_server", "KafkaTimeoutError"),
        ("still_waiting", "NodeNotReadyError"),
        ("waited_for_server", None),
    ]


async def test_a_permanent_error_is_not_waited_for(waiting: Waiting) -> None:
    """What trying again cannot mend is raised, also after a wait."""
    errors: list[Exception] = [BrokerUnavailable("away"), Permanent("no")]

    async def call() -> None:
        raise errors.pop(0)

    with pytest.raises(Permanent):
        await waiting.until_served(call)
    assert waiting.away() == []


async def test_a_send_that_takes_long_is_told(waiting: Waiting) -> None:
    """While a send is not acknowledged, Kafka counts as away."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watching = asyncio.create_task(waiting.until_done(future, "kafka"))
    await until_async(lambda: waiting.away() == ["kafka"])
    future.set_result("acknowledged")
    assert await watching == "acknowledged"
    assert waiting.away() == []


async def test_two_waits_end_one_by_one(waiting: Waiting) -> None:
    """A server is away until the last one that waits for it goes on."""
    futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
    tasks = [asyncio.create_task(waiting.until_done(one, "kafka")) for one in futures]
    await until_async(lambda: waiting.away() == ["kafka"])
    futures[0].set_result(None)
    await tasks[0]
    assert waiting.away() == ["kafka"]
    futures[1].set_result(None)
    await tasks[1]
    assert waiting.away() == []
