"""A worker that is told to end ends, whoever is away: what it did not finish is read again."""

from collections.abc import Callable

import pytest

from chat.sdk import Producer
from chat.servers.embedded import EmbeddedServers
from chat.servers.server import Server
from chat.settings import Settings
from tests.conftest import StartWorker
from tests.records import token, uid

SECONDS = 30.0
POSTS = 500
THREAD = {"tenant_id": "tenant-1", "learner_id": "learner-1", "thread_id": uid(1, 1)}


@pytest.mark.parametrize(("server", "goes_away"), [
    pytest.param("kafka", Server.kill, id="kafka-killed"),
    pytest.param("kafka", Server.pause, id="kafka-asleep", marks=pytest.mark.soak),
    pytest.param("cassandra", Server.kill, id="cassandra-killed", marks=pytest.mark.soak),
    pytest.param("cassandra", Server.pause, id="cassandra-asleep", marks=pytest.mark.soak),
])  # fmt: skip
def test_a_worker_ends_while_a_server_is_away(
    own_servers: EmbeddedServers,
    house: Settings,
    start_worker: StartWorker,
    server: str,
    goes_away: Callable[[Server], None],
) -> None:
    """In time, with commands in its hands; the next one does them."""
    roomy = house.model_copy(update={"max_messages_per_thread": POSTS})
    worker = start_worker(roomy).until_ready()
    away = own_servers.kafka if server == "kafka" else own_servers.cassandra[0]
    assert away is not None
    with Producer(roomy, token=token(role="teacher")) as chat:
        assert chat.send({"type": "CreateThread", **THREAD, "title": "a"}).outcome(120).outcome == "applied"
        posts = [chat.send({"type": "PostMessage", **THREAD, "content": f"{number}"}) for number in range(POSTS)]
        chat.flush(30)
        goes_away(away)
        assert worker.stop(SECONDS) == 0
        away.resume() if away.alive else away.start()
        worker.start().until_ready()
        assert {one.outcome(120).outcome for one in posts} == {"applied"}
