"""Which machine this is, whether it is at rest, and whether it does what it did for the anchors."""

import json
import os
import platform
import re
import timeit
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

ANCHORS = Path(__file__).parent / "anchors"
SLOW = 0.8
"""Below this part of its anchor the bare loop says that the machine is not what it was."""

PLAIN_FAUST_RATE = (220, 350)
"""Commands a second between which a plain Faust agent is on the machine of the anchors."""

BARE_LOOP = "bare loop"
PLAIN_FAUST = "plain Faust"
BUSY = 1.5
YARDSTICK = "sum(range(1_000_000))"

Found = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Medians by workload and contender."""


def machine() -> str:
    """The processor, its number of cores, and the memory."""
    model = next((line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    kib = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {kib / 2**20:.0f} GiB"


@cache
def yardstick() -> float:
    """How long one core of this machine takes for `YARDSTICK` when the others rest, in ms."""
    return min(timeit.repeat(YARDSTICK, number=5, repeat=5)) / 5 * 1000


def anchors() -> dict[str, Any] | None:
    """Those of this machine; None where it has none."""
    every = [json.loads(file.read_text()) for file in sorted(ANCHORS.glob("*.json"))]
    return next((one for one in every if one["machine"] == machine()), None)


def remarks(found: Found, load: float) -> Iterator[str]:
    """What makes figures doubtful: a machine that was busy, has no anchors, or is not what it was."""
    if load > BUSY:
        yield f"the machine was busy at the start: load {load:.1f}"
    there = anchors()
    if there is None:
        yield f"there are no anchors of this machine: {machine()}"
        return
    if yardstick() * SLOW > there["yardstick_ms"]:
        yield f"one core takes {yardstick():.0f} ms for {YARDSTICK}, with the anchors it took {there['yardstick_ms']}"
    for workload, contenders in found.items():
        yield from _bare(workload, contenders, there[BARE_LOOP].get(workload))
        yield from _plain(workload, contenders)


def anchor(found: Found) -> Path:
    """Writes the bare loop's rates as the anchors of this machine; the file."""
    rates = {workload: round(found[workload][BARE_LOOP]["rate"]) for workload in found if BARE_LOOP in found[workload]}
    here = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "yardstick_ms": round(yardstick(), 1)}
    file = ANCHORS / f"{re.sub('[^a-z0-9]+', '-', machine().lower())}.json"
    file.write_text(json.dumps(here | {BARE_LOOP: rates}, indent=1) + "\n")
    return file


def _bare(workload: str, contenders: Mapping[str, Mapping[str, float]], anchor: float | None) -> Iterator[str]:
    rate = contenders[BARE_LOOP]["rate"] if BARE_LOOP in contenders else None
    if rate is not None and anchor is not None and rate < SLOW * anchor:
        yield f"{workload}: the bare loop did {rate:,.0f}/s, below {SLOW} of its anchor of {anchor:,.0f}/s"


def _plain(workload: str, contenders: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    low, high = PLAIN_FAUST_RATE
    rate = contenders[PLAIN_FAUST]["rate"] if PLAIN_FAUST in contenders else low
    if "first touch" not in workload and not low <= rate <= high:
        yield f"{workload}: plain Faust did {rate:,.0f}/s, outside {low}-{high}/s"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
