"""Faults of every kind, alone and two at once, in an order of the seed's: nothing is lost, double, or out of order."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import FIGURES, StartWorker
from tests.fault.fault_run import FaultRun
from tests.fault.linked_servers import LinkedServers
from tests.fault.schedule import ROUND, Figures, mixed
from tests.oracle.run import OracleRun

RATE = 150
SOAK_RATE = int(os.environ.get("SOAK_RATE", "500"))
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
SOAK_FAULTS = int(os.environ.get("SOAK_FAULTS", "200"))
SOAK_COMMANDS = int(os.environ.get("SOAK_COMMANDS", "1000000"))
SOAK_FIGURES = Path(os.environ.get("SOAK_FIGURES", ".cache/soak.json"))
SHORT_FAULTS = 10
ROUND_COMMANDS = min(100_000, SOAK_COMMANDS)
"""Of one house: so many the oracle can hold at once."""


@pytest.fixture
def fault_run(own_servers: LinkedServers, start_worker: StartWorker, tmp_path: Path) -> FaultRun:
    """Of the servers and the workers of this test."""
    return FaultRun(own_servers, start_worker, tmp_path)


@pytest.mark.timeout(1800)
def test_faults_in_a_row(
    oracle: OracleRun, fault_run: FaultRun, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """A third of a round; the oracle finds nothing, and after each every partition is at work again."""
    figures = Figures()
    faults = itertools.islice(mixed(seed), SHORT_FAULTS)
    try:
        fault_run.run(oracle, RATE, faults, figures)
    finally:
        figures.count(oracle)
        record_property(FIGURES, f"seed {seed}, {figures}")
    assert figures.faults == SHORT_FAULTS


@pytest.mark.soak
def test_an_hour_of_faults(
    own_servers: LinkedServers, fault_run: FaultRun, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """House after house, until there were enough seconds, faults and commands; each is judged at its end.

    Figures are in `SOAK_FIGURES` after each of them.
    """
    figures = Figures()
    for number in itertools.count(seed):
        house = clean_house(own_servers.addresses, max_messages_per_thread=30)
        with OracleRun(house, number, "make soak") as oracle:
            try:
                faults = itertools.islice(mixed(number), ROUND)
                fault_run.run(oracle, SOAK_RATE, faults, figures, ROUND_COMMANDS)
            finally:
                figures.count(oracle)
                figures.keep(SOAK_FIGURES, f"{seed}…{number}")
                record_property(FIGURES, f"seeds {seed}…{number}, {figures}")
        drop_keyspace(house)
        if figures.seconds >= SOAK_SECONDS and figures.faults >= SOAK_FAULTS and figures.commands >= SOAK_COMMANDS:
            break
