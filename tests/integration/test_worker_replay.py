"""The same commands again, and the same offsets again: neither changes anything."""

import time
from collections.abc import Iterator

import pytest

from chat.settings import Settings
from tests.conftest import StartWorker
from tests.oracle.intents import Intent
from tests.oracle.order import settled
from tests.oracle.run import OracleRun
from tests.oracle.tables import OF_LEARNERS
from tests.worker import REBALANCES


@pytest.fixture(scope="module")
def oracle(fresh: Settings, seed: int) -> Iterator[OracleRun]:
    """Watches a house where nothing has happened yet."""
    with OracleRun(fresh, seed, f".venv/bin/pytest {__file__}") as run:
        yield run


def test_the_same_commands_again_are_duplicates(oracle: OracleRun, start_worker: StartWorker) -> None:
    """Each of them is refused with the first event's id, no table changes, and no event is said again, as long as the
    worker keeps its partitions.
    """
    worker = start_worker(oracle.settings).until_ready()
    rebalances = worker.metric(REBALANCES)
    _send(oracle, 700)
    applied = [one.logged.intent for one in oracle.verify() if one.kind == "applied" and _lasts(one.logged.intent)]
    before = oracle.tables.dump()
    again = oracle.generator.again(applied)
    oracle.source.send(again)
    oracle.source.flush()
    oracle.settle()
    numbers = {one.number for one in again}
    calm = worker.metric(REBALANCES) == rebalances
    second = [one for one in oracle.verify(once=calm) if one.logged.intent.number in numbers]
    assert len(second) == len(applied) > 0
    assert {(one.kind, one.code) for one in second} == {("refused", "duplicate")}
    assert oracle.tables.dump() == before
    assert worker.stop() == 0


def test_a_group_set_back_to_the_beginning_changes_nothing(oracle: OracleRun, start_worker: StartWorker) -> None:
    """All is read again: every table is as before, write times included, and events repeat with the same bytes; once,
    as long as the worker keeps its partitions.
    """
    _go_on(oracle, start_worker)
    before, events = oracle.tables.dump(), oracle.progress()
    oracle.group.rewind()
    worker = start_worker(oracle.settings).until_ready()
    rebalances = worker.metric(REBALANCES)
    oracle.settle()
    deleted = settled(oracle.verify())
    after = oracle.progress()
    repeated = after.repeated - events.repeated
    assert repeated >= events.applied - deleted > deleted > 0
    if worker.metric(REBALANCES) == rebalances:
        assert repeated == events.applied - deleted
        assert worker.metric("chat_outcomes_total") == after.produced
    assert oracle.tables.dump() == before
    assert all(before[table] for table in OF_LEARNERS)
    assert worker.stop() == 0


def _lasts(intent: Intent) -> bool:
    """Whether its token is still good when it is sent again."""
    return intent.claims is not None and intent.claims["exp"] > time.time() + 3_600


def _go_on(oracle: OracleRun, start_worker: StartWorker) -> None:
    worker = start_worker(oracle.settings).until_ready()
    _send(oracle, 300)
    assert worker.stop() == 0


def _send(oracle: OracleRun, records: int) -> None:
    oracle.source.send(oracle.generator.take(records))
    oracle.source.flush()
    oracle.settle()
