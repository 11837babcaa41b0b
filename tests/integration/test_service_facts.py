"""Whether all content was ever sealed, as Cassandra remembers it."""

import uuid

import pytest

from chat.storage.service_facts import always_sealed, note_content
from chat.storage.session import Connection

_MESSAGE = (
    "INSERT INTO messages (tenant_id, learner_id, generation, thread_id, bucket, seq) VALUES (%s, %s, 1, %s, 0, 1)"
)
_FORGET = "DELETE FROM service_facts WHERE name = 'content' IF EXISTS"


@pytest.fixture
async def unnoted(connection: Connection) -> Connection:
    """A keyspace without messages in which no worker was yet."""
    await connection.execute(_FORGET)
    await connection.run("TRUNCATE messages")
    return connection


async def test_until_somebody_notes_it_nothing_is_said_to_be_sealed(unnoted: Connection) -> None:
    assert not await always_sealed(unnoted)


async def test_plain_content_is_a_fact_for_ever(unnoted: Connection) -> None:
    """Sealed by whoever came first; one worker that does not seal ends that, and nobody brings it back."""
    for sealing, sealed in ((True, True), (True, True), (False, False), (True, False)):
        await note_content(unnoted, sealing=sealing)
        assert await always_sealed(unnoted) is sealed


async def test_content_from_before_may_be_plain(unnoted: Connection) -> None:
    """Nobody noted how it was written."""
    await unnoted.execute(_MESSAGE, ("tenant-1", "learner-1", uuid.uuid4()))
    await note_content(unnoted, sealing=True)
    assert not await always_sealed(unnoted)
