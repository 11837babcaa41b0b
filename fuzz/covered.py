"""`python -m fuzz.covered TARGET CORPUS MODULE…`: what a corpus covers of these modules, lines and branches together.

In a process of its own, without atheris, since lines that run at import count too.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from coverage import Coverage


def main(name: str, corpus: Path, modules: Sequence[str]) -> None:
    """Prints a table, and last the share in percent."""
    measured = Coverage(data_file=None, config_file=False, branch=True, source_pkgs=list(modules))
    measured.start()
    target = import_module("fuzz.targets").TARGETS[name]
    for path in sorted(corpus.iterdir()):
        target.one_input(path.read_bytes())
    measured.stop()
    print(f"{measured.report(show_missing=True):.1f}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
