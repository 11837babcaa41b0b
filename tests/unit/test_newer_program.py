"""What a newer version's worker wrote for its own use is nobody's dead letter; what only looks like it is one."""

import json
from pathlib import Path

import pytest

from chat.errors import RecordOfNewerProgram
from chat.storage.migrate import migrations
from schemas.registry import MARKER
from tests.privacy_desk import Desk
from tests.records import SEAL, Log
from tests.tomorrow import NAME, TODAY, migrations_of_tomorrow
from tests.way import World

IDS = {"command_id": "c", "tenant_id": "tenant-1", "learner_id": "learner-1"}
UNKNOWN = (
    pytest.param(json.dumps({"type": "MoveLearner", **IDS}).encode(), id="an unknown type"),
    pytest.param(MARKER + b"12345678" + b"datum", id="an unknown schema"),
)
FORGED = (("authorization", b"Service " + b"0" * 64),)


@pytest.mark.parametrize("value", UNKNOWN)
def test_a_record_of_a_newer_program_ends_the_worker(value: bytes) -> None:
    """It is no dead letter: nothing is said of it, and it is still there for a worker that knows it."""
    log, world = Log(), World()
    log.append(value, b"tenant-1/learner-1", 0, (SEAL.header(value),))
    with pytest.raises(RecordOfNewerProgram, match=r"chat\.commands\[0\] has at 0 "):
        world.run(log.records)
    assert world.publisher.topics == {}


@pytest.mark.parametrize("value", UNKNOWN)
async def test_so_it_does_among_privacy_commands(value: bytes) -> None:
    """That topic is no other case."""
    log, desk = Log("chat.privacy.commands"), Desk()
    log.append(value, b"tenant-1/learner-1", 0, (SEAL.header(value),))
    with pytest.raises(RecordOfNewerProgram, match=r"chat\.privacy\.commands\[0\] has at 0 "):
        await desk.take(log.records)
    assert desk.publisher.topics == {}


@pytest.mark.parametrize("value", UNKNOWN)
def test_a_forged_one_is_a_dead_letter(value: bytes) -> None:
    """Nobody stops a worker who does not have the service's secret, nor by a seal that stands on another record."""
    log, world = Log(), World()
    for headers in (FORGED, (SEAL.header(value + b" "),), ()):
        log.append(value, b"tenant-1/learner-1", 0, headers)
    world.run(log.records)
    assert len(world.publisher.records("chat.dead-letter")) == 3


@pytest.mark.parametrize("oldest", [TODAY, TODAY + 1])
def test_a_migration_says_which_program_is_the_oldest(tmp_path: Path, oldest: int) -> None:
    """In a line of its own."""
    found = migrations(migrations_of_tomorrow(tmp_path, oldest=oldest))[-1]
    assert (found.name, found.oldest_program) == (NAME, oldest)


def test_without_that_line_no_older_one_works() -> None:
    """Who forgets it stops old programs; who did not think of it breaks none."""
    assert all(one.oldest_program == one.number for one in migrations()[:8])
