"""Every version of every record's schema, found by its fingerprint or by its record's name."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.canonical import fingerprint
from schemas.shape import Schema, Shape

AVRO = Path(__file__).parent / "avro"
"""One folder a record, in it `v1.avsc`, `v2.avsc` and so on."""

LIST = Path(__file__).parent / "published.json"
"""What has been published, with fingerprints; see `schemas.publish`."""

MARKER = b"\xc3\x01"
"""The first bytes of Avro's single-object encoding, version 1."""

REFUSAL = "CommandRejected"


class SchemaError(ValueError):
    """The folder of schemas cannot be used: empty, two of one fingerprint, a gap in the versions, a wrong name."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one record's schema, with what the codec derives from it.

    `fingerprint` is CRC-64-AVRO, little-endian; `sha256` is that of the file, in hex; `header` is what an Avro value
    begins with.
    """

    name: str
    number: int
    schema: Schema = field(repr=False)
    sha256: str
    fingerprint: bytes
    shape: Shape = field(repr=False)
    header: bytes = field(repr=False)

    @property
    def is_event(self) -> bool:
        """Whether it is on `chat.events`."""
        return "event_type" in self.shape.names


class Registry:
    """The versions of one folder. Raises SchemaError for none at all, a missing one, two of one fingerprint."""

    def __init__(self, versions: Iterable[Version]) -> None:
        self.versions = tuple(sorted(versions, key=lambda one: (one.name, one.number)))
        if not self.versions:
            raise SchemaError("no schemas: the package was installed without its .avsc files")
        self.by_fingerprint: dict[bytes, Version] = {}
        self.newest: dict[str, Version] = {}
        for one in self.versions:
            self._add(one)
        self.events = _named(one for one in self.newest.values() if one.is_event)
        self.commands = _named(one for one in self.newest.values() if not one.is_event and one.name != REFUSAL)

    def _add(self, one: Version) -> None:
        twin = self.by_fingerprint.setdefault(one.fingerprint, one)
        if twin is not one:
            raise SchemaError(f"{one} and {twin} have one fingerprint")
        before = self.newest.get(one.name)
        if one.number != (before.number + 1 if before else 1):
            raise SchemaError(f"{one} does not follow the version before it")
        self.newest[one.name] = one


def load(folder: Path = AVRO) -> Registry:
    """The registry of `<folder>/<record name>/v<number>.avsc`. Raises SchemaError."""
    return Registry(_version(path) for path in folder.glob("*/v*.avsc"))


def _version(path: Path) -> Version:
    source = path.read_bytes()
    schema = json.loads(source)
    if schema["name"] != path.parent.name:
        raise SchemaError(f"{path.parent.name}/{path.name} names another record")
    mark = fingerprint(schema)
    sha256 = hashlib.sha256(source).hexdigest()
    number = int(path.stem.removeprefix("v"))
    return Version(path.parent.name, number, schema, sha256, mark, Shape(schema), MARKER + mark)


def _named(versions: Iterable[Version]) -> Mapping[str, Version]:
    return {one.name: one for one in versions}


PUBLISHED = load()
"""The schemas of this package, read at import."""
