"""The driver's clock while the wall clock jumps."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from cassandra import cluster, connection, pool

from chat.storage import session  # noqa: F401 - whoever imports it has the driver go by a steady clock
from chat.storage.steady_time import SteadyTime


@pytest.mark.parametrize("module", [cluster, connection, pool])
@pytest.mark.parametrize("jump", [-3_600, 3_600])
def test_it_goes_on_evenly(module: Any, jump: int) -> None:
    assert isinstance(module.time, SteadyTime)
    now = time.time()
    with patch("time.time", lambda: now + jump):
        assert abs(module.time.time() - now) < 60


def test_what_is_due_is_done_though_the_clock_is_put_back() -> None:
    """Such as connecting again to a node that is back."""
    done = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        scheduler = cluster._Scheduler(executor)
        scheduler.schedule(0.1, done.set)
        now = time.time()
        with patch("time.time", lambda: now - 3_600):
            assert done.wait(10)
        scheduler.shutdown()
