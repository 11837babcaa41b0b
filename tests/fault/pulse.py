"""When which partition was seen to work: how long the service stood still, and when it went on."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Self

from chat.settings import Settings
from tests.oracle import outcomes
from tests.oracle.topics import Reader, Said
from tests.wait import until

RECENT = 10.0
"""Seconds for which a partition that spoke counts as one at work."""

LONGEST_RECOVERY = 60.0


class Pulse:
    """Hears the outcomes of commands as they come, in a thread of its own.

    Refusals too: where all learners of a partition were erased, nothing is ever applied there again.
    """

    def __init__(self, house: Settings) -> None:
        self._reader = Reader(house.kafka_bootstrap_servers[0], house.topic_partitions)
        self._beats: defaultdict[int, list[float]] = defaultdict(list)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._reader.close()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            for partition in set(map(_from, self._reader.poll())) - {outcomes.NOWHERE[0]}:
                self._beats[partition].append(time.monotonic())

    def at_work(self) -> set[int]:
        """The partitions that spoke lately."""
        return {partition for partition in list(self._beats) if self._beats[partition][-1] > time.monotonic() - RECENT}

    def recovery(self, since: float, partitions: Iterable[int]) -> float:
        """Waits until each of the partitions has spoken since a moment; the seconds that the last of them took."""
        return max(self._first(one, since) for one in partitions) - since

    def _first(self, partition: int, since: float) -> float:
        beats = self._beats[partition]
        until(
            lambda: beats and beats[-1] > since, LONGEST_RECOVERY, f"an outcome of a command of partition {partition}"
        )
        return next(one for one in beats if one > since)

    def longest_pause(self, began: float, ended: float, partitions: Iterable[int]) -> float:
        """Seconds of the longest time for which one of the partitions said nothing, of which a part lies between two
        moments; one that goes on is counted until `ended`.
        """
        return max(longest_gap(list(self._beats[one]), began, ended) for one in partitions)


def longest_gap(beats: Iterable[float], began: float, ended: float) -> float:
    """Between two beats, or the last one and `ended`, of those gaps that are not over before `began`."""
    moments = [*(one for one in beats if one < ended), ended]
    return max(after - before for before, after in pairwise(moments) if after > began)


def _from(outcome: Said) -> int:
    """The partition of the command; a refusal lies on the one of its learner."""
    claimed = outcomes.claims(outcome)
    return outcome.partition if claimed is None else claimed[0]
