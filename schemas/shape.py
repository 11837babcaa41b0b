"""The fields of a record, compiled once from its schema."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas import timestamps
from schemas.errors import Fault
from schemas.kinds import Constant, Enum, Integer, Kind, Metadata, Nullable, Text, Timestamp

Schema = dict[str, Any]
"""A record's schema, as its .avsc file says."""

REQUIRED = object()
"""Stands where a field has no default."""

_PRIMITIVES: Mapping[str, Kind] = {
    "string": Text(),
    "int": Integer(-(2**31), 2**31 - 1),
    "long": Integer(-(2**63), 2**63 - 1),
}


class Field(NamedTuple):
    """`default` is a Python value of the kind, or REQUIRED."""

    name: str
    kind: Kind
    default: Any


class Shape(Kind):
    """A record: a dict of all its fields in Python, one after the other in Avro, an object in JSON."""

    __slots__ = ("_defaults", "_readers", "_writers", "fields", "names")

    def __init__(self, schema: Schema) -> None:
        self.fields = tuple(_field(schema, one) for one in schema["fields"])
        self.names = dict.fromkeys(one.name for one in self.fields).keys()
        self._defaults = {one.name: one.default for one in self.fields if one.default is not REQUIRED}
        self._readers = tuple((one.name, one.kind.read) for one in self.fields)
        self._writers = tuple((one.name, one.kind.write) for one in self.fields)

    def read(self, data: bytes, at: int) -> tuple[dict[str, Any], int]:
        values, name = {}, ""
        try:
            for name, read in self._readers:
                values[name], at = read(data, at)
        except Fault as fault:
            raise fault.inside(name) from None
        except IndexError:
            raise Fault("is cut short", name) from None
        except UnicodeDecodeError:
            raise Fault("is not UTF-8", name) from None
        return values, at

    def write(self, out: bytearray, value: Any) -> None:
        values, name = self._completed(value), ""
        try:
            for name, write in self._writers:
                write(out, values[name])
        except KeyError:
            raise self._misnamed(values) from None
        except Fault as fault:
            raise fault.inside(name) from None
        except UnicodeEncodeError:
            raise Fault("has a lone surrogate", name) from None

    def parse(self, tree: Any) -> dict[str, Any]:
        self._check_names(tree)
        values, name = {}, ""
        try:
            for name, kind, default in self.fields:
                values[name] = kind.parse(tree[name]) if name in tree else default
        except Fault as fault:
            raise fault.inside(name) from None
        return values

    def dump(self, value: Any) -> dict[str, Any]:
        given, tree, name = self._completed(value), {}, ""
        try:
            for name, kind, _ in self.fields:
                tree[name] = kind.dump(given[name])
        except KeyError:
            raise self._misnamed(given) from None
        except Fault as fault:
            raise fault.inside(name) from None
        return tree

    def adapt(self, value: Any) -> dict[str, Any]:
        return {one.name: one.kind.adapt(value[one.name]) if one.name in value else one.default for one in self.fields}

    def _completed(self, given: Any) -> Mapping[str, Any]:
        """`given` with defaults for what it leaves out. As many names as there are need no look at each of them."""
        if type(given) is dict and len(given) == len(self.names):
            return given
        self._check_names(given)
        return self._defaults | dict(given)

    def _check_names(self, given: Any) -> None:
        if not isinstance(given, Mapping):
            raise Fault("must be an object")
        if not given.keys() <= self.names or self.names - self._defaults.keys() - given.keys():
            raise self._misnamed(given)

    def _misnamed(self, given: Mapping[str, Any]) -> Fault:
        for name in self.names:
            if name not in given and name not in self._defaults:
                return Fault("is missing", name)
        return Fault("has an unknown field")


def kind_of(schema: Any, name: str, record: str) -> Kind:
    """The kind of the field `name` of `record`. Raises ValueError for a type that this package does not know."""
    match schema:
        case "string" if name in {"metadata", "event_type"}:
            return Metadata() if name == "metadata" else Constant(record)
        case "string" | "int" | "long":
            return _PRIMITIVES[schema]
        case ["null", other]:
            return Nullable(kind_of(other, name, record))
        case {"type": "long", "logicalType": "timestamp-millis"}:
            return Timestamp(timestamps.EARLIEST, timestamps.LATEST)
        case {"type": "enum", "symbols": symbols}:
            return Enum(tuple(symbols), schema.get("default"))
        case {"type": "record"}:
            return Shape(schema)
    raise ValueError(f"{record}.{name} has a type that the codec does not know")


def _field(record: Schema, schema: Schema) -> Field:
    name = schema["name"]
    return Field(name, kind_of(schema["type"], name, record["name"]), schema.get("default", REQUIRED))
