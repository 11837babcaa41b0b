"""The process of one target: `python -m fuzz.engine TARGET FOLDER` and libFuzzer's arguments.

It ends with status 0 when its time is over, and with another at the first find, which it leaves in FOLDER/finds.
"""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType

import atheris

from fuzz.tally import Tally
from fuzz.targets import TARGETS


def watch(modules: Sequence[str]) -> None:
    """Makes every branch and comparison of these modules' functions count. All else is left alone, which is faster."""
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__module__ in modules:
            atheris.instrument_func(one)


def main(name: str, folder: Path, arguments: list[str]) -> None:
    """Never returns."""
    target, tally = TARGETS[name], Tally(folder / "tally")
    watch([*target.WATCHED, target.__name__])

    def judge(data: bytes) -> None:
        try:
            reach = target.one_input(data)
        except BaseException:
            # libFuzzer writes it as well, unless its own alarm ends the process before it comes to that.
            (folder / "finds" / "last").write_bytes(data)
            raise
        tally.count(reach)

    atheris.Setup([name, *arguments], judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
