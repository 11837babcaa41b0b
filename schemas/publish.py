"""What has been published: a version listed in published.json is never edited again.

`python -m schemas.publish` lists versions that are new, and refuses to touch those that are listed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from schemas.registry import LIST, PUBLISHED, Registry, SchemaError


class Entry(TypedDict):
    """`fingerprint`: CRC-64-AVRO as 16 hex digits, the highest first. `sha256`: of the file, in hex."""

    name: str
    version: int
    fingerprint: str
    sha256: str


def entries(registry: Registry = PUBLISHED) -> list[Entry]:
    """What the registry's files say now."""
    return [
        Entry(name=one.name, version=one.number, fingerprint=one.fingerprint[::-1].hex(), sha256=one.sha256)
        for one in registry.versions
    ]


def published(path: Path = LIST) -> list[Entry]:
    """What the list says."""
    found: list[Entry] = json.loads(path.read_text(encoding="utf-8"))
    return found


def publish(registry: Registry = PUBLISHED, path: Path = LIST) -> None:
    """Adds the registry's new versions to the list. Raises SchemaError where a listed one is changed or gone."""
    now = entries(registry)
    lost = [one for one in published(path) if one not in now]
    if lost:
        raise SchemaError(f"changed after it was published: {lost[0]['name']} v{lost[0]['version']}")
    path.write_text(_lines(now), encoding="utf-8")


def _lines(now: Sequence[Entry]) -> str:
    return "[\n" + ",\n".join(f"  {json.dumps(one)}" for one in now) + "\n]\n"


if __name__ == "__main__":
    publish()
