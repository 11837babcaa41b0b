"""Faults of every kind, one after the other in an order of the seed's: nothing is lost, double, or out of order."""

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clean_house import clean_house, drop_keyspace
from tests.conftest import FIGURES, StartWorker
from tests.fault.fault_run import FaultRun
from tests.fault.linked_servers import LinkedServers
from tests.fault.schedule import FAULTS, Figures, mixed
from tests.oracle.run import OracleRun

RATE = 150
SOAK_RATE = int(os.environ.get("SOAK_RATE", "500"))
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
SOAK_FAULTS = int(os.environ.get("SOAK_FAULTS", "200"))
SOAK_COMMANDS = int(os.environ.get("SOAK_COMMANDS", "1000000"))
ROUND_FAULTS = len(FAULTS)
ROUND_COMMANDS = min(60_000, SOAK_COMMANDS)
"""Of one house: so many the oracle can hold at once."""


@pytest.fixture
def fault_run(own_servers: LinkedServers, start_worker: StartWorker, tmp_path: Path) -> FaultRun:
    """Of the servers and the workers of this test."""
    return FaultRun(own_servers, start_worker, tmp_path)


@pytest.mark.timeout(600)
def test_every_kind_of_fault_in_a_row(
    oracle: OracleRun, fault_run: FaultRun, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """Each once; the oracle finds nothing, and after each every partition is at work again."""
    figures = Figures()
    faults = itertools.islice(mixed(seed), len(FAULTS))
    try:
        fault_run.run(oracle, RATE, faults, figures)
    finally:
        record_property(FIGURES, f"seed {seed}, {len(oracle.source.log)} commands\n{figures.table()}")
    assert figures.faults == len(FAULTS)


@pytest.mark.soak
def test_an_hour_of_faults(
    own_servers: LinkedServers, fault_run: FaultRun, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """House after house, until there were enough seconds, faults and commands; each is judged at its end."""
    began, figures, commands = time.monotonic(), Figures(), 0
    for number in itertools.count(seed):
        house = clean_house(own_servers.addresses, max_messages_per_thread=30)
        with OracleRun(house, number, "make soak") as oracle:
            try:
                faults = itertools.islice(mixed(number), ROUND_FAULTS)
                fault_run.run(oracle, SOAK_RATE, faults, figures, ROUND_COMMANDS)
            finally:
                commands += len(oracle.source.log)
                seconds = time.monotonic() - began
                told = f"seeds {seed}…{number}, {seconds:.0f} s, {figures.faults} faults, {commands} commands"
                record_property(FIGURES, f"{told}\n{figures.table()}")
        drop_keyspace(house)
        if seconds >= SOAK_SECONDS and figures.faults >= SOAK_FAULTS and commands >= SOAK_COMMANDS:
            break
