"""The schemas as files, for producers and consumers in other languages."""

import shutil
from pathlib import Path

from schemas.registry import AVRO, LIST


def export(directory: Path) -> list[Path]:
    """Writes `<directory>/<record name>/v<number>.avsc` for every version, and `published.json` with the fingerprints.

    Files of those names are written over; others stay. Gives the paths written, sorted. Raises OSError.
    """
    sources = {path.relative_to(AVRO): path for path in AVRO.glob("*/v*.avsc")} | {Path(LIST.name): LIST}
    return [_copied(source, directory / name) for name, source in sorted(sources.items())]


def _copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target
