"""`python -m bench.profiling`: where a worker's time goes under load: a flame graph, and the functions that take most.

py-spy looks at the process from outside, RATE times a second, and counts the thread that holds the interpreter: one
that waits for a socket, or that the kernel works for, does not.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.load import Burst
from bench.measure import usage
from bench.report import RESULTS
from bench.stage import Stage, stage
from bench.workload import Workload
from bench.workloads import WORKLOADS

COMMANDS = 20_000
"""Of a burst; one follows the other as long as py-spy looks."""

LINES = 30
RATE = 200


def main() -> None:
    """Prints the functions, and writes them beside the graph."""
    arguments = _arguments()
    workload = next(one for one in WORKLOADS if one.name == arguments.workload)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    graph, stacks, text = (
        arguments.folder / f"profile-{workload.name.replace(' ', '-')}.{end}" for end in ("svg", "stacks", "txt")
    )
    with stage([workload]) as on:
        on.send(Burst(workload, workload.width, touch=True))
        on.send(Burst(workload, COMMANDS))
        _record(on, workload, arguments.seconds, "flamegraph", graph)
        cost = _record(on, workload, arguments.seconds, "raw", stacks)
    graph.write_text(_titled(graph.read_text(), f"A worker under load: {workload.name}"))
    text.write_text("\n".join(_summary(stacks.read_text(), cost)) + "\n")
    print(text.read_text())
    print(f"the flame graph is {graph}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description=__doc__)
    parser.add_argument("--workload", choices=[one.name for one in WORKLOADS], default="spread")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=RESULTS / "profile")
    return parser.parse_args()


def _record(on: Stage, workload: Workload, seconds: int, form: str, file: Path) -> float:
    """Has py-spy look while the worker has all that it can do; the worker's CPU in µs a command."""
    spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(on.worker.pid)]
    command = [*spy, "--gil", "--rate", str(RATE), "--duration", str(seconds), "--format", form, "--output", str(file)]
    before, bursts = usage(on.worker.pid), 0
    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(subprocess.run, command, check=True, capture_output=True)
        while not looking.done():
            bursts += 1
            on.send(Burst(workload, COMMANDS, play=bursts))
        looking.result()
    return (usage(on.worker.pid).cpu - before.cpu) / (bursts * COMMANDS) * 1e6


def _titled(graph: str, title: str) -> str:
    """The graph under a name: py-spy calls it by its own command line."""
    return re.sub('(<text id="title"[^>]*>)[^<]*', rf"\g<1>{title}", graph)


def _summary(stacks: str, cost: float) -> Iterator[str]:
    """The functions that were running most often, and the files of ours that were on the stack most often."""
    itself, within, everything = Counter[str](), Counter[str](), 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [frame.rpartition(":")[0] + ")" if ":" in frame else frame for frame in frames.split(";")]
        everything += int(count)
        itself[names[-1]] += int(count)
        within.update(dict.fromkeys((name for name in names if _ours(name)), int(count)))
    yield f"{everything} samples; {cost:.0f} µs of CPU a command, with py-spy looking, of which the shares are taken"
    for title, counted in (("itself", itself), ("with all that it calls, ours only", within)):
        yield f"\n{'share':>7} {'µs':>7}  {title}"
        for name, seen in counted.most_common(LINES):
            yield f"{seen / everything:7.1%} {seen / everything * cost:7.1f}  {name}"


def _ours(name: str) -> bool:
    return any(f"({package}/" in name for package in ("streams", "chat", "schemas"))


if __name__ == "__main__":
    main()
