"""The kinds of values that our schemas are made of, and each one's four ways: from and to Avro, from and to JSON.

A small part of Avro, on purpose: string, long, int, timestamp-millis, enum, null or something else, record. Every
method raises Fault where the value is not of its kind.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas import timestamps
from schemas.binary import read_long, read_text, write_long, write_text
from schemas.errors import Fault
from schemas.json_text import Number, compact, compact_object


class Kind:
    """One kind of value: a Python value on one side, Avro's bytes or JSON's tree on the other."""

    __slots__ = ()

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        """The value whose Avro form begins at `at`, and the position behind it."""
        raise NotImplementedError

    def write(self, out: bytearray, value: Any) -> None:
        """Appends the Avro form."""
        raise NotImplementedError

    def parse(self, tree: Any) -> Any:
        """The value of parsed JSON."""
        raise NotImplementedError

    def dump(self, value: Any) -> Any:
        """The value as orjson is to write it."""
        raise NotImplementedError

    def adapt(self, value: Any) -> Any:
        """The value of an older version, as this one has it."""
        return value


class Text(Kind):
    """A string."""

    __slots__ = ()

    read = staticmethod(read_text)
    write = staticmethod(write_text)

    def parse(self, tree: Any) -> str:
        if type(tree) is not str:  # a Number is a str too
            raise Fault("must be a string")
        return tree

    def dump(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Fault("must be a string")
        return value


@dataclass(frozen=True, slots=True)
class Constant(Text):
    """A string that is always the same: the type that an event says of itself."""

    value: str

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        found, at = read_text(data, at)
        return self.parse(found), at

    def write(self, out: bytearray, value: Any) -> None:
        write_text(out, self.parse(value))

    def parse(self, tree: Any) -> str:
        if tree != self.value:
            raise Fault("must be the record's own name")
        return self.value

    def dump(self, value: Any) -> str:
        return self.parse(value)


class Metadata(Text):
    """A JSON object: its compact text in Python and in Avro, the object itself in JSON."""

    __slots__ = ()

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        text, at = read_text(data, at)
        return compact(text), at

    def write(self, out: bytearray, value: Any) -> None:
        write_text(out, compact(value))

    def parse(self, tree: Any) -> str:
        return compact_object(tree)

    def dump(self, value: Any) -> Any:
        return orjson.Fragment(compact(value))


@dataclass(frozen=True, slots=True)
class Integer(Kind):
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def read(self, data: bytes, at: int) -> tuple[int, int]:
        number, at = read_long(data, at)
        if not self.low <= number <= self.high:
            raise Fault("is out of range")
        return number, at

    def write(self, out: bytearray, value: Any) -> None:
        write_long(out, self.checked(value))

    def parse(self, tree: Any) -> int:
        if type(tree) is not Number or not tree.removeprefix("-").isdigit():
            raise Fault("must be a whole number")
        return self.checked(int(tree))

    def dump(self, value: Any) -> Any:
        return self.checked(value)

    def checked(self, value: Any) -> int:
        """`value`, where it is a number in range."""
        if type(value) is not int:  # a bool is an int too
            raise Fault("must be a whole number")
        if not self.low <= value <= self.high:
            raise Fault("is out of range")
        return value


class Timestamp(Integer):
    """A time: UTC milliseconds since 1970 in Python and Avro, RFC 3339 in JSON."""

    __slots__ = ()

    def parse(self, tree: Any) -> int:
        try:
            return timestamps.from_text(tree if type(tree) is str else "")
        except ValueError:
            raise Fault("must be a time in RFC 3339 with milliseconds and Z") from None

    def dump(self, value: Any) -> str:
        return timestamps.to_text(self.checked(value))


@dataclass(frozen=True, slots=True)
class Enum(Kind):
    """One of some words. `default` is what a reader takes for a newer version's word; None: there is none."""

    symbols: tuple[str, ...]
    default: str | None

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        index, at = read_long(data, at)
        if not 0 <= index < len(self.symbols):
            raise Fault("must be one of the words of its type")
        return self.symbols[index], at

    def write(self, out: bytearray, value: Any) -> None:
        if value not in self.symbols:
            raise Fault("must be one of the words of its type")
        write_long(out, self.symbols.index(value))

    def parse(self, tree: Any) -> str:
        if tree not in self.symbols:
            raise Fault("must be one of the words of its type")
        return self.symbols[self.symbols.index(tree)]

    def dump(self, value: Any) -> str:
        return self.parse(value)

    def adapt(self, value: Any) -> Any:
        return value if value in self.symbols else self.default


@dataclass(frozen=True, slots=True)
class Nullable(Kind):
    """None, or a value of another kind: Avro's union ["null", T]."""

    kind: Kind

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        branch, at = read_long(data, at)
        if branch not in {0, 1}:
            raise Fault("is of no type that it may have")
        return self.kind.read(data, at) if branch else (None, at)

    def write(self, out: bytearray, value: Any) -> None:
        write_long(out, value is not None)
        if value is not None:
            self.kind.write(out, value)

    def parse(self, tree: Any) -> Any:
        return None if tree is None else self.kind.parse(tree)

    def dump(self, value: Any) -> Any:
        return None if value is None else self.kind.dump(value)

    def adapt(self, value: Any) -> Any:
        return None if value is None else self.kind.adapt(value)
